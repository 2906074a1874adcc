/**
 * Posture attributes that a device sets on itself. It may set those that the policy file lets devices set (`attrConfig`,
 * `allowSetByNode`), with values of the type that stands there: what nobody allowed would let a device pass conditions.
 */
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import type { AttributeValue, Device } from '../model/devices.ts';
import type { By } from '../model/operations.ts';
import type { Store } from '../ports/store.ts';
import { type NewAttribute, typeOf, writeAttributes } from './attribute-rows.ts';

/** Null removes. */
export type OwnAttributeUpdate = Readonly<Record<string, AttributeValue | null>>;

export interface OwnAttributes {
  /** All or none; values that are there already write nothing. Errors: `not_found`, `forbidden`, `invalid`, `too_large`. */
  set(device: Pick<Device, 'org' | 'id' | 'label'>, update: OwnAttributeUpdate): Promise<void>;
}

/** What the policy file says of attributes. */
export interface AttributeRules {
  /** The attributes that devices may set on themselves, and the types of their values. */
  settableByDevices(org: number): Promise<ReadonlyMap<string, ReturnType<typeof typeOf>>>;
}

export interface OwnAttributesParts {
  readonly store: Store;
  readonly policy: AttributeRules;
}

export function createOwnAttributes({ store, policy }: OwnAttributesParts): OwnAttributes {
  async function checked(org: number, update: OwnAttributeUpdate): Promise<Map<string, NewAttribute | null>> {
    const settable = await policy.settableByDevices(org);
    const changes = new Map<string, NewAttribute | null>();
    for (const [key, value] of Object.entries(update)) {
      const type = settable.get(key);
      if (type === undefined)
        throw new AppError('forbidden', `the policy file does not let devices set the attribute "${key}"`);
      if (value !== null && typeOf(value) !== type)
        throw invalid(`value: attribute "${key}" holds a ${type}, not a ${typeOf(value)}`, 'value');
      changes.set(key, value === null ? null : { value, expiresAt: null });
    }
    return changes;
  }

  return {
    set: async ({ org, id, label }, update) => {
      const wanted = await checked(org, update);
      const present = await store.find('deviceAttribute', org, { device: id });
      const values = new Map(
        present.map(({ key, value, expiresAt }) => [key, expiresAt === null ? value : null]),
      );
      const news = [...wanted].filter(([key, change]) => {
        const value = values.get(key);
        return change === null ? values.has(key) : value !== change.value;
      });
      if (news.length === 0) return;
      const by: By = { kind: 'device', id: String(id), name: label };
      await store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
        const device = await tx.get('device', org, id);
        if (device === undefined) throw notFound('device');
        await writeAttributes(tx, { device, changes: Object.fromEntries(news), source: 'device' });
      });
    },
  };
}
