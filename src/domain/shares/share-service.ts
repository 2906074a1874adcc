/**
 * Device invites: links that let a person of another organization of this installation reach one device. What accepting
 * does is in share-acceptance.
 */
import { type Clock, DAY, MINUTE, SECOND } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { queueMail, requireMail } from '../mail/mail-bounds.ts';
import type { DeviceShare, ShareAccept } from '../model/devices.ts';
import type { AuditOrigin, AuditVerb } from '../model/operations.ts';
import { checkEmail } from '../people/member-rules.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';
import { withAcceptors } from './share-removal.ts';

export interface DeviceInvite {
  readonly share: DeviceShare;
  /** Who accepted, the first first. */
  readonly accepts: readonly ShareAccept[];
}

export interface NewDeviceInvite {
  readonly multiUse: boolean;
  readonly exitNode: boolean;
  /** Where the link is mailed; null: it is handed over by whoever asked for it. */
  readonly email: string | null;
}

export interface ShareService {
  /** Those that can be accepted and those that were, oldest first. Errors: `not_found`. */
  list(actor: Actor, device: number): Promise<readonly DeviceInvite[]>;
  /** Errors: `not_found`, also for one that ran out before anybody accepted it. */
  get(actor: Actor, id: number): Promise<DeviceInvite>;
  /** All or none. Errors: `forbidden` (only people share), `not_found`, `invalid`, `too_large`. */
  create(
    actor: Actor,
    device: number,
    wanted: readonly NewDeviceInvite[],
    origin: AuditOrigin,
  ): Promise<readonly DeviceInvite[]>;
  /** Takes the link back, and the device from whoever got it by that link. */
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  /** Mails the link again. Errors: `invalid` without an address, `rate_limited` within a minute of the last. */
  resend(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

/** How long a link that nobody used is good. */
const LINK_DAYS = 30;
const MAX_AT_ONCE = 100;
/** Links of one device, accepted ones included. */
const MAX_LINKS = 1_000;
const RESEND_INTERVAL = MINUTE;

/** How many people may accept one link. */
const MAX_ACCEPTANCES = 1_000;

/** Whether somebody may still accept. */
export const isOpen = (share: DeviceShare, acceptances: number, now: number): boolean =>
  share.expiresAt > now && acceptances < (share.multiUse ? MAX_ACCEPTANCES : 1);

export function requirePerson(actor: Actor): asserts actor is Extract<Actor, { kind: 'member' }> {
  if (actor.kind === 'member') return;
  throw new AppError('forbidden', 'devices are shared by people, not by a credential of the organization');
}

const shareName = (share: DeviceShare): string => share.email ?? `link-${share.id}`;

export function auditShare(
  tx: Tx,
  share: DeviceShare,
  verb: AuditVerb,
  more: { readonly after?: unknown; readonly details?: string } = {},
): void {
  tx.audit(share.org, {
    verb,
    objectKind: 'deviceShare',
    objectId: share.id,
    objectName: shareName(share),
    ...more,
  });
}

export function createShareService({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): ShareService {
  const withAccepts = async (reader: Reader, shares: readonly DeviceShare[]): Promise<DeviceInvite[]> => {
    const [first] = shares;
    if (first === undefined) return [];
    const ids = shares.map(({ id }) => id);
    const limit = MAX_LINKS * MAX_ACCEPTANCES;
    const accepts = await reader.find('shareAccept', first.org, { share: ids }, limit);
    return shares.map((share) => ({
      share,
      accepts: accepts
        .filter((accept) => accept.share === share.id)
        .sort((a, b) => a.acceptedAt - b.acceptedAt || a.membership - b.membership),
    }));
  };
  const isShown = ({ share, accepts }: DeviceInvite): boolean =>
    accepts.length > 0 || share.expiresAt > clock.now();
  const inviteOf = async (reader: Reader, org: number, id: number): Promise<DeviceInvite> => {
    const share = await reader.get('deviceShare', org, id);
    const [invite] = share === undefined ? [] : await withAccepts(reader, [share]);
    if (invite === undefined || !isShown(invite)) throw notFound('invite');
    return invite;
  };
  const mailOf = (id: DeviceShare['id']) => ({ template: 'device-share', share: id });

  return {
    list: async (actor, device) => {
      authorize(actor, 'shares:read');
      if ((await store.get('device', actor.org, device)) === undefined) throw notFound('device');
      const shares = await store.find('deviceShare', actor.org, { device }, MAX_LINKS);
      return (await withAccepts(store, shares)).filter(isShown);
    },
    get: async (actor, id) => {
      authorize(actor, 'shares:read');
      return inviteOf(store, actor.org, id);
    },
    create: async (actor, device, wanted, origin) => {
      authorize(actor, 'shares:write');
      requirePerson(actor);
      if (wanted.length === 0) throw invalid('at least one invite is needed');
      if (wanted.length > MAX_AT_ONCE) {
        throw new AppError('too_large', `at most ${MAX_AT_ONCE} invites can be made at once`);
      }
      const emails = wanted.map(({ email }) => (email === null ? null : checkEmail(email)));
      return store.write(contextOf(actor, origin, 2 * wanted.length), async (tx) => {
        const found = await tx.get('device', actor.org, device);
        if (found === undefined) throw notFound('device');
        const present = await tx.count('deviceShare', actor.org, { where: { device } });
        if (present + wanted.length > MAX_LINKS) {
          throw new AppError('too_large', `a device has at most ${MAX_LINKS} invites`);
        }
        const made: DeviceInvite[] = [];
        for (const [index, { multiUse, exitNode }] of wanted.entries()) {
          const email = emails[index] ?? null;
          const id = tx.newId();
          // Made all the same where the address has had its mails: the link may be handed over, or sent later.
          const sent = email !== null && (await queueMail(tx, actor.org, email, mailOf(id))) === 0;
          const share = await tx.insert('deviceShare', {
            org: actor.org,
            id,
            device,
            sharer: actor.membership,
            multiUse,
            exitNode,
            email,
            createdAt: tx.now,
            expiresAt: tx.now + LINK_DAYS * DAY,
            lastSent: sent ? tx.now : null,
            ...byColumnsOf(actor),
          });
          auditShare(tx, share, 'create', { after: { device: found.label, multiUse, exitNode } });
          made.push({ share, accepts: [] });
        }
        return made;
      });
    },
    remove: async (actor, id, origin) => {
      authorize(actor, 'shares:write');
      await inviteOf(store, actor.org, id);
      await withAcceptors(store, actor, origin, { share: id }, async (tx, end) => {
        const { share, accepts } = await inviteOf(tx, actor.org, id);
        await end(accepts);
        await tx.remove('deviceShare', actor.org, id);
        auditShare(tx, share, 'delete');
      });
    },
    resend: async (actor, id, origin) => {
      authorize(actor, 'shares:write');
      requirePerson(actor);
      await store.write(contextOf(actor, origin), async (tx) => {
        const { share, accepts } = await inviteOf(tx, actor.org, id);
        if (share.email === null) throw invalid('the invite was made without an e-mail address', 'email');
        if (!isOpen(share, accepts.length, tx.now)) throw invalid('the invite has been accepted');
        const wait = (share.lastSent ?? share.createdAt) + RESEND_INTERVAL - tx.now;
        if (wait > 0) {
          throw new AppError('rate_limited', 'the invite was sent less than a minute ago', {
            details: { retryAfterSeconds: Math.ceil(wait / SECOND) },
          });
        }
        await requireMail(tx, actor.org, share.email, mailOf(id));
        await tx.update('deviceShare', actor.org, id, { lastSent: tx.now });
        auditShare(tx, share, 'resend');
      });
    },
  };
}
