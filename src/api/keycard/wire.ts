import type { Actor } from '../../domain/access/actor.ts';
import type { Membership, Organization } from '../../domain/model/people.ts';
import { memberState } from '../../domain/people/member-state.ts';
import { type PermissionsMap, permissionsOf } from './permissions.ts';
import { ROLE_NAMES } from './roles.ts';

export const timeText = (time: number): string => new Date(time).toISOString();

export interface Expansion {
  readonly actor: Actor;
  readonly permissions: boolean;
}

const withPermissions = (wanted: boolean, map: () => PermissionsMap): { permissions?: PermissionsMap } =>
  wanted ? { permissions: map() } : {};

export const toOrganization = (
  organization: Organization,
  ssoEnabled: boolean,
  { actor, permissions }: Expansion,
) => ({
  id: organization.nano,
  created_at: timeText(organization.createdAt),
  label: organization.label,
  name: organization.name,
  sso_enabled: ssoEnabled,
  updated_at: timeText(organization.updatedAt),
  zone_id: organization.zoneNano,
  ...withPermissions(permissions, () =>
    permissionsOf(actor, ['organizations', 'users', 'invitations', 'service_accounts', 'sso_connection']),
  ),
});

/** Active, or not: this API has no word for somebody who waits to be approved. */
export const userStatus = (member: Membership): 'active' | 'disabled' =>
  memberState(member) === 'active' ? 'active' : 'disabled';

/** The owner steps down by handing the organization over, and not before. */
const FIXED_FOR_OWNER = ['update', 'delete'];

export const toUser = (member: Membership, source: string, { actor, permissions }: Expansion) => ({
  id: member.nano,
  created_at: timeText(member.createdAt),
  ...(member.email === null ? {} : { email: member.email }),
  role: ROLE_NAMES[member.role],
  source,
  status: userStatus(member),
  updated_at: timeText(member.updatedAt),
  ...withPermissions(permissions, () =>
    permissionsOf(actor, ['users'], member.role === 'owner' ? FIXED_FOR_OWNER : []),
  ),
});
