/**
 * The one connection of an organization to an identity provider. It is there or it is not; switching it on asks nothing of
 * the provider, which is looked for when somebody signs in. The client secret is sealed and never shown.
 *
 * Errors of all: `forbidden`, `not_found` (there is no connection), `invalid`, `conflict`.
 */
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { SsoConnection } from '../model/people.ts';
import { endSsoSessions } from '../people/session-end.ts';
import type { SealedPlace, Sealer } from '../ports/sealer.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';
import { mergeProtocols, type ProtocolsPatch, secretDestination } from './protocols.ts';
import { requireOtherLogin, requireTrust, vouchedRoles } from './sign-in-guards.ts';

export interface NewSsoConnection {
  /** The issuer, kept byte for byte. */
  readonly identifier: string;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  readonly protocols?: ProtocolsPatch | null | undefined;
}

/** What is absent stays as it is; null clears. */
export interface SsoConnectionPatch {
  readonly identifier?: string | undefined;
  readonly clientId?: string | null | undefined;
  readonly clientSecret?: string | null | undefined;
  readonly protocols?: ProtocolsPatch | null | undefined;
}

export interface SsoConnectionService {
  /** Undefined when there is none. Requires `sso:read`. */
  find(actor: Actor): Promise<SsoConnection | undefined>;
  /** `conflict` with reason `sso_already_enabled` when there is one. */
  enable(actor: Actor, input: NewSsoConnection, origin: AuditOrigin): Promise<SsoConnection>;
  update(actor: Actor, patch: SsoConnectionPatch, origin: AuditOrigin): Promise<SsoConnection>;
  /** `conflict` with reason `owner_login` when the owner could not sign in any more. */
  disable(actor: Actor, origin: AuditOrigin): Promise<void>;
}

export interface SsoConnectionParts {
  readonly store: Store;
  readonly random: Random;
  readonly sealer: Sealer;
}

const MAX_IDENTIFIER = 2_048;
const MAX_CLIENT_ID = 1_000;
const MAX_SECRET = 4_096;

const secretPlace = ({ org, id }: Pick<SsoConnection, 'org' | 'id'>): SealedPlace => ({
  kind: 'ssoConnection',
  org,
  key: id,
  column: 'secretSealed',
});

/** The secret with which the organization's client shows itself to the provider; null for a public client. */
export const ssoClientSecret = (sealer: Sealer, connection: SsoConnection): string | null =>
  connection.secretSealed === null ? null : sealer.open(connection.secretSealed, secretPlace(connection));

/** The organization's connection, for whoever signs people in. */
export async function ssoConnectionOf(
  reader: Pick<Reader, 'find'>,
  org: number,
): Promise<SsoConnection | undefined> {
  return (await reader.find('ssoConnection', org, {}, 1))[0];
}

function checkText(value: string, field: string, max: number): string {
  if (value.length < 1 || value.length > max || !value.isWellFormed() || value.includes('\0')) {
    throw invalid(`${field} must have 1 to ${max} characters`, field);
  }
  return value;
}

const checkIdentifier = (value: string): string => checkText(value, 'identifier', MAX_IDENTIFIER);
const checkClientId = (value: string | null): string | null =>
  value === null ? null : checkText(value, 'client_id', MAX_CLIENT_ID);
const checkSecret = (value: string | null): string | null =>
  value === null ? null : checkText(value, 'client_secret', MAX_SECRET);

export function createSsoConnections({ store, random, sealer }: SsoConnectionParts): SsoConnectionService {
  const seal = (secret: string | null, place: Pick<SsoConnection, 'org' | 'id'>): string | null =>
    secret === null ? null : sealer.seal(secret, secretPlace(place));
  const required = async (tx: Tx, org: number): Promise<SsoConnection> => {
    const found = await ssoConnectionOf(tx, org);
    if (found === undefined) throw notFound('SSO connection');
    return found;
  };

  return {
    find: async (actor) => {
      authorize(actor, 'sso:read');
      return ssoConnectionOf(store, actor.org);
    },

    enable: async (actor, input, origin) => {
      authorize(actor, 'sso:write');
      const { org } = actor;
      const identifier = checkIdentifier(input.identifier);
      const clientId = checkClientId(input.clientId);
      const secret = checkSecret(input.clientSecret ?? null);
      const protocols = mergeProtocols(null, input.protocols);
      return store.write(contextOf(actor, origin), async (tx) => {
        if ((await ssoConnectionOf(tx, org)) !== undefined) {
          throw new AppError('conflict', 'SSO is already enabled for this organization', {
            details: { reason: 'sso_already_enabled' },
          });
        }
        await requireTrust(tx, actor, undefined, { identifier, protocols });
        const id = tx.newId();
        const made = await tx.insert('ssoConnection', {
          org,
          id,
          nano: randomNanoId(random),
          identifier,
          clientId,
          secretSealed: seal(secret, { org, id }),
          protocols,
          vouchedRoles: vouchedRoles(actor, undefined, { identifier, protocols }, protocols),
          createdAt: tx.now,
          updatedAt: tx.now,
        });
        audit(tx, made, 'enable', { after: { identifier, clientId, protocols } });
        return made;
      });
    },

    update: async (actor, patch, origin) => {
      authorize(actor, 'sso:write');
      const { org } = actor;
      const wanted = {
        ...(patch.identifier === undefined ? {} : { identifier: checkIdentifier(patch.identifier) }),
        ...(patch.clientId === undefined ? {} : { clientId: checkClientId(patch.clientId) }),
      };
      const secret = patch.clientSecret === undefined ? undefined : checkSecret(patch.clientSecret);
      return store.write(contextOf(actor, origin), async (tx) => {
        const before = await required(tx, org);
        const after = { ...before, ...wanted, protocols: mergeProtocols(before.protocols, patch.protocols) };
        await requireTrust(tx, actor, before, after);
        requireSecretAnew(before, after, secret);
        if (after.identifier !== before.identifier) {
          await requireOtherLogin(tx, before);
          await endSsoSessions(tx, before);
        }
        const keyed =
          secret === undefined || secret === ssoClientSecret(sealer, before)
            ? {}
            : { secretSealed: seal(secret, before) };
        const changed = await tx.update('ssoConnection', org, before.id, {
          ...wanted,
          protocols: after.protocols,
          vouchedRoles: vouchedRoles(actor, before, after, mergeProtocols(null, patch.protocols)),
          ...keyed,
        });
        if (isSameRow(before, changed)) return before;
        audit(tx, before, 'update', {
          before: shown(before),
          after: { ...shown(changed), ...('secretSealed' in keyed ? { clientSecret: 'changed' } : {}) },
        });
        return tx.update('ssoConnection', org, before.id, { updatedAt: tx.now });
      });
    },

    disable: async (actor, origin) => {
      authorize(actor, 'sso:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const found = await required(tx, actor.org);
        await requireOtherLogin(tx, found);
        await tx.remove('ssoConnection', actor.org, found.id);
        await endSsoSessions(tx, found);
        audit(tx, found, 'disable', { before: shown(found) });
      });
    },
  };
}

const shown = ({ identifier, clientId, protocols, vouchedRoles: vouched }: SsoConnection) => ({
  identifier,
  clientId,
  protocols,
  ...(vouched === null ? {} : { vouchedRoles: vouched }),
});

/**
 * A secret that was given for one place is not taken to another by somebody who may not know it.
 * @param secret as it was sent; null clears it
 */
function requireSecretAnew(
  before: SsoConnection,
  after: Destination,
  secret: string | null | undefined,
): void {
  if (before.secretSealed === null || secret !== undefined) return;
  const place = ({ identifier, protocols }: Destination): string => secretDestination(identifier, protocols);
  if (place(before) === place(after)) return;
  throw invalid(
    'client_secret must be sent again when the identifier or the token endpoint changes',
    'client_secret',
  );
}

type Destination = Pick<SsoConnection, 'identifier' | 'protocols'>;

function audit(
  tx: Tx,
  connection: SsoConnection,
  verb: 'enable' | 'update' | 'disable',
  change: { readonly before?: unknown; readonly after?: unknown },
): void {
  tx.audit(connection.org, {
    verb,
    objectKind: 'ssoConnection',
    objectId: connection.id,
    objectName: connection.identifier,
    ...change,
  });
}
