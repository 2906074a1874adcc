import type { Device, HostFacts } from '../../../domain/model/devices.ts';
import { type Context, type FieldResolvers, fieldsOf } from '../context.ts';
import { encodeGlobalId } from '../global-id.ts';
import { loadFacts, loadOne, required } from '../loads.ts';
import { deviceActiveState, deviceType, osName } from '../projections.ts';

/** A text that the device reports of itself, under the name of Tailscale's Hostinfo. */
async function reported(device: Device, context: Context, name: keyof HostFacts): Promise<string | null> {
  const [live] = await loadFacts(context, 'deviceLive', 'device', device.id);
  const value = live?.hostinfo[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** By hand, or by a serial number of the organization's list. */
export async function isTrusted(device: Device, context: Context): Promise<boolean> {
  if (device.trustedAt !== null) return true;
  if (device.serials.length === 0) return false;
  const matched = await context.batches.load('trusted serials', device, async (devices) => {
    const serials = [...new Set(devices.flatMap((one) => one.serials))];
    const { rows } = await context.services.directory.page(context.actor, 'serialNumber', {
      condition: { column: 'serial', operator: 'in', value: serials },
      limit: serials.length,
    });
    const listed = new Set(rows.map(({ serial }) => serial));
    return new Map(devices.map((one) => [one, one.serials.some((serial) => listed.has(serial))]));
  });
  return matched ?? false;
}

export const deviceFields: FieldResolvers = fieldsOf<Device>({
  id: ({ id }) => encodeGlobalId('Device', id),
  name: ({ givenName, label }) => givenName ?? label,
  user: ({ owner }, _args, context) =>
    required('the user of a device', loadOne(context, 'membership', owner)),
  deviceType: ({ os }) => deviceType(os),
  osName: ({ os }) => osName(os),
  osVersion: (device, _args, context) => reported(device, context, 'OSVersion'),
  clientVersion: ({ clientVersion }) => clientVersion || null,
  hardwareModel: (device, _args, context) => reported(device, context, 'DeviceModel'),
  hostname: ({ osHostname }) => osHostname || null,
  username: () => null,
  serialNumber: ({ serials }) => serials[0] ?? null,
  manufacturerName: () => null,
  isTrusted: (device, _args, context) => isTrusted(device, context),
  activeState: deviceActiveState,
  lastConnectedAt: () => null,
  lastFailedLoginAt: () => null,
  lastSuccessfulLoginAt: () => null,
  internetSecurityConfiguration: () => '',
});
