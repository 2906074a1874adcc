/** How somebody likes a dashboard to look. */
import { invalid } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { requireSelf } from '../access/self.ts';
import type { AuditOrigin } from '../model/operations.ts';
import { loginName } from '../organizations/names.ts';
import type { Store } from '../ports/store.ts';

export interface UserSettings {
  readonly theme: string;
  readonly textSize: string;
  readonly reducedMotion: boolean;
}

export interface UserSettingsService {
  /** The actor's own. Errors: `forbidden` for actors that are no people. */
  read(actor: Actor): Promise<UserSettings>;
  /** Errors: `forbidden`, `invalid`. */
  write(actor: Actor, settings: UserSettings, origin: AuditOrigin): Promise<UserSettings>;
}

const DEFAULTS: UserSettings = { theme: 'dark', textSize: '16', reducedMotion: false };
const THEMES: ReadonlySet<string> = new Set(['dark', 'light', 'system']);
const MAX_TEXT_SIZE = 20;

export function createUserSettings({ store }: { readonly store: Store }): UserSettingsService {
  return {
    read: async (actor) => {
      const { membership } = requireSelf(actor, 'self:read');
      const row = await store.get('membershipNetmaker', actor.org, { membership });
      if (row === undefined) return DEFAULTS;
      const { theme, textSize, reducedMotion } = row;
      return { theme, textSize, reducedMotion };
    },
    write: async (actor, given, origin) => {
      const { membership } = requireSelf(actor, 'write');
      const settings = {
        theme: given.theme || DEFAULTS.theme,
        textSize: given.textSize || DEFAULTS.textSize,
        reducedMotion: given.reducedMotion,
      };
      if (!THEMES.has(settings.theme)) throw invalid('theme must be dark, light or system', 'theme');
      if (settings.textSize.length > MAX_TEXT_SIZE) {
        throw invalid(`text_size must not exceed ${MAX_TEXT_SIZE} characters`, 'text_size');
      }
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const member = await tx.get('membership', org, membership);
        const present = await tx.get('membershipNetmaker', org, { membership });
        if (
          member === undefined ||
          JSON.stringify(present) === JSON.stringify({ org, membership, ...settings })
        )
          return;
        await tx.put('membershipNetmaker', { org, membership, ...settings });
        tx.audit(org, {
          verb: 'update',
          objectKind: 'membership',
          objectId: membership,
          objectName: loginName(member),
          field: 'settings',
          after: settings,
        });
      });
      return settings;
    },
  };
}
