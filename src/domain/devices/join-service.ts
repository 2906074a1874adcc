/**
 * How devices come in, come back and log out. A device is one machine key under one owner: coming back with a new node key
 * keeps its id, addresses, name, tags and routes.
 */
import { type Clock, DAY } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { sameDigest } from '../../kernel/hash.ts';
import type { Random } from '../../kernel/random.ts';
import { parseToken } from '../credentials/token.ts';
import type { Credential } from '../model/credentials.ts';
import type { Device } from '../model/devices.ts';
import type { By } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { allocateAddresses, insertAddresses } from './addresses.ts';
import { removeDevice } from './device-removal.ts';
import { type JoinOwner, joinsDevices, keyProblem, ownerOfKey } from './join-key.ts';
import type { JoinOutcome, JoinPolicy, JoinRequest } from './join-types.ts';
import { freeLabel } from './labels.ts';
import { syncAdvertised } from './routes.ts';

export interface JoinService {
  join(request: JoinRequest): Promise<JoinOutcome>;
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

const isExpired = (device: Device, now: number): boolean =>
  !device.expiryDisabled && device.keyExpiresAt !== null && device.keyExpiresAt <= now;

export function createJoinService({ store, clock, random, policy }: JoinServiceParts): JoinService {
  const withKey = async (request: JoinRequest, found: Credential): Promise<JoinOutcome> => {
    const { org } = found;
    const by: By = { kind: 'credential', id: String(found.id), name: found.description || found.publicId };
    return store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
      const key = await tx.get('credential', org, found.id);
      const problem = key === undefined ? 'the auth key is not known' : keyProblem(key, tx.now);
      if (key === undefined || problem !== undefined) return refused(problem ?? '');
      const keyOwner = await ownerOfKey(tx, key);
      if (typeof keyOwner === 'string') return refused(keyOwner);
      const owner = ownerWithTags(keyOwner, request.requestTags);
      const machines = await tx.find('device', org, { machineKey: request.machineKey });
      const existing = returningDevice(machines, owner);
      // A container that starts again shows the key it was made with: that is a return, not a second use.
      const returns =
        existing !== undefined && existing.credential === key.id && !isExpired(existing, tx.now);
      if (returns && existing.nodeKey === request.nodeKey)
        return { kind: 'joined', device: existing, owner: owner.member };
      if (!key.reusable && key.consumedAt !== null && !returns)
        return refused('the auth key has been used already');
      const tagProblem = await requestedTagsProblem(policy, request, key, keyOwner);
      if (tagProblem !== undefined) return refused(tagProblem);

      const device =
        existing === undefined
          ? await addDevice(tx, random, request, key, owner)
          : await renewDevice(tx, existing, request, key, owner);
      if (!key.reusable && key.consumedAt === null) {
        await tx.update('credential', org, key.id, { consumedAt: tx.now });
        tx.audit(org, {
          verb: 'consume',
          objectKind: 'credential',
          objectId: key.id,
          objectName: key.description,
        });
      }
      const tags = key.tags.length > 0 ? key.tags : request.requestTags;
      await setTags(tx, device, tags, key.tags.length > 0 ? 'key' : 'client');
      await putLive(tx, device, request, existing !== undefined);
      if (request.advertised.length > 0 || existing !== undefined) {
        const membership = owner.ownerKind === 'membership' ? owner.owner : null;
        const approved = await policy.autoApproved(org, { membership, tags }, request.advertised);
        await syncAdvertised(tx, org, device.id, request.advertised, () => approved);
      }
      return { kind: 'joined', device, owner: owner.member };
    });
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
      try {
        return await withKey(request, credential);
      } catch (error) {
        if (error instanceof AppError && error.code === 'taken' && error.field === 'nodeKey')
          return refused(FOREIGN_KEY);
        throw error;
      }
    },
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
        });
      });
    },
  };
}

async function requestedTagsProblem(
  policy: JoinPolicy,
  request: JoinRequest,
  key: Credential,
  owner: JoinOwner,
): Promise<string | undefined> {
  const wanted = request.requestTags;
  if (wanted.length === 0) return undefined;
  const allowed =
    key.tags.length > 0
      ? wanted.every((tag) => key.tags.includes(tag))
      : owner.ownerKind === 'membership' && (await policy.mayRequestTags(key.org, owner.owner, wanted));
  return allowed ? undefined : `requested tags [${wanted.join(' ')}] are invalid or not permitted`;
}

/** When the key of a device that joins now ends; tagged devices, gateways and headless ones have no end. */
async function keyExpiry(tx: Tx, org: number, owner: JoinOwner): Promise<number | null> {
  if (owner.ownerKind !== 'membership') return null;
  const settings = await readSettings(tx, org);
  return tx.now + settings.key_days * DAY;
}

async function addDevice(
  tx: Tx,
  random: Random,
  request: JoinRequest,
  key: Credential,
  owner: JoinOwner,
): Promise<Device> {
  const { org } = key;
  const settings = await readSettings(tx, org);
  const addresses = await allocateAddresses(tx, random, org, owner.deviceClass);
  const needsApproval = settings.device_approval && !key.preauthorized && owner.deviceClass === 'normal';
  const device = await tx.insert('device', {
    org,
    id: tx.newId(),
    machineKey: request.machineKey,
    nodeKey: request.nodeKey,
    ownerKind: owner.ownerKind,
    owner: owner.owner,
    registeredBy: owner.member?.id ?? 0,
    class: owner.deviceClass,
    osHostname: request.hostname,
    givenName: null,
    label: await freeLabel(tx, random, org, request.hostname),
    os: request.os,
    clientVersion: request.clientVersion,
    capver: request.capver,
    createdAt: tx.now,
    keyExpiresAt: owner.ownerKind === 'membership' ? tx.now + settings.key_days * DAY : null,
    expiryDisabled: false,
    authorizedAt: needsApproval ? null : tx.now,
    blockedAt: null,
    archivedAt: null,
    trustedAt: null,
    ephemeral: key.ephemeral || request.ephemeral,
    serials: [],
    credential: key.id,
    byKind: 'credential',
    byId: String(key.id),
    byName: key.description,
  });
  await insertAddresses(tx, org, device.id, addresses);
  if (owner.ownerKind === 'gateway') await bindGateway(tx, device, key);
  tx.audit(org, {
    verb: 'create',
    objectKind: 'device',
    objectId: device.id,
    objectName: device.label,
    after: { owner: owner.member?.email ?? owner.ownerKind, addresses: [addresses.ipv4, addresses.ipv6] },
  });
  return device;
}

/** A person's device that asks for tags belongs to the tags, like one that joins with a tagged key. */
const ownerWithTags = (owner: JoinOwner, tags: readonly string[]): JoinOwner =>
  owner.ownerKind === 'membership' && tags.length > 0 ? { ...owner, ownerKind: 'tags', owner: 0 } : owner;

/**
 * The device that this machine was before under the same owner. Between a person and the tags that the person gave it, a
 * device stays the same one.
 */
function returningDevice(machines: readonly Device[], owner: JoinOwner): Device | undefined {
  const same = machines.find(
    (device) => device.ownerKind === owner.ownerKind && device.owner === owner.owner,
  );
  if (same !== undefined || owner.member === null) return same;
  const { id } = owner.member;
  return machines.find(
    (device) =>
      (device.ownerKind === 'tags' && device.registeredBy === id && owner.ownerKind === 'membership') ||
      (device.ownerKind === 'membership' && device.owner === id && owner.ownerKind === 'tags'),
  );
}

async function renewDevice(
  tx: Tx,
  device: Device,
  request: JoinRequest,
  key: Credential,
  owner: JoinOwner,
): Promise<Device> {
  const renewed = await tx.update('device', device.org, device.id, {
    nodeKey: request.nodeKey,
    ownerKind: owner.ownerKind,
    owner: owner.owner,
    keyExpiresAt: await keyExpiry(tx, device.org, owner),
    credential: key.id,
    os: request.os,
    clientVersion: request.clientVersion,
    capver: request.capver,
    archivedAt: null,
  });
  if (owner.ownerKind === 'gateway') await bindGateway(tx, renewed, key);
  tx.audit(device.org, {
    verb: 'login',
    objectKind: 'device',
    objectId: device.id,
    objectName: device.label,
  });
  return renewed;
}

/** The device that joined with a gateway's token is that gateway, and takes the place of the one before it. */
async function bindGateway(tx: Tx, device: Device, key: Credential): Promise<void> {
  await tx.update('gateway', device.org, device.owner, {
    device: device.id,
    boundGeneration: key.generation,
  });
}

/** The tags that a key gives or a client asks for take the place of those that either gave before. */
async function setTags(
  tx: Tx,
  device: Device,
  tags: readonly string[],
  source: 'key' | 'client',
): Promise<void> {
  const present = await tx.find('deviceTag', device.org, { device: device.id });
  for (const { tag, source: before } of present) {
    const stays = tags.includes(tag) || (before === 'admin' && device.ownerKind === 'tags');
    if (!stays) await tx.remove('deviceTag', device.org, { device: device.id, tag });
  }
  for (const tag of tags) {
    if (present.some((row) => row.tag === tag)) continue;
    await tx.insert('deviceTag', { org: device.org, device: device.id, tag, source });
  }
}

async function putLive(tx: Tx, device: Device, request: JoinRequest, returns: boolean): Promise<void> {
  const before = returns ? await tx.get('deviceLive', device.org, { device: device.id }) : undefined;
  await tx.put('deviceLive', {
    org: device.org,
    device: device.id,
    discoKey: before?.discoKey ?? '',
    endpoints: before?.endpoints ?? [],
    endpointTypes: before?.endpointTypes ?? [],
    homeDerp: request.homeDerp || (before?.homeDerp ?? 0),
    hostinfo: request.hostinfo,
    netInfo: request.netInfo ?? before?.netInfo ?? null,
    shieldsUp: request.shieldsUp,
    updatedAt: tx.now,
  });
}
