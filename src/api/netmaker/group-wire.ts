import type { HeldRole } from '../../domain/groups/network-role-reads.ts';
import type { Group } from '../../domain/model/people.ts';
import { ALL_NETWORKS_ADMINS, groupId, timeText } from './wire.ts';

const ALL_NETWORKS = 'all_networks';

export interface UserGroup {
  readonly id: string;
  readonly name: string;
  readonly default: boolean;
  readonly external_identity_provider_id: string;
  readonly network_roles: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly color_code: string;
  readonly meta_data: string;
  readonly created_by: string;
  readonly created_at: string;
  readonly updated_at: string;
}

function networkRoles(held: readonly HeldRole[]): UserGroup['network_roles'] {
  const byNetwork = Map.groupBy(held, ({ network }) => network ?? ALL_NETWORKS);
  return Object.fromEntries(
    [...byNetwork].map(([network, roles]) => [
      network,
      Object.fromEntries(roles.map(({ role }) => [role, {}])),
    ]),
  );
}

export const toUserGroup = (group: Group, held: readonly HeldRole[]): UserGroup => ({
  id: groupId(group),
  name: group.name,
  default: group.kind === 'system',
  external_identity_provider_id: group.originId ?? '',
  network_roles: networkRoles(held),
  color_code: '',
  meta_data: '',
  created_by: group.byName,
  created_at: timeText(group.createdAt),
  updated_at: timeText(group.updatedAt),
});

/** The group that administrators are in by what they are. No row stands behind it. */
export const allNetworksAdmins = (): UserGroup => ({
  id: ALL_NETWORKS_ADMINS,
  name: 'All Networks Admin Group',
  default: true,
  external_identity_provider_id: '',
  network_roles: { [ALL_NETWORKS]: { 'global-network-admin': {} } },
  color_code: '',
  meta_data: '',
  created_by: '',
  created_at: timeText(null),
  updated_at: timeText(null),
});
