/** Platform roles: Netmaker's names for ours, and their permission templates. */
import type { Role } from '../../domain/model/people.ts';

export const PLATFORM_ROLES = ['super-admin', 'admin', 'platform-user', 'service-user', 'auditor'] as const;
export type PlatformRole = (typeof PLATFORM_ROLES)[number];
export const isPlatformRole = (text: string): text is PlatformRole =>
  (PLATFORM_ROLES as readonly string[]).includes(text);

export const ROLE_NAMES: Readonly<Record<Role, PlatformRole>> = {
  owner: 'super-admin',
  admin: 'admin',
  'it-admin': 'admin',
  'network-admin': 'platform-user',
  support: 'auditor',
  'access-reviewer': 'platform-user',
  'billing-admin': 'auditor',
  auditor: 'auditor',
  member: 'platform-user',
  'device-user': 'service-user',
};

/** The role that a name stands for when it is written and differs from what would be read. */
export const ROLES_WRITTEN: Readonly<Record<Exclude<PlatformRole, 'super-admin'>, Role>> = {
  admin: 'admin',
  'platform-user': 'member',
  'service-user': 'device-user',
  auditor: 'auditor',
};

const READ_ONLY = {
  create: false,
  read: true,
  update: false,
  delete: false,
  vpn_access: false,
  self_only: false,
} as const;

export interface RoleTemplate {
  readonly id: string;
  readonly name: string;
  readonly default: boolean;
  readonly meta_data: string;
  readonly deny_dashboard_access: boolean;
  readonly full_access: boolean;
  readonly network_id: string;
  readonly network_level_access: Readonly<Record<string, Readonly<Record<string, object>>>> | null;
  readonly global_level_access: Readonly<Record<string, Readonly<Record<string, object>>>> | null;
}

export const platformRole = (id: PlatformRole): RoleTemplate => ({
  id,
  name: '',
  default: true,
  meta_data: '',
  deny_dashboard_access: id === 'service-user',
  full_access: id === 'super-admin' || id === 'admin',
  network_id: '',
  network_level_access: id === 'auditor' ? { network: { all_network: READ_ONLY } } : null,
  global_level_access: null,
});

/** Roles whose holders do not get into the dashboard. */
export const deniesDashboard = (role: Role): boolean => platformRole(ROLE_NAMES[role]).deny_dashboard_access;
/** Roles that Netmaker takes for administrators: it puts them into the group of all networks' administrators. */
export const isAdministrator = (role: Role): boolean => platformRole(ROLE_NAMES[role]).full_access;
