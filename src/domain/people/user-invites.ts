/**
 * Invitations as a person who sends them sees them: open ones, by the address they went to. What an invitation makes, and
 * taking it back, is in member-service.
 */
import { type Clock, DAY, MINUTE, SECOND } from '../../kernel/clock.ts';
import { AppError, notFound } from '../../kernel/errors.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Invitation, Role } from '../model/people.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import type { MemberService } from './member-service.ts';
import { requireManages } from './role-rules.ts';

export interface UserInvite {
  readonly invitation: Invitation;
  readonly role: Role;
}

export interface UserInvites {
  /** Open ones, oldest first. */
  list(actor: Actor): Promise<readonly UserInvite[]>;
  /** Errors: `not_found`, also for one that is not open any more. */
  get(actor: Actor, id: number): Promise<UserInvite>;
  /**
   * A second invitation of an address renews the first, with the new role. Only people invite.
   * Errors: `forbidden`, `invalid`, `taken`.
   */
  create(
    actor: Actor,
    invites: readonly { readonly email: string; readonly role: Role }[],
    madeBy: Invitation['madeBy'],
    origin: AuditOrigin,
  ): Promise<readonly UserInvite[]>;
  revoke(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  /** Sends the mail again, with a new link. Errors: `rate_limited` within a minute of the last. */
  resend(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

export interface UserInvitesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly members: MemberService;
}

const MAX_LISTED = 10_000;
const MAX_AT_ONCE = 100;
const RESEND_INTERVAL = MINUTE;

const requirePerson = (actor: Actor): void => {
  if (actor.kind === 'member') return;
  throw new AppError('forbidden', 'invitations are sent by people, not by a credential of the organization');
};

export function createUserInvites({ store, clock, members }: UserInvitesParts): UserInvites {
  const withRoles = async (org: number, invitations: readonly Invitation[]): Promise<UserInvite[]> => {
    const ids = invitations.flatMap(({ membership }) => membership ?? []);
    const found = ids.length === 0 ? [] : await store.find('membership', org, { id: ids }, MAX_LISTED);
    const roles = new Map(found.map(({ id, role }) => [id, role]));
    return invitations.map((invitation) => ({
      invitation,
      role: roles.get(invitation.membership ?? 0) ?? invitation.role ?? 'member',
    }));
  };
  const openIn = async (reader: Reader, org: number, id: number): Promise<Invitation> => {
    const invitation = await reader.get('invitation', org, id);
    if (invitation?.status !== 'pending' || invitation.expiresAt <= clock.now()) throw notFound('invitation');
    return invitation;
  };
  const get = async (org: number, id: number): Promise<UserInvite> => {
    const [invite] = await withRoles(org, [await openIn(store, org, id)]);
    if (invite === undefined) throw notFound('invitation');
    return invite;
  };
  /** The mail holds a new link: the one before it opens nothing any more. */
  const send = async (tx: Tx, { org, id, epoch, email }: Invitation): Promise<void> => {
    if (email === null) throw new AppError('invalid', 'the invitation has no e-mail address');
    await tx.update('invitation', org, id, { epoch: epoch + 1, tokenHash: null, lastSentAt: tx.now });
    tx.enqueue(org, { kind: 'mail', target: email, payload: { template: 'invitation', invitation: id } });
    tx.audit(org, { verb: 'resend', objectKind: 'invitation', objectId: id, objectName: email });
  };

  const renew = async (actor: Actor, known: Invitation, role: Role, origin: AuditOrigin): Promise<void> => {
    if (known.membership !== null) await members.setRole(actor, known.membership, role, origin);
    const { invitation_days } = await readSettings(store, actor.org);
    await store.write(contextOf(actor, origin), async (tx) => {
      const invitation = await tx.get('invitation', actor.org, known.id);
      if (invitation?.status !== 'pending') throw notFound('invitation');
      await tx.update('invitation', actor.org, known.id, { expiresAt: tx.now + invitation_days * DAY });
      await send(tx, invitation);
    });
  };

  return {
    list: async (actor) => {
      authorize(actor, 'invitations:read');
      const open = await store.list('invitation', actor.org, {
        where: { status: 'pending' },
        filters: [{ column: 'expiresAt', operator: '>', value: clock.now() }],
        limit: MAX_LISTED,
      });
      return withRoles(actor.org, open);
    },
    get: async (actor, id) => {
      authorize(actor, 'invitations:read');
      return get(actor.org, id);
    },
    create: async (actor, invites, madeBy, origin) => {
      authorize(actor, 'invitations:write');
      requirePerson(actor);
      if (invites.length > MAX_AT_ONCE) {
        throw new AppError('too_large', `at most ${MAX_AT_ONCE} people can be invited at once`);
      }
      for (const { role } of invites) requireManages(actor, role);
      const made: UserInvite[] = [];
      for (const { email, role } of invites) {
        const [known] = await store.find('invitation', actor.org, { openKey: normalizeKey(email) }, 1);
        if (known === undefined) {
          const { invitation } = await members.invite(actor, { email, role, madeBy, send: true }, origin);
          made.push({ invitation, role });
        } else {
          await renew(actor, known, role, origin);
          made.push(await get(actor.org, known.id));
        }
      }
      return made;
    },
    revoke: async (actor, id, origin) => {
      authorize(actor, 'invitations:write');
      requirePerson(actor);
      const { invitation, role } = await get(actor.org, id);
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
        const wait = (invitation.lastSentAt ?? invitation.createdAt) + RESEND_INTERVAL - tx.now;
        if (wait > 0) {
          const retryAfterSeconds = Math.ceil(wait / SECOND);
          throw new AppError('rate_limited', 'the invitation was sent less than a minute ago', {
            details: { retryAfterSeconds },
          });
        }
        await send(tx, invitation);
      });
    },
  };
}
