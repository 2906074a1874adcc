/** A device as the policy sees it. */
import { isEffective } from '../domain/devices/routes.ts';
import type { AttributeValue, Device } from '../domain/model/devices.ts';
import type { DeviceFacts } from '../domain/snapshot/snapshot.ts';
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

/** Names of operating systems in conditions: those of clients in lower case. */
const osName = (os: string): string => os.toLowerCase();

/** Stable releases have an even minor version. */
function releaseTrack(version: string): string | undefined {
  const minor = Number(/^\d+\.(\d+)/u.exec(version)?.[1] ?? Number.NaN);
  if (Number.isNaN(minor)) return undefined;
  return minor % 2 === 0 ? 'stable' : 'unstable';
}

const plainVersion = (version: string): string => version.split('-')[0] ?? '';

/** The attributes that every device has by itself, and those that were set on it and have not expired. */
export function attributesOf(facts: DeviceFacts, now: number): Record<string, AttributeValue> {
  const host = facts.live?.hostinfo ?? {};
  const { device } = facts;
  const attributes: Record<string, AttributeValue> = {};
  const put = (name: string, value: unknown): void => {
    if (typeof value === 'string' && value !== '') attributes[name] = value;
    if (typeof value === 'boolean' || typeof value === 'number') attributes[name] = value;
  };
  put('node:os', osName(device.os));
  put('node:osVersion', host.OSVersion);
  put('node:tsVersion', plainVersion(device.clientVersion));
  put('node:tsReleaseTrack', releaseTrack(device.clientVersion));
  put('node:tsAutoUpdate', host.AllowsUpdate);
  put('node:tsStateEncrypted', host.StateEncrypted);
  for (const { key, value, expiresAt } of facts.attributes.values()) {
    if (expiresAt === null || expiresAt > now) attributes[key] = value;
  }
  return attributes;
}

export function deviceInput(facts: DeviceFacts, now: number): DeviceInput {
  const { device } = facts;
  const routes = [...facts.routes.values()];
  return {
    id: device.id,
    owner: ownerOf(device),
    tags: [...facts.tags].sort(),
    addresses: facts.addresses.map(({ ip }) => ip),
    advertised: routes.filter((route) => route.advertised).map(({ prefix }) => prefix),
    approved: routes
      .filter((route) => isEffective({ ...route, advertised: true }))
      .map(({ prefix }) => prefix),
    attributes: attributesOf(facts, now),
    class: device.class,
    authorized: device.authorizedAt !== null && device.blockedAt === null,
  };
}
