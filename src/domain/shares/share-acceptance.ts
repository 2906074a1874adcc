/** Accepting a device invite: the device becomes visible to the acceptor's own devices, in the acceptor's organization. */
import type { Clock } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Actor, byOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Address, Device, DeviceShare } from '../model/devices.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership, Organization } from '../model/people.ts';
import { displayName, loginName } from '../organizations/names.ts';
import { memberState } from '../people/member-state.ts';
import { INSTALLATION, type Reader, type Store } from '../ports/store.ts';
import { readShareCode, type ShareAddress, type ShareSecrets } from './share-code.ts';
import { auditShare, isOpen, requirePerson } from './share-service.ts';

export interface AcceptedShare {
  readonly share: DeviceShare;
  readonly device: Device;
  readonly addresses: readonly Address[];
  /** The organization that the device belongs to. */
  readonly home: Organization;
  readonly sharer: Membership | undefined;
  readonly acceptor: Membership;
}

export interface ShareAcceptance {
  /** What a link shares; undefined for one that nobody can accept. */
  find(invite: string): Promise<Pick<AcceptedShare, 'device' | 'home'> | undefined>;
  /**
   * `invite`: the code, or the URL that it came in. Errors: `forbidden` (only people accept, of roles that share),
   * `invalid` for a link that is unknown, used up or too old, whose maker is no active member any more, that is of the
   * actor's own organization, or whose device the actor has.
   */
  accept(actor: Actor, invite: string, origin: AuditOrigin): Promise<AcceptedShare>;
}

/** Devices of others that one person may have. */
const MAX_SHARED = 1_000;

const unusable = (): AppError => invalid('invite is invalid or has already been used', 'invite');

export function createShareAcceptance({
  store,
  clock,
  secrets,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly secrets: ShareSecrets;
}): ShareAcceptance {
  const open = async (reader: Reader, { org, id }: ShareAddress, now: number) => {
    const share = await reader.get('deviceShare', org, id);
    const home = await reader.get('organization', INSTALLATION, org);
    const device = share && (await reader.get('device', org, share.device));
    if (share === undefined || device === undefined || home === undefined) throw unusable();
    const accepted = await reader.count('shareAccept', org, { where: { share: id } });
    if (!isOpen(share, accepted, now)) throw unusable();
    // A link must not be the way back in for somebody who left, or was shut out, and kept it.
    const sharer = await reader.get('membership', org, share.sharer);
    if (sharer === undefined || memberState(sharer) !== 'active') throw unusable();
    return { share, device, home };
  };

  return {
    find: async (invite) => {
      const address = readShareCode(secrets, invite);
      if (address === undefined) return undefined;
      try {
        return await open(store, address, clock.now());
      } catch (error) {
        if (error instanceof AppError && error.code === 'invalid') return undefined;
        throw error;
      }
    },
    accept: async (actor, invite, origin) => {
      authorize(actor, 'shares:write');
      requirePerson(actor);
      const address = readShareCode(secrets, invite);
      if (address === undefined || address.org === actor.org) throw unusable();
      const context = { orgs: [actor.org, address.org], by: byOf(actor), origin };
      return store.write(context, async (tx) => {
        const { share, device, home } = await open(tx, address, tx.now);
        const acceptor = await tx.get('membership', actor.org, actor.membership);
        if (acceptor === undefined) throw unusable();
        const key = { homeOrg: home.id, device: device.id, membership: acceptor.id };
        if ((await tx.get('sharedDevice', actor.org, key)) !== undefined) {
          throw invalid('the device is shared with you already', 'invite');
        }
        const held = await tx.count('sharedDevice', actor.org, { where: { membership: acceptor.id } });
        if (held >= MAX_SHARED) {
          throw new AppError('too_large', `a person has at most ${MAX_SHARED} devices of others`);
        }
        const login = loginName(acceptor);
        await tx.insert('shareAccept', {
          org: home.id,
          share: share.id,
          device: device.id,
          acceptorOrg: actor.org,
          membership: acceptor.id,
          exitNode: share.exitNode,
          loginName: login,
          displayName: displayName(acceptor),
          avatarUrl: acceptor.avatarUrl ?? '',
          acceptedAt: tx.now,
        });
        await tx.insert('sharedDevice', {
          org: actor.org,
          ...key,
          share: share.id,
          exitNode: share.exitNode,
          sharer: share.sharer,
          since: tx.now,
        });
        auditShare(tx, share, 'accept', { after: { acceptedBy: login, exitNode: share.exitNode } });
        tx.audit(actor.org, {
          verb: 'accept',
          objectKind: 'sharedDevice',
          objectId: device.id,
          objectName: device.label,
          after: { device: device.label, organization: home.tailnetName, exitNode: share.exitNode },
        });
        return {
          share,
          device,
          addresses: await tx.find('address', home.id, { holderKind: 'device', holder: device.id }),
          home,
          sharer: await tx.get('membership', home.id, share.sharer),
          acceptor,
        };
      });
    },
  };
}
