/** Which permission each setting needs, and what it may be. */
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Permission } from '../access/permissions.ts';
import type { SettingName, Settings } from './settings.ts';

interface SettingRule {
  readonly read: Permission;
  readonly write: Permission;
  /** Whether a value of the right type is allowed. */
  readonly allows?: (value: never) => boolean;
  readonly hint?: string;
}

const feature = { read: 'settings:read', write: 'feature-settings:write' } as const;
const network = { read: 'network-settings:read', write: 'network-settings:write' } as const;
/** What widens or narrows the policy file belongs to those who may write it. */
const policy = { read: 'policy:read', write: 'policy:write' } as const;
const signIn = { read: 'settings:read', write: 'sso:write' } as const;

const MAX_KEY_DAYS = 180;
const MAX_INVITATION_DAYS = 365;
const MAX_SESSION_MINUTES = 60 * 24 * 90;
const MAX_LINK = 2_000;
const MAX_LISTED = 100;

const within =
  (low: number, high: number) =>
  (value: number): boolean =>
    Number.isSafeInteger(value) && value >= low && value <= high;

const WEB_PROTOCOLS: ReadonlySet<string> = new Set(['http:', 'https:']);
const isWebAddress = (text: string): boolean =>
  URL.canParse(text) && WEB_PROTOCOLS.has(new URL(text).protocol);

export const SETTING_RULES: Readonly<Record<SettingName, SettingRule>> = {
  device_approval: feature,
  user_approval: feature,
  key_days: { ...feature, allows: within(1, MAX_KEY_DAYS), hint: `an integer from 1 to ${MAX_KEY_DAYS}` },
  mfa_enforced: signIn,
  password_login: signIn,
  session_minutes: {
    ...signIn,
    allows: within(1, MAX_SESSION_MINUTES),
    hint: `an integer from 1 to ${MAX_SESSION_MINUTES}`,
  },
  allowed_email_domains: {
    ...signIn,
    allows: (value: readonly unknown[]) =>
      value.length <= MAX_LISTED && value.every((each) => typeof each === 'string'),
    hint: `a list of at most ${MAX_LISTED} domains`,
  },
  resource_opening: {
    ...policy,
    allows: (value: string) => value === 'edges-only' || value === 'as-file',
    hint: 'edges-only or as-file',
  },
  edges_respect_deny_tests: policy,
  admins_reach_networks: policy,
  magic_dns_needs_nameserver: network,
  invitation_days: {
    ...feature,
    allows: within(1, MAX_INVITATION_DAYS),
    hint: `an integer from 1 to ${MAX_INVITATION_DAYS}`,
  },
  manual_users: feature,
  policy_externally_managed: policy,
  policy_external_link: {
    ...policy,
    // People follow it.
    allows: (value: string) => value === '' || (value.length <= MAX_LINK && isWebAddress(value)),
    hint: 'an http or https URL',
  },
  devices_auto_update: feature,
  users_role_joins_external: {
    ...feature,
    allows: (value: string) => ['none', 'admin', 'member'].includes(value),
    hint: 'none, admin or member',
  },
  network_flow_logging: { read: 'flow-logs:read', write: 'flow-logs:write' },
  regional_routing: feature,
  posture_identity_collection: feature,
  https_enabled: network,
};

/** Errors: `invalid`. `field` is the caller's name for the setting. */
export function checkSetting<N extends SettingName>(
  name: N,
  value: unknown,
  example: Settings[N],
  field: string,
): void {
  const { allows, hint } = SETTING_RULES[name];
  const sameType = typeof value === typeof example && Array.isArray(value) === Array.isArray(example);
  if (!sameType)
    throw invalid(`${field}: expected ${Array.isArray(example) ? 'a list' : typeof example}`, field);
  // The type was compared with that of the default, which is what `allows` takes.
  if (allows !== undefined && !allows(value as never)) {
    throw new AppError('invalid', `${field}: expected ${hint}`, { field });
  }
}
