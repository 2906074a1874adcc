/**
 * How devices come in, come back and log out. A device is one machine key under one owner: coming back with a new node key
 * keeps its id, addresses, name, tags and routes.
 */
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { sameDigest } from '../../kernel/hash.ts';
import type { Random } from '../../kernel/random.ts';
import { parseToken } from '../credentials/token.ts';
import type { By } from '../model/operations.ts';
import type { Store } from '../ports/store.ts';
import { removeDevice } from './device-removal.ts';
import { EPHEMERAL } from './ephemeral.ts';
import { type Admission, type Grant, joinsDevices, keyAdmission } from './join-admission.ts';
import { addDevice, ownerWithTags, putLive, renewDevice, returningDevice, setTags } from './join-rows.ts';
import type { JoinOutcome, JoinPolicy, JoinRequest } from './join-types.ts';
import { isExpired } from './key-expiry.ts';
import { syncAdvertised } from './routes.ts';

export interface JoinService {
  /** By the auth key of the request; without one, a device that is known goes on. */
  join(request: JoinRequest): Promise<JoinOutcome>;
  /** By what else lets a device in. What the admission's `grant` wrote stands only if the device joined. */
  admit(request: JoinRequest, admission: Admission): Promise<JoinOutcome>;
  /** Ends a device's key; an ephemeral device goes. Knowing nothing of the device is no error. */
  logout(machineKey: string, nodeKey: string): Promise<void>;
}

export interface JoinServiceParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: JoinPolicy;
}

const refused = (reason: string): JoinOutcome => ({ kind: 'refused', reason });
const FOREIGN_KEY = 'this node key belongs to another machine';

/** Ends the write of a join that is refused, so that nothing of it stands. */
class Refusal extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.name = 'Refusal';
    this.reason = reason;
  }
}

export function createJoinService({ store, clock, random, policy }: JoinServiceParts): JoinService {
  const requireTags = async (request: JoinRequest, org: number, grant: Grant): Promise<void> => {
    const wanted = request.requestTags;
    if (wanted.length === 0) return;
    const { owner } = grant;
    const allowed =
      grant.tags.length > 0
        ? wanted.every((tag) => grant.tags.includes(tag))
        : owner.ownerKind === 'membership' && (await policy.mayRequestTags(org, owner.owner, wanted));
    if (!allowed) throw new Refusal(`requested tags [${wanted.join(' ')}] are invalid or not permitted`);
  };

  const write = (request: JoinRequest, admission: Admission): Promise<JoinOutcome> => {
    const { org, orgs, by } = admission;
    return store.write({ orgs, by, origin: 'control' }, async (tx) => {
      const grant = await admission.grant(tx);
      if (typeof grant === 'string') throw new Refusal(grant);
      const owner = ownerWithTags(grant.owner, request.requestTags);
      const machines = await tx.find('device', org, { machineKey: request.machineKey });
      const existing = returningDevice(machines, owner);
      // A container that starts again shows the key it was made with: that is a return, not a second use.
      const returns =
        existing !== undefined &&
        grant.credential !== 0 &&
        existing.credential === grant.credential &&
        !isExpired(existing, tx.now);
      if (returns && existing.nodeKey === request.nodeKey)
        return { kind: 'joined', device: existing, owner: owner.member };
      if (grant.spent && !returns) throw new Refusal('the auth key has been used already');
      await requireTags(request, org, grant);

      const entry = { admission, grant, owner };
      const tags = grant.tags.length > 0 ? grant.tags : request.requestTags;
      const membership = owner.ownerKind === 'membership' ? owner.owner : null;
      const device =
        existing === undefined
          ? await addDevice(tx, random, request, entry, await policy.addressPools(org, { membership, tags }))
          : await renewDevice(tx, existing, request, entry);
      await grant.use(tx);
      await setTags(tx, device, tags, grant.tags.length > 0 ? 'key' : 'client');
      await putLive(tx, device, request, existing !== undefined);
      if (request.advertised.length > 0 || existing !== undefined) {
        const approved = await policy.autoApproved(org, { membership, tags }, request.advertised);
        await syncAdvertised(tx, org, device.id, request.advertised, () => approved);
      }
      return { kind: 'joined', device, owner: owner.member };
    });
  };

  const admit = async (request: JoinRequest, admission: Admission): Promise<JoinOutcome> => {
    try {
      return await write(request, admission);
    } catch (error) {
      if (error instanceof Refusal) return refused(error.reason);
      if (error instanceof AppError && error.code === 'taken' && error.field === 'nodeKey')
        return refused(FOREIGN_KEY);
      // Nothing else of a join is one: the addresses have run out.
      if (error instanceof AppError && error.code === 'conflict') return refused(error.message);
      throw error;
    }
  };

  /** A client that starts again, without any credential. */
  const withoutKey = async (request: JoinRequest): Promise<JoinOutcome> => {
    const device = await store.lookup('device', 'nodeKey', request.nodeKey);
    if (device === undefined) return { kind: 'login-needed' };
    if (device.machineKey !== request.machineKey) return refused(FOREIGN_KEY);
    const member =
      device.ownerKind === 'membership'
        ? ((await store.get('membership', device.org, device.owner)) ?? null)
        : null;
    return isExpired(device, clock.now())
      ? { kind: 'key-expired' }
      : { kind: 'joined', device, owner: member };
  };

  return {
    join: async (request) => {
      if (request.authKey === null) return withoutKey(request);
      const parsed = parseToken(request.authKey);
      const credential = parsed && (await store.lookup('credential', 'publicId', parsed.publicId));
      if (
        parsed === undefined ||
        credential === undefined ||
        credential.kind !== parsed.kind ||
        credential.secretHash === null ||
        !sameDigest(credential.secretHash, parsed.secretHash) ||
        !joinsDevices(credential)
      ) {
        return refused('the auth key is not known');
      }
      // A device that starts again shows the key that it was made with, perhaps for years. The key has done its work: that it
      // was used up, has expired or was revoked since takes nothing from the device.
      const known = await store.lookup('device', 'nodeKey', request.nodeKey);
      const restarts =
        known?.machineKey === request.machineKey &&
        known.credential === credential.id &&
        !isExpired(known, clock.now());
      return restarts ? withoutKey(request) : admit(request, keyAdmission(credential));
    },
    admit,
    logout: async (machineKey, nodeKey) => {
      const found = await store.lookup('device', 'nodeKey', nodeKey);
      if (found === undefined || found.machineKey !== machineKey) return;
      const by: By = { kind: 'device', id: String(found.id), name: found.label };
      await store.write({ orgs: [found.org], by, origin: 'control' }, async (tx) => {
        const device = await tx.get('device', found.org, found.id);
        if (device === undefined || device.nodeKey !== nodeKey) return;
        if (device.ephemeral) {
          await removeDevice(tx, device);
        } else {
          await tx.update('device', device.org, device.id, { keyExpiresAt: tx.now, expiryDisabled: false });
        }
        tx.audit(device.org, {
          verb: 'logout',
          objectKind: 'device',
          objectId: device.id,
          objectName: device.label,
          ...(device.ephemeral ? { before: EPHEMERAL } : {}),
        });
      });
    },
  };
}
