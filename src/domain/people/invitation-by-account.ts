/**
 * An invitation in the hands of somebody who has an account already: the member who was invited becomes one of that account.
 * Only a session that is good everywhere speaks for an account; one that an organization's own administrators can open
 * stays in that organization.
 */
import { AppError, notFound } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Actor, byOf } from '../access/actor.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Invitation, Membership, Organization, Role } from '../model/people.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import {
  acceptInvitation,
  invitationSecretOf,
  type OpenInvitation,
  openInvitationOf,
} from './invitation-acceptance.ts';

export interface InvitationView {
  readonly invitation: Invitation;
  readonly organization: Organization;
  readonly role: Role;
}

export interface InvitationsByAccount {
  /** For whoever holds the link, without any other credential. It is not used up. Errors: `not_found`. */
  view(link: string): Promise<InvitationView>;
  /**
   * Errors: `not_found`; `forbidden` (another address, or a session that does not speak for an account); `conflict` (not open
   * any more, or already a member).
   */
  accept(
    actor: Actor,
    link: string,
    origin: AuditOrigin,
  ): Promise<{ readonly member: Membership; readonly organization: Organization }>;
}

export function createInvitationsByAccount({ store }: { readonly store: Store }): InvitationsByAccount {
  const view: InvitationsByAccount['view'] = async (link) => {
    const found = invitationSecretOf(link);
    const invitation = found && (await store.lookup('invitation', 'tokenHash', sha256Hex(found.secret)));
    if (found === undefined || invitation?.org !== found.org) throw notFound('invitation');
    const [organization, member] = await Promise.all([
      store.organizationBy('id', invitation.org),
      invitation.membership === null
        ? undefined
        : store.get('membership', invitation.org, invitation.membership),
    ]);
    if (organization === undefined) throw notFound('invitation');
    return { invitation, organization, role: member?.role ?? invitation.role ?? 'member' };
  };

  return {
    view,
    accept: async (actor, link, origin) => {
      const { organization } = await view(link);
      const self = await requireAccount(store, actor);
      const { id: org } = organization;
      const context = { orgs: [...new Set([INSTALLATION, actor.org, org])], by: byOf(actor), origin };
      return store.write(context, async (tx) => {
        const open = await openInvitationOf(tx, link, tx.now);
        if (open === undefined) throw new AppError('conflict', 'this invitation is not open any more');
        return { member: await joinAsSelf(tx, self, open), organization };
      });
    },
  };
}

/** The invited member becomes one of the account of a person whose address it is. */
export async function joinAsSelf(
  tx: Tx,
  self: Membership,
  { invitation, member }: OpenInvitation,
): Promise<Membership> {
  const { org } = invitation;
  if (self.emailKey === null || self.emailKey !== member.emailKey) {
    throw new AppError('forbidden', 'the invitation is for another e-mail address');
  }
  await requireNewcomer(tx, self, org);
  return acceptInvitation(tx, await moveToAccount(tx, member, self.account), invitation);
}

/** Errors: `forbidden` (their organization keeps its people), `conflict` (a member already). */
export async function requireNewcomer(reader: Reader, self: Membership, org: number): Promise<void> {
  if (self.org !== org) await requireLetOut(reader, self);
  const [present] = await reader.find('membership', org, { account: self.account }, 1);
  if (present !== undefined) throw new AppError('conflict', 'you are a member already');
}

const ADMINISTRATORS: ReadonlySet<Role> = new Set(['owner', 'admin', 'it-admin', 'network-admin']);

/** Whether the organization in which somebody signed in lets them join others. Errors: `forbidden`. */
async function requireLetOut(reader: Reader, { org, role }: Membership): Promise<void> {
  const { users_role_joins_external: who } = await readSettings(reader, org);
  if (who === 'member' || (who === 'admin' && ADMINISTRATORS.has(role))) return;
  throw new AppError('forbidden', 'your organization does not let you join others');
}

/** The membership of a person whose session is good in every organization. Errors: `forbidden`. */
export async function requireAccount(reader: Pick<Reader, 'get'>, actor: Actor): Promise<Membership> {
  const held = actor.kind === 'member' ? actor.credential : null;
  const session = held === null ? undefined : await reader.get('session', actor.org, { credential: held.id });
  const member =
    actor.kind === 'member' && session?.identityOrg === INSTALLATION
      ? await reader.get('membership', actor.org, actor.membership)
      : undefined;
  if (member === undefined) {
    throw new AppError('forbidden', 'sign in as a person, in a way that is good in every organization');
  }
  return member;
}

/** The account that the invitation made was a place to keep; it goes. */
async function moveToAccount(tx: Tx, member: Membership, account: number): Promise<Membership> {
  const moved = await tx.update('membership', member.org, member.id, { account });
  const placeholder = await tx.get('account', INSTALLATION, member.account);
  if (placeholder?.claimed === false) await tx.remove('account', INSTALLATION, member.account);
  return moved;
}
