/** The device object. A list of thousands of them is the busiest answer of this dialect, so the text is put together here. */

import { encodeExternalId } from '../../domain/ids/external-id.ts';
import { loginName } from '../../domain/organizations/names.ts';
import type { DeviceRow } from '../../domain/ports/queries.ts';
import { detailsJson, type RegionName } from './device-details-wire.ts';
import { timeWriter, ZERO_TIME } from './times.ts';

/** Devices that no person stands behind show this login. */
export const TAGGED_DEVICES = 'tagged-devices';

const userOf = (device: DeviceRow): string =>
  device.person === null ? TAGGED_DEVICES : loginName(device.person);

export interface DeviceWireContext {
  /** `<label>.<suffix>` is a device's full name. */
  readonly suffix: string;
  readonly regionName: RegionName;
  /** Whether the device belongs to another organization. */
  readonly external?: boolean;
  /** Whether devices may be asked for their serial numbers. */
  readonly postureIdentity: boolean;
}

/** JSON texts of values that many devices share: systems, versions, people. */
function textWriter(): (value: string) => string {
  const known = new Map<string, string>();
  return (value) => {
    let text = known.get(value);
    if (text === undefined) {
      text = JSON.stringify(value);
      known.set(value, text);
    }
    return text;
  };
}

/** For texts whose alphabet was checked when they were stored: keys in hex, addresses, DNS labels, tags. */
const quoted = (texts: readonly string[]): string => (texts.length === 0 ? '[]' : `["${texts.join('","')}"]`);

/** Writes devices of one answer. */
function deviceWriter(context: DeviceWireContext): (device: DeviceRow) => string {
  const time = timeWriter();
  const shared = textWriter();
  const suffix = context.suffix;
  return (device) => {
    const expires = device.keyExpiresAt === null ? ZERO_TIME : time(device.keyExpiresAt);
    const seen = device.online || device.lastSeen === null ? '' : `,"lastSeen":"${time(device.lastSeen)}"`;
    const tags = device.tags.length === 0 ? '' : `,"tags":${quoted(device.tags)}`;
    const details =
      device.details === undefined ? '' : detailsJson(device.details, device.authorized, context);
    return (
      `{"addresses":${quoted(device.addresses)},"id":"${device.id}"` +
      `,"nodeId":"${encodeExternalId('device', device.id)}","user":${shared(userOf(device))}` +
      `,"name":"${device.label}.${suffix}","hostname":${JSON.stringify(device.osHostname)}` +
      `,"clientVersion":${shared(device.clientVersion)},"updateAvailable":false,"os":${shared(device.os)}` +
      `,"created":"${device.createdAt === null ? '' : time(device.createdAt)}","connectedToControl":${device.online}${seen}` +
      `,"keyExpiryDisabled":${device.expiryDisabled},"expires":"${expires}"` +
      `,"authorized":${device.authorized},"isExternal":${context.external === true},"isEphemeral":${device.ephemeral}` +
      `,"machineKey":"${device.machineKey}","nodeKey":"${device.nodeKey}"` +
      `,"blocksIncomingConnections":${device.blocksIncoming},"tailnetLockKey":"","tailnetLockError":""${tags}${details}}`
    );
  };
}

export const deviceJson = (device: DeviceRow, context: DeviceWireContext): string =>
  deviceWriter(context)(device);

/** `others`: devices that are JSON already. */
export const deviceListJson = (
  devices: readonly DeviceRow[],
  context: DeviceWireContext,
  others: readonly string[] = [],
): string => `{"devices":[${[...devices.map(deviceWriter(context)), ...others].join(',')}]}`;
