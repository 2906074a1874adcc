/** Twingate's words for what the model holds, and back. */

import type { Device, Presence } from '../../domain/model/devices.ts';
import type { Gateway, PortRules } from '../../domain/model/networks.ts';
import type { GroupKind, Membership, Role } from '../../domain/model/people.ts';
import { memberState } from '../../domain/people/member-state.ts';

export const ROLE_NAMES = {
  owner: 'ADMIN',
  admin: 'ADMIN',
  'it-admin': 'ADMIN',
  'network-admin': 'DEVOPS',
  support: 'SUPPORT',
  auditor: 'SUPPORT',
  'access-reviewer': 'ACCESS_REVIEWER',
  'billing-admin': 'MEMBER',
  member: 'MEMBER',
  'device-user': 'MEMBER',
} as const satisfies Readonly<Record<Role, string>>;
export type RoleName = (typeof ROLE_NAMES)[Role];

/** The role that a name stands for when it is written and differs from what would be read. */
export const ROLES_WRITTEN: Readonly<Record<RoleName, Role>> = {
  ADMIN: 'admin',
  DEVOPS: 'network-admin',
  SUPPORT: 'support',
  ACCESS_REVIEWER: 'access-reviewer',
  MEMBER: 'member',
};
export const isRoleName = (text: unknown): text is RoleName =>
  typeof text === 'string' && Object.hasOwn(ROLES_WRITTEN, text);

/** Every role that reads as one of the names. */
export const rolesNamed = (names: readonly unknown[]): Role[] =>
  (Object.keys(ROLE_NAMES) as Role[]).filter((role) => names.includes(ROLE_NAMES[role]));

export function userState(member: Membership): 'PENDING' | 'ACTIVE' | 'DISABLED' {
  switch (memberState(member)) {
    case 'invited':
    case 'needs-approval':
      return 'PENDING';
    case 'active':
      return 'ACTIVE';
    case 'suspended':
      return 'DISABLED';
  }
}

export const GROUP_TYPES: Readonly<Record<GroupKind, string>> = {
  manual: 'MANUAL',
  directory: 'SYNCED',
  system: 'SYSTEM',
};
export const GROUP_KINDS: Readonly<Record<string, GroupKind>> = {
  MANUAL: 'manual',
  SYNCED: 'directory',
  SYSTEM: 'system',
};

export function deviceActiveState(device: Device): 'ACTIVE' | 'ARCHIVED' | 'BLOCKED' {
  if (device.blockedAt !== null) return 'BLOCKED';
  return device.archivedAt === null ? 'ACTIVE' : 'ARCHIVED';
}

const OS_NAMES: readonly (readonly [RegExp, string, string])[] = [
  [/^android/iu, 'ANDROID', 'MOBILE'],
  [/^ipados/iu, 'IPADOS', 'TABLET'],
  [/^ios/iu, 'IOS', 'MOBILE'],
  [/^(?:macos|darwin)/iu, 'MAC_OS', 'LAPTOP'],
  [/^windows/iu, 'WINDOWS', 'DESKTOP'],
  [/^linux/iu, 'LINUX', 'DESKTOP'],
  [/^chrome/iu, 'CHROME_OS', 'LAPTOP'],
];

export const osName = (os: string): string | null =>
  OS_NAMES.find(([pattern]) => pattern.test(os))?.[1] ?? null;
/** Clients do not say what kind of machine they run on; the system is the best guess, `GENERIC` without one. */
export const deviceType = (os: string): string =>
  OS_NAMES.find(([pattern]) => pattern.test(os))?.[2] ?? 'GENERIC';

/** Whether the device that joined with the gateway's token still is the gateway: a new token pair ends the binding. */
export const isBound = (gateway: Gateway): boolean =>
  gateway.device !== null && gateway.boundGeneration === gateway.tokenGeneration;

export function connectorState(gateway: Gateway, presence: Presence | undefined): string {
  if (!isBound(gateway) || presence === undefined) return 'DEAD_NO_HEARTBEAT';
  return presence.online ? 'ALIVE' : 'DEAD_HEARTBEAT_TOO_OLD';
}

export const protocolOf = (
  rules: PortRules,
): { policy: string; ports: readonly { start: number; end: number }[] } => ({
  policy: rules.policy === 'allow-all' ? 'ALLOW_ALL' : 'RESTRICTED',
  ports: rules.ports,
});

export const ACCESS_MODES = {
  manual: 'MANUAL',
  'auto-lock': 'AUTO_LOCK',
  'access-request': 'ACCESS_REQUEST',
} as const;
export const APPROVAL_MODES = { manual: 'MANUAL', automatic: 'AUTOMATIC' } as const;
