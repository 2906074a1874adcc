/** Taking a device out of its organization, with everything that hangs on it. */
import type { Device } from '../model/devices.ts';
import type { Tx } from '../ports/store.ts';

/**
 * Removes the device and its addresses, routes, tags, attributes, presence and shares. What others accepted of it leads
 * nowhere from then on; their own rows of it go when a process that serves them notices. The audit event is the caller's.
 */
export async function removeDevice(tx: Tx, device: Device): Promise<void> {
  const { org, id } = device;
  for (const { ip } of await tx.find('address', org, { holderKind: 'device', holder: id })) {
    await tx.remove('address', org, { ip });
  }
  for (const { prefix } of await tx.find('route', org, { device: id })) {
    await tx.remove('route', org, { device: id, prefix });
  }
  for (const { network, prefix } of await tx.find('routePrimary', org, { device: id })) {
    await tx.remove('routePrimary', org, { network, prefix });
  }
  for (const { name } of await tx.find('resolvedName', org, { device: id })) {
    await tx.remove('resolvedName', org, { device: id, name });
  }
  for (const { tag } of await tx.find('deviceTag', org, { device: id })) {
    await tx.remove('deviceTag', org, { device: id, tag });
  }
  for (const { keyLower } of await tx.find('deviceAttribute', org, { device: id })) {
    await tx.remove('deviceAttribute', org, { device: id, keyLower });
  }
  for (const { service } of await tx.find('serviceHost', org, { device: id })) {
    await tx.remove('serviceHost', org, { service, device: id });
  }
  for (const gateway of await tx.find('gateway', org, { device: id })) {
    await tx.update('gateway', org, gateway.id, { device: null, updatedAt: tx.now });
  }
  for (const { share, acceptorOrg, membership } of await tx.find('shareAccept', org, { device: id })) {
    await tx.remove('shareAccept', org, { share, acceptorOrg, membership });
  }
  for (const share of await tx.find('deviceShare', org, { device: id })) {
    await tx.remove('deviceShare', org, share.id);
  }
  await tx.remove('presence', org, { device: id });
  await tx.remove('certChallenge', org, { device: id });
  await tx.remove('deviceLive', org, { device: id });
  await tx.remove('device', org, id);
}
