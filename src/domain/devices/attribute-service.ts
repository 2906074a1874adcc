/**
 * Posture attributes that are set on devices from outside. The first write of a key fixes its spelling and the type of its
 * values for the whole organization, so that a condition on it means one thing.
 */
import type { Clock } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { AttributeValue } from '../model/devices.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { builtInAttributes } from './built-in-attributes.ts';

export interface DeviceAttributes {
  readonly values: Readonly<Record<string, AttributeValue>>;
  /** When those that end do, by key, in milliseconds. */
  readonly expiries: Readonly<Record<string, number>>;
}

export interface NewAttribute {
  readonly value: AttributeValue;
  readonly expiresAt: number | null;
}

/** Null removes. */
export type AttributeChanges = Readonly<Record<string, NewAttribute | null>>;

export interface AttributeService {
  /** What the device has by itself and what was set on it and has not ended. Errors: `not_found`. */
  read(actor: Actor, device: number): Promise<DeviceAttributes>;
  /** All changes of all devices, or none. Errors: `not_found`, `invalid`, `too_large`. */
  change(
    actor: Actor,
    changes: ReadonlyMap<number, AttributeChanges>,
    comment: string,
    origin: AuditOrigin,
  ): Promise<void>;
}

const KEY = /^custom:[A-Za-z0-9_]+$/u;
const MAX_KEY = 128;
const TEXT = /^[A-Za-z0-9_.]{1,50}$/u;
const MAX_COMMENT = 200;
const MAX_PER_DEVICE = 200;
const MAX_CHANGES = 5_000;

const typeOf = (value: AttributeValue): 'string' | 'number' | 'boolean' =>
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

export function createAttributeService({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): AttributeService {
  const fixType = async (tx: Tx, org: number, key: string, value: AttributeValue): Promise<void> => {
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
  };

  const write = async (
    tx: Tx,
    org: number,
    device: number,
    key: string,
    change: NewAttribute | null,
  ): Promise<void> => {
    const keyLower = key.toLowerCase();
    if (change === null) {
      await tx.remove('deviceAttribute', org, { device, keyLower });
      return;
    }
    checkValue(change.value);
    if (change.expiresAt !== null && change.expiresAt <= tx.now) {
      throw invalid('expiry: the time has passed', 'expiry');
    }
    await fixType(tx, org, key, change.value);
    await tx.put('deviceAttribute', {
      org,
      device,
      keyLower,
      key,
      value: change.value,
      expiresAt: change.expiresAt,
      source: 'api',
      updatedAt: tx.now,
    });
  };

  return {
    read: async (actor, id) => {
      authorize(actor, 'attributes:read');
      const { org } = actor;
      const [device, live, set] = await Promise.all([
        store.get('device', org, id),
        store.get('deviceLive', org, { device: id }),
        store.find('deviceAttribute', org, { device: id }),
      ]);
      if (device === undefined) throw notFound('device');
      const now = clock.now();
      const valid = set.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
      return {
        values: {
          ...builtInAttributes(device, live?.hostinfo ?? {}),
          ...Object.fromEntries(valid.map(({ key, value }) => [key, value])),
        },
        expiries: Object.fromEntries(
          valid.flatMap(({ key, expiresAt }) => (expiresAt === null ? [] : [[key, expiresAt]])),
        ),
      };
    },

    change: async (actor, changes, comment, origin) => {
      authorize(actor, 'attributes:write');
      if (comment.length > MAX_COMMENT) {
        throw invalid(`comment: at most ${MAX_COMMENT} characters are allowed`, 'comment');
      }
      const count = [...changes.values()].reduce((sum, each) => sum + Object.keys(each).length, 0);
      if (count > MAX_CHANGES) {
        throw new AppError('too_large', `at most ${MAX_CHANGES} attributes can be changed at once`);
      }
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        for (const [id, attributes] of changes) {
          const device = await tx.get('device', org, id);
          if (device === undefined) throw notFound('device');
          for (const [key, change] of Object.entries(attributes)) {
            const before = await tx.get('deviceAttribute', org, { device: id, keyLower: key.toLowerCase() });
            checkKey(key);
            // Keys differ by case, though two that differ by nothing else cannot both be there.
            if (change === null && before?.key !== key) continue;
            await write(tx, org, id, key, change);
            tx.audit(org, {
              verb: change === null ? 'delete' : 'update',
              objectKind: 'device',
              objectId: id,
              objectName: device.label,
              field: key,
              before: before?.value ?? null,
              after: change?.value ?? null,
              ...(comment === '' ? {} : { details: comment }),
            });
          }
          if ((await tx.count('deviceAttribute', org, { where: { device: id } })) > MAX_PER_DEVICE) {
            throw new AppError('too_large', `a device can have at most ${MAX_PER_DEVICE} attributes`);
          }
        }
      });
    },
  };
}
