import type { Device } from '../model/devices.ts';
import type { Reader } from '../ports/store.ts';
import { isExpired } from './key-expiry.ts';

/** Approved, neither blocked nor put away, its key good, and its owner allowed in. */
export async function isInForce(reader: Pick<Reader, 'get'>, device: Device, now: number): Promise<boolean> {
  if (device.authorizedAt === null || device.blockedAt !== null || device.archivedAt !== null) return false;
  if (isExpired(device, now)) return false;
  if (device.ownerKind !== 'membership') return true;
  const owner = await reader.get('membership', device.org, device.owner);
  return owner !== undefined && owner.suspendedAt === null && owner.approvedAt !== null;
}
