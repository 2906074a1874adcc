/** The settings of an organization: name, type and default in one table. A setting that was never written has its default. */
import type { Reader } from '../ports/store.ts';

export const SETTING_DEFAULTS = {
  /** New devices wait for an administrator, unless their key was preauthorized. */
  device_approval: false,
  user_approval: false,
  /** Days until the key of a person's device expires. */
  key_days: 180,
  mfa_enforced: false,
  password_login: true,
  session_minutes: 720,
  allowed_email_domains: [] as readonly string[],
  /** Whether the policy file's wildcards cover resources and edge-only devices ("as-file") or not ("edges-only"). */
  resource_opening: 'edges-only' as 'edges-only' | 'as-file',
  edges_respect_deny_tests: false,
  admins_reach_networks: false,
  magic_dns_needs_nameserver: false,
  invitation_days: 7,
  manual_users: true,
  policy_externally_managed: false,
  policy_external_link: '',
  devices_auto_update: false,
  users_role_joins_external: 'admin' as 'none' | 'admin' | 'member',
  network_flow_logging: false,
  regional_routing: false,
  posture_identity_collection: false,
  https_enabled: false,
} as const;

export type SettingName = keyof typeof SETTING_DEFAULTS;

/** Literal defaults stand for their types: a switch is a boolean, not `false`. */
type Widened<T> = T extends boolean ? boolean : T extends number ? number : T;
export type Settings = { readonly [N in SettingName]: Widened<(typeof SETTING_DEFAULTS)[N]> };

export const isSettingName = (name: string): name is SettingName => Object.hasOwn(SETTING_DEFAULTS, name);

/** All settings from their rows. Values were checked when they were written. */
export function settingsOf(rows: Iterable<{ readonly name: string; readonly value: unknown }>): Settings {
  const values: Record<string, unknown> = { ...SETTING_DEFAULTS };
  for (const { name, value } of rows) if (isSettingName(name)) values[name] = value;
  return values as Settings;
}

export const readSettings = async (reader: Pick<Reader, 'find'>, org: number): Promise<Settings> =>
  settingsOf(await reader.find('setting', org, {}));
