/** Taking a device out of its organization, with everything that hangs on it. */
import { removeEach } from '../directory/each-row.ts';
import type { Device } from '../model/devices.ts';
import type { Tx } from '../ports/store.ts';

/**
 * Removes the device and its addresses, routes, tags, attributes, presence and shares. What others accepted of it leads
 * nowhere from then on; their own rows of it go when a process that serves them notices. The audit event is the caller's.
 */
export async function removeDevice(tx: Tx, device: Device): Promise<void> {
  const { org, id } = device;
  await removeEach(tx, 'address', org, { holderKind: 'device', holder: id });
  await removeEach(tx, 'route', org, { device: id });
  await removeEach(tx, 'routePrimary', org, { device: id });
  await removeEach(tx, 'resolvedName', org, { device: id });
  await removeEach(tx, 'deviceTag', org, { device: id });
  await removeEach(tx, 'deviceAttribute', org, { device: id });
  await removeEach(tx, 'serviceHost', org, { device: id });
  for (const gateway of await tx.find('gateway', org, { device: id })) {
    await tx.update('gateway', org, gateway.id, { device: null, updatedAt: tx.now });
  }
  await removeEach(tx, 'shareAccept', org, { device: id });
  await removeEach(tx, 'deviceShare', org, { device: id });
  await tx.remove('presence', org, { device: id });
  await removeEach(tx, 'certChallenge', org, { device: id });
  await tx.remove('deviceLive', org, { device: id });
  await tx.remove('device', org, id);
}
