/** Roles of this API, ours in its words, and its list of them. */
import type { Role } from '../../domain/model/people.ts';

export const ORGANIZATION_ROLES = ['org_admin', 'org_member', 'org_viewer'] as const;
export type OrganizationRole = (typeof ORGANIZATION_ROLES)[number];

export const ROLE_NAMES: Readonly<Record<Role, OrganizationRole>> = {
  owner: 'org_admin',
  admin: 'org_admin',
  'it-admin': 'org_admin',
  'network-admin': 'org_viewer',
  support: 'org_viewer',
  auditor: 'org_viewer',
  'billing-admin': 'org_viewer',
  'access-reviewer': 'org_member',
  member: 'org_member',
  'device-user': 'org_member',
};

/** The role that a name stands for when it is written and differs from what would be read. */
export const ROLES_WRITTEN: Readonly<Record<OrganizationRole, Role>> = {
  org_admin: 'admin',
  org_viewer: 'auditor',
  org_member: 'member',
};

/** Every role that reads as the name. */
export const rolesNamed = (name: OrganizationRole): Role[] =>
  (Object.keys(ROLE_NAMES) as Role[]).filter((role) => ROLE_NAMES[role] === name);

export const ROLE_SCOPES = ['organization', 'zone'] as const;

export const ROLES = [
  {
    name: 'org_admin',
    label: 'Organization Administrator',
    description: 'Full administrative access to all organization resources',
    scope: 'organization',
  },
  {
    name: 'org_viewer',
    label: 'Organization Viewer',
    description: 'Reads everything of the organization and changes nothing; zones only where granted',
    scope: 'organization',
  },
  {
    name: 'org_member',
    label: 'Organization Member',
    description: 'Belongs to the organization without access to its settings; zones only where granted',
    scope: 'organization',
  },
  {
    name: 'zone_manager',
    label: 'Zone Manager',
    description: 'Manages one zone in full',
    scope: 'zone',
  },
  { name: 'zone_viewer', label: 'Zone Viewer', description: 'Reads one zone', scope: 'zone' },
] as const;
