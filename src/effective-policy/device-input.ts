/** A device as the policy sees it. */
import { builtInAttributes } from '../domain/devices/built-in-attributes.ts';
import { type IsSuspended, isEnabled } from '../domain/devices/routes.ts';
import type { AttributeValue, Device } from '../domain/model/devices.ts';
import type { DeviceFacts, Snapshot } from '../domain/snapshot/snapshot.ts';
import type { DeviceInput, DeviceOwner } from '../policy/index.ts';

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
export function attributesOf(facts: DeviceFacts, now: number): Record<string, AttributeValue> {
  const attributes = builtInAttributes(facts.device, facts.live?.hostinfo ?? {});
  for (const { key, value, expiresAt } of facts.attributes.values()) {
    if (expiresAt === null || expiresAt > now) attributes[key] = value;
  }
  return attributes;
}

/** Conditions of security policies ask for it; no API shows it among the attributes. */
const TRUSTED = 'node:trusted';

/** Whether somebody vouched for the device, by hand or by a list of serial numbers. */
export function isTrusted(snapshot: Snapshot, { trustedAt, serials }: Device): boolean {
  if (trustedAt !== null) return true;
  if (serials.length === 0) return false;
  return [...snapshot.table('serialNumber').values()].some(({ serial }) => serials.includes(serial));
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
  };
}
