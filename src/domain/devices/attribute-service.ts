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
import type { Store } from '../ports/store.ts';
import { type AttributeChanges, writeAttributes } from './attribute-rows.ts';
import { builtInAttributes } from './built-in-attributes.ts';

export interface DeviceAttributes {
  readonly values: Readonly<Record<string, AttributeValue>>;
  /** When those that end do, by key, in milliseconds. */
  readonly expiries: Readonly<Record<string, number>>;
}

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

const MAX_COMMENT = 200;
const MAX_CHANGES = 5_000;

export function createAttributeService({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): AttributeService {
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
          await writeAttributes(tx, { device, changes: attributes, source: 'api', comment });
        }
      });
    },
  };
}
