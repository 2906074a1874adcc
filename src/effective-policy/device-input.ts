/** A device as the policy sees it. */
import { builtInAttributes } from '../domain/devices/built-in-attributes.ts';
import { isExpired } from '../domain/devices/key-expiry.ts';
import { type IsSuspended, isEnabled, isExitPrefix } from '../domain/devices/routes.ts';
import type { AttributeValue, Device } from '../domain/model/devices.ts';
import { loginName } from '../domain/organizations/names.ts';
import type { DeviceFacts } from '../domain/snapshot/device-facts.ts';
import type { ExternalDevice, Snapshot } from '../domain/snapshot/snapshot.ts';
import type { DeviceInput, DeviceOwner } from '../policy/index.ts';
import { placeOf } from './device-place.ts';

function ownerOf(device: Device): DeviceOwner {
  switch (device.ownerKind) {
    case 'membership':
      return { kind: 'membership', id: device.owner };
    case 'tags':
      return { kind: 'tags' };
    case 'service_account':
      return { kind: 'service-account', id: device.owner };
    case 'gateway':
      return { kind: 'gateway', id: device.owner };
  }
}

/** The attributes that every device has by itself, and those that were set on it and have not expired. */
function attributesOf(facts: DeviceFacts, now: number): Record<string, AttributeValue> {
  const attributes = builtInAttributes(facts.device, facts.live?.hostinfo ?? {});
  for (const { key, value, expiresAt } of facts.attributes.values()) {
    if (expiresAt === null || expiresAt > now) attributes[key] = value;
  }
  return attributes;
}

/** Conditions of security policies ask for it; no API shows it among the attributes. */
const TRUSTED = 'node:trusted';

/** Whether somebody vouched for the device, by hand or by a list of serial numbers. */
function isTrusted(snapshot: Snapshot, { trustedAt, serials }: Device): boolean {
  if (trustedAt !== null) return true;
  if (serials.length === 0) return false;
  return [...snapshot.table('serialNumber').values()].some(({ serial }) => serials.includes(serial));
}

/** Clients before this capability version let what is shared in reach them: they do not get to see it. */
const JAILING_CLIENT = 94;

/** With whom the device is shared, and whether it sees what is shared with its owner. */
function sharingOf(
  snapshot: Snapshot,
  { device, tags }: DeviceFacts,
): Pick<DeviceInput, 'audience' | 'recipient'> {
  const audience = snapshot
    .acceptsOf(device.id)
    .map(({ membership, exitNode }) => ({ user: membership, exit: exitNode }))
    .sort((a, b) => a.user - b.user);
  const takesPart =
    device.ownerKind === 'membership' &&
    tags.size === 0 &&
    device.capver >= JAILING_CLIENT &&
    snapshot.takesPart(device.owner);
  return {
    ...(audience.length > 0 ? { audience } : {}),
    ...(takesPart ? { recipient: device.owner } : {}),
  };
}

/** A person of another organization, by a login that is surely theirs: of a domain that their organization has. */
function vouchedLogin({ person, home }: ExternalDevice): string | undefined {
  if (person?.email == null) return undefined;
  const domain = person.email.slice(person.email.lastIndexOf('@') + 1).toLowerCase();
  return home.domains.includes(domain) ? loginName(person) : undefined;
}

/** A device of another organization: without tags, groups, conditions and subnets, which are its own organization's. */
export function externalInput(snapshot: Snapshot, external: ExternalDevice, now: number): DeviceInput {
  const { facts, kind, home, person } = external;
  const { device } = facts;
  const accepted = kind === 'guest' ? [] : snapshot.sharedIn(home.id, device.id);
  const isExit = accepted.some(({ exitNode }) => exitNode);
  const routes = isExit ? [...facts.routes.values()].filter(({ prefix }) => isExitPrefix(prefix)) : [];
  const login = vouchedLogin(external);
  const isOut = person !== undefined && (person.suspendedAt !== null || person.approvedAt === null);
  return {
    id: device.id,
    owner: { kind: 'membership', id: person?.id ?? 0 },
    tags: [],
    addresses: facts.addresses.map(({ ip }) => ip),
    advertised: routes.filter((route) => route.advertised).map(({ prefix }) => prefix),
    approved: routes.filter((route) => isEnabled(route, () => false)).map(({ prefix }) => prefix),
    attributes: {},
    class: 'normal',
    authorized:
      device.authorizedAt !== null &&
      device.blockedAt === null &&
      device.archivedAt === null &&
      !isOut &&
      !isExpired(device, now),
    external: kind,
    ...(login === undefined ? {} : { externalLogin: login }),
    ...(kind === 'shared-in' || device.capver < JAILING_CLIENT ? {} : { recipient: person?.id ?? 0 }),
    ...(kind === 'guest'
      ? {}
      : {
          audience: accepted
            .map(({ membership, exitNode }) => ({ user: membership, exit: exitNode }))
            .sort((a, b) => a.user - b.user),
        }),
  };
}

export function deviceInput(
  snapshot: Snapshot,
  facts: DeviceFacts,
  now: number,
  isSuspended: IsSuspended,
): DeviceInput {
  const { device } = facts;
  const routes = [...facts.routes.values()];
  return {
    id: device.id,
    owner: ownerOf(device),
    tags: [...facts.tags].sort(),
    addresses: facts.addresses.map(({ ip }) => ip),
    advertised: routes.filter((route) => route.advertised).map(({ prefix }) => prefix),
    approved: routes.filter((route) => isEnabled(route, isSuspended)).map(({ prefix }) => prefix),
    attributes: { ...attributesOf(facts, now), [TRUSTED]: isTrusted(snapshot, device) },
    class: device.class,
    authorized: device.authorizedAt !== null && device.blockedAt === null && device.archivedAt === null,
    ...sharingOf(snapshot, facts),
    ...placeOf(snapshot, facts),
  };
}
