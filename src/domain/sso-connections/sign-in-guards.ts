/** What a change of the connection must not do: lock the owner out, or let in whoever made it as somebody else. */
import { AppError } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { ADMINISTRATIVE_ROLES } from '../access/permissions.ts';
import type { Identity, IdentityKind, Role, SsoConnection, SsoProtocols } from '../model/people.ts';
import { manages } from '../people/role-rules.ts';
import { INSTALLATION, type Tx } from '../ports/store.ts';
import { trustOf } from './protocols.ts';

/** Identities that open a session by themselves; a second factor does not. */
const LOGINS: readonly IdentityKind[] = ['password', 'passkey', 'oidc', 'sso'];

const isOf =
  ({ org, identifier }: Pick<SsoConnection, 'org' | 'identifier'>) =>
  (identity: Identity): boolean =>
    identity.org === org && identity.kind === 'sso' && identity.issuer === identifier;

/** The owner is how an organization that lost its provider is opened again. Errors: `conflict`. */
export async function requireOtherLogin(tx: Tx, connection: SsoConnection): Promise<void> {
  const { org } = connection;
  const [owner] = await tx.find('membership', org, { role: 'owner' }, 1);
  if (owner === undefined) return;
  const { account } = owner;
  const logins = [
    ...(await tx.find('identity', org, { account, kind: LOGINS })),
    ...(await tx.find('identity', INSTALLATION, { account, kind: LOGINS })),
  ];
  const viaConnection = logins.filter(isOf(connection));
  if (viaConnection.length === 0 || viaConnection.length < logins.length) return;
  throw new AppError(
    'conflict',
    'the owner signs in by this connection alone: give the owner a password or passkey first',
    { details: { reason: 'owner_login' } },
  );
}

/** The administrative roles for whose people the actor may say what counts as the issuer's word. */
const rolesOf = (actor: Actor): Role[] => [...ADMINISTRATIVE_ROLES].filter((role) => manages(actor, role));

/**
 * Who may sign in on the word of endpoints that are set by hand: roles that their setter manages. Whoever names the same
 * endpoints again takes them on for those that they manage themselves.
 * @param named what the actor said of the endpoints in this change
 */
export function vouchedRoles(
  actor: Actor,
  before: SsoConnection | undefined,
  after: Trust,
  named: SsoProtocols | null,
): readonly Role[] | null {
  const trust = trustOf(after.protocols);
  if (trust === '') return null;
  const same =
    before !== undefined && before.identifier === after.identifier && trustOf(before.protocols) === trust;
  if (!same) return rolesOf(actor);
  const known = before.vouchedRoles ?? [];
  if (trustOf(named) !== trust) return known;
  const own = rolesOf(actor);
  return [...ADMINISTRATIVE_ROLES].filter((role) => known.includes(role) || own.includes(role));
}

/** Whether somebody of this role signs in by what the connection's endpoints say. */
export const vouchesFor = ({ vouchedRoles: vouched }: SsoConnection, role: Role): boolean =>
  vouched === null || !ADMINISTRATIVE_ROLES.has(role) || vouched.includes(role);

type Trust = Pick<SsoConnection, 'identifier' | 'protocols'>;

/**
 * Endpoints that are set by hand decide whose word counts as the issuer's. Who sets them could sign in as anybody whom the
 * issuer vouches for, so nobody of them may have power that the actor does not manage. Errors: `forbidden`.
 */
export async function requireTrust(
  tx: Tx,
  actor: Actor,
  before: Trust | undefined,
  after: Trust,
): Promise<void> {
  const trust = trustOf(after.protocols);
  const same =
    before !== undefined && before.identifier === after.identifier && trustOf(before.protocols) === trust;
  if (same || trust === '') return;
  const { org } = actor;
  const powerful = await tx.find('membership', org, { role: [...ADMINISTRATIVE_ROLES] });
  const beyond = powerful.filter(({ role }) => !manages(actor, role)).map(({ account }) => account);
  const identities =
    beyond.length === 0
      ? []
      : await tx.find('identity', org, { account: beyond, kind: 'sso', issuer: after.identifier }, 1);
  if (identities.length > 0) {
    throw new AppError(
      'forbidden',
      'somebody whom you do not manage signs in by this connection: its endpoints are theirs to change',
    );
  }
}
