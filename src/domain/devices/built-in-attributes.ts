/** The posture attributes that every device has by itself, from what its client reports. */
import type { AttributeValue, Device, HostFacts } from '../model/devices.ts';

/** Stable releases have an even minor version. */
function releaseTrack(version: string): string | undefined {
  const minor = Number(/^\d+\.(\d+)/u.exec(version)?.[1] ?? Number.NaN);
  if (Number.isNaN(minor)) return undefined;
  return minor % 2 === 0 ? 'stable' : 'unstable';
}

export function builtInAttributes(
  device: Pick<Device, 'os' | 'clientVersion'>,
  facts: HostFacts,
): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  const put = (name: string, value: unknown): void => {
    if (typeof value === 'string' && value !== '') attributes[name] = value;
    if (typeof value === 'boolean' || typeof value === 'number') attributes[name] = value;
  };
  // Conditions name systems in lower case.
  put('node:os', device.os.toLowerCase());
  put('node:osVersion', facts.OSVersion);
  put('node:tsVersion', device.clientVersion.split('-')[0]);
  put('node:tsReleaseTrack', releaseTrack(device.clientVersion));
  // Clients leave out what is false.
  if (Object.keys(facts).length > 0) put('node:tsAutoUpdate', facts.AllowsUpdate ?? false);
  put('node:tsStateEncrypted', facts.StateEncrypted);
  return attributes;
}
