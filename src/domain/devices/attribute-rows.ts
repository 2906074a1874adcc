/** Posture attributes as rows: what fits one, and how it is written. */
import { AppError, invalid } from '../../kernel/errors.ts';
import type { AttributeValue, Device } from '../model/devices.ts';
import type { Tx } from '../ports/store.ts';

export interface NewAttribute {
  readonly value: AttributeValue;
  readonly expiresAt: number | null;
}

/** Null removes. */
export type AttributeChanges = Readonly<Record<string, NewAttribute | null>>;

/** Who set an attribute: the admin API, or the device itself. */
export type AttributeSource = 'api' | 'device';

const KEY = /^custom:[A-Za-z0-9_]+$/u;
const MAX_KEY = 128;
const TEXT = /^[A-Za-z0-9_.]{1,50}$/u;
const MAX_PER_DEVICE = 200;

export const typeOf = (value: AttributeValue): 'string' | 'number' | 'boolean' =>
  typeof value === 'string' ? 'string' : typeof value === 'number' ? 'number' : 'boolean';

function checkKey(key: string): void {
  if (!KEY.test(key) || key.length > MAX_KEY) {
    throw invalid(
      `attribute key "${key}" must be custom: and letters, digits or underscores, ${MAX_KEY} characters in all`,
      'key',
    );
  }
}

function checkValue(value: AttributeValue): void {
  if (typeof value === 'string' && !TEXT.test(value)) {
    throw invalid('value: a text must be 1 to 50 letters, digits, underscores or periods', 'value');
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw invalid('value: a number must be an integer within 2^53', 'value');
  }
}

/** The first write of a key fixes its spelling and type for the organization. */
async function fixType(tx: Tx, org: number, key: string, value: AttributeValue): Promise<void> {
  const keyLower = key.toLowerCase();
  const known = await tx.get('attributeType', org, { keyLower });
  const type = typeOf(value);
  if (known === undefined) {
    await tx.insert('attributeType', { org, keyLower, key, type });
    return;
  }
  if (known.key !== key) throw invalid(`attribute key "${key}" is in use as "${known.key}"`, 'key');
  if (known.type !== type) {
    throw invalid(`value: attribute "${key}" holds a ${known.type}, not a ${type}`, 'value');
  }
}

/** What is written of a device: its changes, by whom, and why. */
export interface AttributeWrite {
  readonly device: Device;
  readonly changes: AttributeChanges;
  readonly source: AttributeSource;
  readonly comment?: string;
}

/** All changes of one device, each with its audit event. Errors: `invalid`, `too_large`. */
export async function writeAttributes(
  tx: Tx,
  { device, changes, source, comment }: AttributeWrite,
): Promise<void> {
  const { org, id } = device;
  for (const [key, change] of Object.entries(changes)) {
    checkKey(key);
    const keyLower = key.toLowerCase();
    const before = await tx.get('deviceAttribute', org, { device: id, keyLower });
    if (change === null) {
      // Keys differ by case, though two that differ by nothing else cannot both be there.
      if (before?.key !== key) continue;
      await tx.remove('deviceAttribute', org, { device: id, keyLower });
    } else {
      checkValue(change.value);
      if (change.expiresAt !== null && change.expiresAt <= tx.now) {
        throw invalid('expiry: the time has passed', 'expiry');
      }
      await fixType(tx, org, key, change.value);
      const { value, expiresAt } = change;
      const row = { org, device: id, keyLower, key, value, expiresAt, source, updatedAt: tx.now };
      await tx.put('deviceAttribute', row);
    }
    tx.audit(org, {
      verb: change === null ? 'delete' : 'update',
      objectKind: 'device',
      objectId: id,
      objectName: device.label,
      field: key,
      before: before?.value ?? null,
      after: change?.value ?? null,
      ...(comment === undefined || comment === '' ? {} : { details: comment }),
    });
  }
  if ((await tx.count('deviceAttribute', org, { where: { device: id } })) > MAX_PER_DEVICE) {
    throw new AppError('too_large', `a device can have at most ${MAX_PER_DEVICE} attributes`);
  }
}
