/** The rows of a device that comes in or comes back. */
import { DAY } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { columnsOfBy } from '../access/actor.ts';
import { FLOW_LOG_SETTING, mayLogFlows } from '../flow-logs/flow-log-consent.ts';
import type { Device } from '../model/devices.ts';
import type { Tx } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { allocateAddresses, insertAddresses } from './addresses.ts';
import { EPHEMERAL } from './ephemeral.ts';
import type { Admission, Grant, JoinOwner } from './join-admission.ts';
import type { JoinRequest } from './join-types.ts';
import { freeLabel } from './labels.ts';

/** A person's device that asks for tags belongs to the tags, like one that joins with a tagged key. */
export const ownerWithTags = (owner: JoinOwner, tags: readonly string[]): JoinOwner =>
  owner.ownerKind === 'membership' && tags.length > 0 ? { ...owner, ownerKind: 'tags', owner: 0 } : owner;

/**
 * The device that this machine was before under the same owner. Between a person and the tags that the person gave it, a
 * device stays the same one.
 */
export function returningDevice(machines: readonly Device[], owner: JoinOwner): Device | undefined {
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

/**
 * When the key of a device that joins now ends. Gateways and headless ones have no end; that of tagged devices counts only
 * once somebody switches their expiry on.
 */
async function keyExpiry(tx: Tx, org: number, owner: JoinOwner): Promise<number | null> {
  if (owner.ownerKind !== 'membership' && owner.ownerKind !== 'tags') return null;
  const settings = await readSettings(tx, org);
  return tx.now + settings.key_days * DAY;
}

/** Only people sign in again when a key has ended; what no person stands behind would stay out. */
const hasNoExpiry = (owner: JoinOwner): boolean => owner.ownerKind !== 'membership';

/** How a device is let in: by what, to whom. */
export interface Entry {
  readonly admission: Admission;
  readonly grant: Grant;
  /** The grant's owner, or the tags that the client asks for. */
  readonly owner: JoinOwner;
}

/** `pools`: where its IPv4 address is taken from; without any, anywhere. */
export async function addDevice(
  tx: Tx,
  random: Random,
  request: JoinRequest,
  { admission: { org, by }, grant, owner }: Entry,
  pools: readonly string[],
): Promise<Device> {
  const settings = await readSettings(tx, org);
  const addresses = await allocateAddresses(tx, random, org, { deviceClass: owner.deviceClass, pools });
  const needsApproval = settings.device_approval && !grant.preauthorized && owner.deviceClass === 'normal';
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
    keyExpiresAt: await keyExpiry(tx, org, owner),
    expiryDisabled: hasNoExpiry(owner),
    authorizedAt: needsApproval ? null : tx.now,
    blockedAt: null,
    archivedAt: null,
    trustedAt: null,
    ephemeral: grant.ephemeral || request.ephemeral,
    serials: [],
    credential: grant.credential,
    ...columnsOfBy(by),
  });
  await insertAddresses(tx, org, device.id, addresses);
  if (owner.ownerKind === 'gateway') await bindGateway(tx, device, grant);
  tx.audit(org, {
    verb: 'create',
    objectKind: 'device',
    objectId: device.id,
    objectName: device.label,
    after: {
      owner: owner.member?.email ?? owner.ownerKind,
      addresses: [addresses.ipv4, addresses.ipv6],
      ...(device.ephemeral ? EPHEMERAL : {}),
    },
  });
  return device;
}

/** A device that comes back keeps its id, addresses and name, and its approval or the lack of it. */
export async function renewDevice(
  tx: Tx,
  device: Device,
  request: JoinRequest,
  { grant, owner }: Entry,
): Promise<Device> {
  const renewed = await tx.update('device', device.org, device.id, {
    nodeKey: request.nodeKey,
    ownerKind: owner.ownerKind,
    owner: owner.owner,
    keyExpiresAt: await keyExpiry(tx, device.org, owner),
    // Of a person's device an administrator may have switched it off; of others it ended with the way they were let in.
    ...(device.ownerKind === 'membership' && !hasNoExpiry(owner)
      ? {}
      : { expiryDisabled: hasNoExpiry(owner) }),
    credential: grant.credential,
    os: request.os,
    clientVersion: request.clientVersion,
    capver: request.capver,
    archivedAt: null,
  });
  if (owner.ownerKind === 'gateway') await bindGateway(tx, renewed, grant);
  tx.audit(device.org, {
    verb: 'login',
    objectKind: 'device',
    objectId: device.id,
    objectName: device.label,
  });
  return renewed;
}

/** The device that joined with a gateway's token is that gateway, and takes the place of the one before it. */
async function bindGateway(tx: Tx, device: Device, grant: Grant): Promise<void> {
  await tx.update('gateway', device.org, device.owner, {
    device: device.id,
    boundGeneration: grant.generation,
  });
}

/** The tags that a key gives or a client asks for take the place of those that either gave before. */
export async function setTags(
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

export async function putLive(tx: Tx, device: Device, request: JoinRequest, returns: boolean): Promise<void> {
  const setting = await tx.get('setting', device.org, { name: FLOW_LOG_SETTING });
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
    flowLogs: before?.flowLogs ?? mayLogFlows(setting, request.hostinfo, tx.now),
    updatedAt: tx.now,
  });
}
