/** Settings of an organization. Each has its own permissions, so one call may be let in for a part of what it asks. */
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize, decide } from '../access/authorize.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store } from '../ports/store.ts';
import { checkSetting, SETTING_RULES } from './setting-rules.ts';
import {
  isSettingName,
  readSettings,
  SETTING_DEFAULTS,
  type SettingName,
  type Settings,
} from './settings.ts';

export interface SettingChange {
  readonly name: SettingName;
  readonly value: unknown;
  /** The caller's name for it, for errors. */
  readonly field: string;
}

export interface SettingsService {
  /** All settings, and which of them the actor may read. */
  read(actor: Actor): Promise<{ readonly settings: Settings; readonly readable: ReadonlySet<SettingName> }>;
  /** All or none. Errors: `forbidden`, `invalid`. */
  update(actor: Actor, changes: readonly SettingChange[], origin: AuditOrigin): Promise<void>;
}

export const READ_ANY_SETTING = [...new Set(Object.values(SETTING_RULES).map(({ read }) => read))];
export const WRITE_ANY_SETTING = [...new Set(Object.values(SETTING_RULES).map(({ write }) => write))];

export function createSettingsService({ store }: { readonly store: Store }): SettingsService {
  return {
    read: async (actor) => {
      const names = Object.keys(SETTING_DEFAULTS).filter(isSettingName);
      const readable = names.filter((name) => decide(actor, SETTING_RULES[name].read) === undefined);
      return { settings: await readSettings(store, actor.org), readable: new Set(readable) };
    },
    update: async (actor, changes, origin) => {
      for (const { name, value, field } of changes) {
        authorize(actor, SETTING_RULES[name].write);
        checkSetting(name, value, SETTING_DEFAULTS[name], field);
      }
      if (changes.length === 0) return;
      await store.write(contextOf(actor, origin), async (tx) => {
        const before = await readSettings(tx, actor.org);
        for (const { name, value } of changes) {
          if (JSON.stringify(before[name]) === JSON.stringify(value)) continue;
          await tx.put('setting', { org: actor.org, name, value, updatedAt: tx.now });
          tx.audit(actor.org, {
            verb: typeof value === 'boolean' ? (value ? 'enable' : 'disable') : 'update',
            objectKind: 'setting',
            objectId: name,
            objectName: name,
            field: name,
            before: before[name],
            after: value,
          });
        }
      });
    },
  };
}
