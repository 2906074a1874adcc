/** The device object. A list of thousands of them is the busiest answer of this dialect, so the text is put together here. */

import { encodeExternalId } from '../../domain/ids/external-id.ts';
import { loginName } from '../../domain/organizations/names.ts';
import type { DeviceRow } from '../../domain/ports/queries.ts';
import { detailsJson, type RegionName } from './device-details-wire.ts';
import { wireTime, ZERO_TIME } from './times.ts';

/** Devices that no person stands behind show this login. */
export const TAGGED_DEVICES = 'tagged-devices';

export const userOf = (device: DeviceRow): string =>
  device.person === null ? TAGGED_DEVICES : loginName(device.person);

export interface DeviceWireContext {
  /** `<label>.<suffix>` is a device's full name. */
  readonly suffix: string;
  readonly regionName: RegionName;
  /** Whether devices may be asked for their serial numbers. */
  readonly postureIdentity: boolean;
}

const json = (value: unknown): string => JSON.stringify(value);

export function deviceJson(device: DeviceRow, context: DeviceWireContext): string {
  const nodeId = encodeExternalId('device', device.id);
  const expires = device.keyExpiresAt === null ? ZERO_TIME : wireTime(device.keyExpiresAt);
  const seen = device.online || device.lastSeen === null ? '' : `,"lastSeen":"${wireTime(device.lastSeen)}"`;
  const tags = device.tags.length === 0 ? '' : `,"tags":${json(device.tags)}`;
  const details = device.details === undefined ? '' : detailsJson(device.details, context);
  return (
    `{"addresses":${json(device.addresses)},"id":"${device.id}","nodeId":"${nodeId}"` +
    `,"user":${json(userOf(device))},"name":${json(`${device.label}.${context.suffix}`)}` +
    `,"hostname":${json(device.osHostname)},"clientVersion":${json(device.clientVersion)}` +
    `,"updateAvailable":false,"os":${json(device.os)},"created":"${wireTime(device.createdAt)}"` +
    `,"connectedToControl":${device.online}${seen},"keyExpiryDisabled":${device.expiryDisabled}` +
    `,"expires":"${expires}","authorized":${device.authorized},"isExternal":false` +
    `,"isEphemeral":${device.ephemeral},"machineKey":${json(device.machineKey)}` +
    `,"nodeKey":${json(device.nodeKey)},"blocksIncomingConnections":${device.blocksIncoming}` +
    `,"tailnetLockKey":"","tailnetLockError":""${tags}${details}}`
  );
}

export const deviceListJson = (devices: readonly DeviceRow[], context: DeviceWireContext): string =>
  `{"devices":[${devices.map((device) => deviceJson(device, context)).join(',')}]}`;
