/** Taking a device out of the model: its own rows go with it, what others did with it stays. */
import type { Device } from '../model/devices.ts';
import type { Tx } from '../ports/store.ts';

/** The caller writes the audit event. */
export async function removeDevice(tx: Tx, device: Device): Promise<void> {
  const { org, id } = device;
  for (const { ip } of await tx.find('address', org, { holderKind: 'device', holder: id }))
    await tx.remove('address', org, { ip });
  for (const { tag } of await tx.find('deviceTag', org, { device: id }))
    await tx.remove('deviceTag', org, { device: id, tag });
  for (const { prefix } of await tx.find('route', org, { device: id }))
    await tx.remove('route', org, { device: id, prefix });
  for (const { network, prefix } of await tx.find('routePrimary', org, { device: id })) {
    await tx.remove('routePrimary', org, { network, prefix });
  }
  for (const { keyLower } of await tx.find('deviceAttribute', org, { device: id })) {
    await tx.remove('deviceAttribute', org, { device: id, keyLower });
  }
  for (const { service } of await tx.find('serviceHost', org, { device: id })) {
    await tx.remove('serviceHost', org, { service, device: id });
  }
  for (const gateway of await tx.find('gateway', org, { device: id })) {
    await tx.update('gateway', org, gateway.id, { device: null, boundGeneration: 0 });
  }
  await tx.remove('presence', org, { device: id });
  await tx.remove('deviceLive', org, { device: id });
  await tx.remove('device', org, id);
}
