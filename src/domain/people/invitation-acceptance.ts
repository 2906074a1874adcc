/**
 * Accepting an invitation: who holds its link becomes the member that was invited. A link that came by mail proves the
 * address, and makes an account that is the person's own; one that an administrator handed over is good in that
 * organization alone, and so is the password set with it.
 */
import type { Clock } from '../../kernel/clock.ts';
import { AppError, notFound } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRow } from '../directory/missing.ts';
import type { MailSecrets } from '../mail/mail-secrets.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Invitation, Membership, Organization, Role } from '../model/people.ts';
import { loginName } from '../organizations/names.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';
import { insertEverywherePassword, requireLength, setOrganizationPassword } from './organization-password.ts';
import { requireManages } from './role-rules.ts';

const SECRET_LENGTH = 43;
/** `<organization>-<secret>`: the organization only says where to look. */
const LINK = /^([1-9]\d{0,15})-([A-Za-z0-9_-]{43})$/u;

/** The path of the page; the link's text follows. */
export const INVITATION_PATH = '/login/invitation/';

export interface OpenInvitation {
  readonly invitation: Invitation;
  readonly member: Membership;
}

/** Without a member: it makes one of whoever uses it. */
export interface OpenedInvitation {
  readonly invitation: Invitation;
  readonly member: Membership | undefined;
}

/** With whether what it opens is good everywhere. */
export type FoundInvitation = OpenedInvitation & {
  readonly organization: Organization;
  readonly role: Role;
  readonly everywhere: boolean;
};

/** Where a person with a link stands. */
export interface InvitationDoor {
  /** Undefined when it was accepted, revoked, renewed, is too old or unknown. */
  find(link: string): Promise<FoundInvitation | undefined>;
  /**
   * With a password. The name counts where the invitation names nobody. Errors: `invalid` (name, password), `taken` (name),
   * `not_found`.
   */
  accept(link: string, given: { readonly name: string; readonly password: string }): Promise<Membership>;
  /**
   * As the account of a session that is good everywhere. Errors: `not_found`, `forbidden` (another session or address, or an
   * organization that keeps its people), `conflict` (not open any more, a member already), `taken` (the address is somebody's).
   */
  acceptAs(actor: Actor, link: string, origin: AuditOrigin): Promise<Membership>;
}

export interface InvitationAcceptance extends Omit<InvitationDoor, 'acceptAs'> {
  /**
   * A link to hand over, in place of the one before it. Errors: `not_found`, also for an invitation that is not open;
   * `forbidden` (to a role above the actor's).
   */
  createLink(
    actor: Actor,
    invitation: number,
    origin: AuditOrigin,
  ): Promise<{ readonly link: string; readonly expiresAt: number }>;
}

export interface InvitationAcceptanceParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly hashPassword: (password: string) => Promise<string>;
  /** What mails of invitations hold: who comes with that has shown that the address is theirs. */
  readonly mailSecrets: Pick<MailSecrets, 'invitation'>;
}

/** What a link is made of; undefined for a text that is none. */
export function invitationSecretOf(
  link: string,
): { readonly org: number; readonly secret: string } | undefined {
  const [, org, secret] = LINK.exec(link) ?? [];
  return secret === undefined ? undefined : { org: Number(org), secret };
}

/** The invitation that a link opens, and who it makes a member; undefined when it is not open. */
export async function openInvitationOf(
  reader: Reader,
  link: string,
  now: number,
): Promise<OpenInvitation | undefined> {
  const found = invitationSecretOf(link);
  if (found === undefined) return undefined;
  const invitation = await reader.lookup('invitation', 'tokenHash', sha256Hex(found.secret));
  if (invitation?.org !== found.org || invitation.status !== 'pending') return undefined;
  if (invitation.expiresAt <= now) return undefined;
  // A link that anybody may use makes its member when it is used: not here.
  if (invitation.membership === null) return undefined;
  const opened = await withMember(reader, invitation);
  return opened?.member === undefined ? undefined : { invitation, member: opened.member };
}

/** With the member who waits; undefined where that one does not any more. */
export async function withMember(
  reader: Pick<Reader, 'get'>,
  invitation: Invitation,
): Promise<OpenedInvitation | undefined> {
  if (invitation.membership === null) return { invitation, member: undefined };
  const member = await reader.get('membership', invitation.org, invitation.membership);
  const waits = member !== undefined && member.joinedAt === null && member.suspendedAt === null;
  return waits ? { invitation, member } : undefined;
}

/** Undefined when its organization is gone. */
export async function foundInvitation(
  reader: Pick<Reader, 'get'>,
  { invitation, member }: OpenedInvitation,
  everywhere: boolean,
): Promise<FoundInvitation | undefined> {
  const organization = await reader.get('organization', INSTALLATION, invitation.org);
  const role = member?.role ?? invitation.role ?? 'member';
  return organization && { invitation, member, organization, role, everywhere };
}

/** The rows of a person who joins; what opens the door to them is the caller's, and so is an event of the installation. */
export async function acceptInvitation(
  tx: Tx,
  member: Membership,
  invitation: Invitation | undefined,
): Promise<Membership> {
  const { org, id } = member;
  const joined = await tx.update('membership', org, id, { joinedAt: tx.now, approvedAt: tx.now });
  await tx.update('account', INSTALLATION, member.account, { claimed: true });
  if (invitation !== undefined) {
    await tx.update('invitation', org, invitation.id, {
      status: 'accepted',
      openKey: null,
      tokenHash: null,
      acceptedBy: member.account,
    });
  }
  const event = {
    verb: 'accept',
    objectKind: invitation === undefined ? 'membership' : 'invitation',
    objectId: invitation?.id ?? id,
    objectName: loginName(member),
  } as const;
  tx.audit(org, event);
  tx.audit(INSTALLATION, event);
  return joined;
}

export function createInvitationAcceptance(parts: InvitationAcceptanceParts): InvitationAcceptance {
  const { store, clock, random, hashPassword, mailSecrets } = parts;

  const gone = (): AppError => new AppError('not_found', 'this invitation is not open any more');

  /**
   * A link that a mail brought proves the address, which no administrator's word does: the person gets an account of their
   * own, good in every organization, unless the address has one already.
   */
  const isEverywhere = async (reader: Reader, { invitation, member }: OpenInvitation): Promise<boolean> => {
    const mailed = invitation.tokenHash === sha256Hex(mailSecrets.invitation(invitation));
    if (!mailed || member.emailKey === null) return false;
    const proven = { email: member.emailKey, emailVerified: true };
    return (await reader.find('identity', INSTALLATION, proven, 1)).length === 0;
  };

  return {
    find: async (link) => {
      const open = await openInvitationOf(store, link, clock.now());
      return open && foundInvitation(store, open, await isEverywhere(store, open));
    },
    createLink: async (actor, id, origin) => {
      authorize(actor, 'invitations:write');
      const secret = randomSecret(random, SECRET_LENGTH);
      return store.write(contextOf(actor, origin), async (tx) => {
        const invitation = await requireRow(tx, 'invitation', actor.org, id);
        const member =
          invitation.membership === null
            ? undefined
            : await tx.get('membership', actor.org, invitation.membership);
        if (member === undefined || invitation.status !== 'pending' || invitation.expiresAt <= tx.now) {
          throw notFound('invitation');
        }
        requireManages(actor, member.role);
        await tx.update('invitation', actor.org, id, { tokenHash: sha256Hex(secret) });
        tx.audit(actor.org, {
          verb: 'update',
          objectKind: 'invitation',
          objectId: id,
          objectName: loginName(member),
          field: 'link',
        });
        return { link: `${actor.org}-${secret}`, expiresAt: invitation.expiresAt };
      });
    },
    accept: async (link, { password }) => {
      requireLength(password);
      const found = await openInvitationOf(store, link, clock.now());
      // Hashing is dear: only whoever holds a link may ask for it.
      if (found === undefined) throw gone();
      const secretHash = await hashPassword(password);
      const { org, id } = found.member;
      const by = { kind: 'membership', id: String(id), name: loginName(found.member) } as const;
      return store.write({ orgs: [INSTALLATION, org], by, origin: 'native-api' }, async (tx) => {
        const present = await openInvitationOf(tx, link, tx.now);
        if (present === undefined) throw gone();
        const everywhere = await isEverywhere(tx, present);
        const member = await acceptInvitation(tx, present.member, present.invitation);
        if (everywhere && member.emailKey !== null)
          await insertEverywherePassword(tx, member, member.emailKey, secretHash);
        else await setOrganizationPassword(tx, member, secretHash);
        return member;
      });
    },
  };
}
