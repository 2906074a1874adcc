/** When a device's key ends: one rule for joining, for maps and for whoever tells of it. */
import type { Device } from '../model/devices.ts';

type Expiring = Pick<Device, 'expiryDisabled' | 'keyExpiresAt'>;

/** Milliseconds since 1970; null: the key does not end. An expiry that is switched off is kept, and does not count. */
export const keyEnd = (device: Expiring): number | null =>
  device.expiryDisabled ? null : device.keyExpiresAt;

export function isExpired(device: Expiring, now: number): boolean {
  const at = keyEnd(device);
  return at !== null && at <= now;
}
