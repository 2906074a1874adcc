/** What is known of a device: of itself, by hand, and from the products that are connected. */
import type { DeviceAttributes } from '../../../domain/devices/attribute-service.ts';
import type { Device } from '../../../domain/model/devices.ts';
import type { Context } from '../context.ts';
import { isTrusted } from './device.ts';

/** The products, by what the names of their attributes begin with. */
const PRODUCTS = {
  crowdstrike: 'falcon:',
  jamf: 'jamfpro:',
  kandji: 'kandji:',
  inTune: 'intune:',
  sentinelOne: 'sentinelone:',
  onePassword: 'kolide:',
} as const;

/** A product vouches for the devices that it has written an attribute of. Null: it has never told of this one. */
function vouched({ values, expiries }: DeviceAttributes, prefix: string) {
  const told = Object.keys(values).filter((key) => key.toLowerCase().startsWith(prefix));
  if (told.length === 0) return null;
  const ends = told.flatMap((key) => expiries[key] ?? []);
  return {
    isVerified: true,
    failureReason: null,
    failureDetails: null,
    expiredAt: ends.length === 0 ? null : Math.min(...ends),
  };
}

/** Clients report neither disk encryption, screen lock, firewall, biometrics nor antivirus: those stay null. */
export async function postureOf(device: Device, context: Context) {
  const { actor, services } = context;
  const attributes = await services.attributes.read(actor, device.id);
  const version = attributes.values['node:osVersion'];
  return {
    osVersion: { isSatisfied: null, version: typeof version === 'string' ? version : null },
    manualVerification: { isVerified: await isTrusted(device, context), value: device.serials[0] ?? null },
    ...Object.fromEntries(
      Object.entries(PRODUCTS).map(([name, prefix]) => [name, vouched(attributes, prefix)]),
    ),
  };
}
