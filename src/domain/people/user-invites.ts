/**
 * Invitations as a person who sends them sees them: open ones, by the address they went to. What an invitation makes, and
 * taking it back, is in member-service.
 */
import { type Clock, DAY, MINUTE, SECOND } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRow } from '../directory/missing.ts';
import { queueMail, requireMail } from '../mail/mail-bounds.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Invitation, Role } from '../model/people.ts';
import type { KeyedTexts } from '../ports/keyed-texts.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';
import { readSettings, type Settings } from '../settings/settings.ts';
import { inviteLinkOf, opensByLink } from './invite-link.ts';
import { addInvited, type NewMember, requireManualUsers } from './invited-member.ts';
import { setInvitedRole } from './invited-role.ts';
import { checkEmail } from './member-rules.ts';
import type { MemberService } from './member-service.ts';
import { insertInvitation } from './new-invitation.ts';
import { manages, requireManages } from './role-rules.ts';

export interface UserInvite {
  readonly invitation: Invitation;
  readonly role: Role;
  /**
   * What follows the path of the page (`JOIN_PATH`). Only for those who could invite to that role themselves, and not for
   * addresses in the organization's own domains, whose people just sign in.
   */
  readonly link?: string;
}

export interface UserInvites {
  /** Open ones, oldest first. */
  list(actor: Actor): Promise<readonly UserInvite[]>;
  /** Errors: `not_found`, also for one that is not open any more. */
  get(actor: Actor, id: number): Promise<UserInvite>;
  /**
   * A second invitation of an address renews the first, with the new role; within a minute of its mail, or where the address
   * has had its mails, without another mail. Without an address, whoever has the link may
   * join, once. Only people invite. All are made, or none. Errors: `forbidden`, `invalid`, `taken`, `too_large`.
   */
  create(
    actor: Actor,
    invites: readonly { readonly email: string | null; readonly role: Role }[],
    madeBy: Invitation['madeBy'],
    origin: AuditOrigin,
  ): Promise<readonly UserInvite[]>;
  revoke(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  /**
   * Sends the mail again, with a new link. Errors: `invalid` without an address, `rate_limited` within a minute of the last and
   * where the address has had its mails.
   */
  resend(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

export interface UserInvitesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyedTexts: Pick<KeyedTexts, 'sign'>;
  readonly members: MemberService;
}

const MAX_LISTED = 10_000;
const MAX_AT_ONCE = 100;
/** Open invitations of one organization that name nobody. */
const MAX_LINKS = 1_000;
const RESEND_INTERVAL = MINUTE;

const requirePerson = (actor: Actor): void => {
  if (actor.kind === 'member') return;
  throw new AppError('forbidden', 'invitations are sent by people, not by a credential of the organization');
};

function requireAddress({ email }: Invitation): string {
  if (email === null) throw invalid('the invitation was made without an e-mail address', 'email');
  return email;
}

export function createUserInvites({
  store,
  clock,
  random,
  keyedTexts,
  members,
}: UserInvitesParts): UserInvites {
  const withRoles = async (actor: Actor, invitations: readonly Invitation[]): Promise<UserInvite[]> => {
    const ids = invitations.flatMap(({ membership }) => membership ?? []);
    const found = ids.length === 0 ? [] : await store.find('membership', actor.org, { id: ids }, MAX_LISTED);
    const roles = new Map(found.map(({ id, role }) => [id, role]));
    const now = clock.now();
    const organization = await store.get('organization', INSTALLATION, actor.org);
    const domains = new Set([...(organization?.domains ?? []), organization?.tailnetName]);
    const isOwn = ({ email }: Invitation): boolean =>
      email !== null && domains.has(email.slice(email.lastIndexOf('@') + 1).toLowerCase());
    return invitations.map((invitation) => {
      const role = roles.get(invitation.membership ?? 0) ?? invitation.role ?? 'member';
      const maySee = actor.permissions.has('invitations:write') && manages(actor, role);
      const shown = maySee && opensByLink(invitation, now) && !isOwn(invitation);
      return { invitation, role, ...(shown ? { link: inviteLinkOf(keyedTexts, invitation) } : {}) };
    });
  };
  const openIn = async (reader: Reader, org: number, id: number): Promise<Invitation> => {
    const invitation = await reader.get('invitation', org, id);
    if (invitation?.status !== 'pending' || invitation.expiresAt <= clock.now()) throw notFound('invitation');
    return invitation;
  };
  const get = async (actor: Actor, id: number): Promise<UserInvite> => {
    const [invite] = await withRoles(actor, [await openIn(store, actor.org, id)]);
    if (invite === undefined) throw notFound('invitation');
    return invite;
  };
  /** The mail holds a new link: the one before it opens nothing any more. */
  const noteSent = async (tx: Tx, { org, id, epoch }: Invitation, email: string): Promise<void> => {
    await tx.update('invitation', org, id, { epoch: epoch + 1, tokenHash: null, lastSentAt: tx.now });
    tx.audit(org, { verb: 'resend', objectKind: 'invitation', objectId: id, objectName: email });
  };
  const mailOf = ({ id }: Invitation) => ({ template: 'invitation', invitation: id });
  /** Milliseconds until the mail of an invitation may be sent once more. */
  const pauseOf = ({ lastSentAt, createdAt }: Invitation, now: number): number =>
    Math.max((lastSentAt ?? createdAt) + RESEND_INTERVAL - now, 0);

  const renew = async (
    tx: Tx,
    actor: Actor,
    { org, id, membership }: Invitation,
    role: Role,
    days: number,
  ): Promise<Invitation> => {
    if (membership !== null) await setInvitedRole(tx, actor, membership, role, (present) => present === role);
    const invitation = await tx.update('invitation', org, id, { expiresAt: tx.now + days * DAY });
    const email = requireAddress(invitation);
    const sent =
      pauseOf(invitation, tx.now) === 0 && (await queueMail(tx, org, email, mailOf(invitation))) === 0;
    if (sent) await noteSent(tx, invitation, email);
    // The link that was mailed stays good.
    else tx.audit(org, { verb: 'update', objectKind: 'invitation', objectId: id, objectName: email });
    return requireRow(tx, 'invitation', org, id);
  };

  const inviteAddress = async (
    tx: Tx,
    actor: Actor,
    input: NewMember,
    settings: Settings,
  ): Promise<Invitation> => {
    const [known] = await tx.find('invitation', actor.org, { openKey: normalizeKey(input.email) }, 1);
    if (known !== undefined) return renew(tx, actor, known, input.role, settings.invitation_days);
    return (await addInvited(tx, random, actor, input, settings)).invitation;
  };

  /** No member is made before somebody uses the link. */
  const createLink = async (
    tx: Tx,
    actor: Actor,
    { role, madeBy }: Pick<NewMember, 'role' | 'madeBy'>,
    { invitation_days: days, manual_users: manual }: Settings,
  ): Promise<Invitation> => {
    const { org } = actor;
    await requireManualUsers(tx, org, manual);
    const open = await tx.count('invitation', org, { where: { status: 'pending', email: null } });
    if (open >= MAX_LINKS) {
      throw new AppError('too_large', `an organization has at most ${MAX_LINKS} links that invite`);
    }
    const invitation = await insertInvitation(tx, random, actor, {
      email: null,
      membership: null,
      role,
      madeBy,
      days,
    });
    tx.audit(org, {
      verb: 'create',
      objectKind: 'invitation',
      objectId: invitation.id,
      objectName: `link-${invitation.id}`,
      after: { role },
    });
    return invitation;
  };

  return {
    list: async (actor) => {
      authorize(actor, 'invitations:read');
      const open = await store.list('invitation', actor.org, {
        where: { status: 'pending' },
        filters: [{ column: 'expiresAt', operator: '>', value: clock.now() }],
        limit: MAX_LISTED,
      });
      return withRoles(actor, open);
    },
    get: async (actor, id) => {
      authorize(actor, 'invitations:read');
      return get(actor, id);
    },
    create: async (actor, invites, madeBy, origin) => {
      authorize(actor, 'invitations:write');
      requirePerson(actor);
      if (invites.length > MAX_AT_ONCE) {
        throw new AppError('too_large', `at most ${MAX_AT_ONCE} people can be invited at once`);
      }
      if (invites.some(({ email }) => email !== null)) authorize(actor, 'members:write');
      for (const { role } of invites) requireManages(actor, role);
      const wanted = invites.map(({ email, role }) => ({
        email: email === null ? null : checkEmail(email),
        role,
        madeBy,
        send: true,
      }));
      const settings = await readSettings(store, actor.org);
      const context = { ...contextOf(actor, origin), orgs: [INSTALLATION, actor.org] };
      // All of them or none: whoever is told of a mistake sends the whole list again.
      const made = await store.write(context, async (tx) => {
        const invitations = new Map<number, Invitation>();
        const ids: number[] = [];
        for (const { email, ...input } of wanted) {
          const invitation =
            email === null
              ? await createLink(tx, actor, input, settings)
              : await inviteAddress(tx, actor, { ...input, email }, settings);
          invitations.set(invitation.id, invitation);
          ids.push(invitation.id);
        }
        return ids.flatMap((id) => invitations.get(id) ?? []);
      });
      return withRoles(actor, made);
    },
    revoke: async (actor, id, origin) => {
      authorize(actor, 'invitations:write');
      requirePerson(actor);
      const { invitation, role } = await get(actor, id);
      requireManages(actor, role);
      if (invitation.membership !== null) return members.remove(actor, invitation.membership, origin);
      await store.write(contextOf(actor, origin), async (tx) => {
        await openIn(tx, actor.org, id);
        await tx.update('invitation', actor.org, id, { status: 'revoked', openKey: null, tokenHash: null });
        tx.audit(actor.org, {
          verb: 'revoke',
          objectKind: 'invitation',
          objectId: id,
          objectName: invitation.email ?? `link-${id}`,
        });
      });
      return undefined;
    },
    resend: async (actor, id, origin) => {
      authorize(actor, 'invitations:write');
      requirePerson(actor);
      await store.write(contextOf(actor, origin), async (tx) => {
        const invitation = await openIn(tx, actor.org, id);
        const email = requireAddress(invitation);
        const wait = pauseOf(invitation, tx.now);
        if (wait > 0) {
          const retryAfterSeconds = Math.ceil(wait / SECOND);
          throw new AppError('rate_limited', 'the invitation was sent less than a minute ago', {
            details: { retryAfterSeconds },
          });
        }
        await requireMail(tx, actor.org, email, mailOf(invitation));
        await noteSent(tx, invitation, email);
      });
    },
  };
}
