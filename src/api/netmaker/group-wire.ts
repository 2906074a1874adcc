import type { ShownGroup } from '../../domain/groups/group-lookup.ts';
import type { GroupRef } from '../../domain/groups/network-groups.ts';
import type { HeldRole } from '../../domain/groups/network-role-reads.ts';
import { encodeUuid } from '../../domain/ids/uuid8.ts';
import { ALL_NETWORKS_ADMINS, timeText } from './wire.ts';

export const ALL_NETWORKS = 'all_networks';

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

export function toNetworkRoles(held: readonly HeldRole[]): UserGroup['network_roles'] {
  const byNetwork = Map.groupBy(held, ({ network }) => network ?? ALL_NETWORKS);
  return Object.fromEntries(
    [...byNetwork].map(([network, roles]) => [
      network,
      Object.fromEntries(roles.map(({ role }) => [role, {}])),
    ]),
  );
}

export const refId = (ref: GroupRef): string => (typeof ref === 'number' ? encodeUuid('group', ref) : ref);

export const toUserGroup = (group: ShownGroup): UserGroup => ({
  id: refId(group.ref),
  name: group.name,
  default: group.kind === 'system',
  external_identity_provider_id: group.originId ?? '',
  network_roles: toNetworkRoles(group.roles),
  color_code: group.colorCode,
  meta_data: group.metaData,
  created_by: group.byName,
  created_at: timeText(group.createdAt),
  updated_at: timeText(group.updatedAt),
});

/** The group that administrators are in by what they are. No row stands behind it. */
export const allNetworksAdmins = (): UserGroup =>
  toUserGroup({
    ref: ALL_NETWORKS_ADMINS,
    name: 'All Networks Admin Group',
    kind: 'system',
    originId: null,
    colorCode: '',
    metaData: '',
    roles: [{ network: null, role: 'global-network-admin' }],
    byName: '',
    createdAt: null,
    updatedAt: null,
  });
