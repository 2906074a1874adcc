/** Roles, and whether there is an owner. */
import type { Operation } from '../shared/operation.ts';
import { envelope, NetmakerError } from './envelope.ts';
import { toUserGroup } from './group-wire.ts';
import type { NetmakerApiParts } from './parts.ts';
import { PLATFORM_ROLES, platformRole } from './roles.ts';

const query = (given: unknown, name: string): string => {
  const value = (given as Readonly<Record<string, unknown>>)[name];
  return typeof value === 'string' ? value : '';
};

export const roleOperations = ({ services }: NetmakerApiParts): Operation[] => [
  // Every organization has its owner from the first moment: whoever asks is sent to sign in.
  ...['hassuperadmin', 'hasadmin'].map(
    (name): Operation => ({
      id: `netmaker.${name}`,
      method: 'GET',
      path: `/api/users/adm/${name}`,
      requires: 'public',
      handle: async ({ reply }) => reply.type('application/json').send('true\n'),
    }),
  ),
  {
    id: 'netmaker.roles.list',
    method: 'GET',
    path: '/api/v1/users/roles',
    requires: 'members:read',
    handle: async ({ actor, request }) => {
      const platform = query(request.query, 'platform') === 'true';
      const roles = platform
        ? PLATFORM_ROLES.map(platformRole)
        : (await services.networkRoles.all(actor)).map(({ role, network }) => ({
            id: role.key,
            name: role.name,
            default: role.builtIn,
            meta_data: '',
            deny_dashboard_access: false,
            full_access: role.fullAccess,
            network_id: network ?? 'all_networks',
            network_level_access: role.access,
            global_level_access: null,
          }));
      return envelope('successfully fetched user roles permission templates', roles);
    },
  },
  {
    id: 'netmaker.groups.list',
    method: 'GET',
    path: '/api/v1/users/groups',
    requires: 'groups:read',
    handle: async ({ actor }) => {
      const groups = await services.groupLookup.all(actor);
      const roles = await services.networkRoles.ofGroups(actor, groups);
      return envelope(
        'successfully fetched user groups',
        groups.map((group) => toUserGroup(group, roles.get(group.id) ?? [])),
      );
    },
  },
  {
    id: 'netmaker.groups.get',
    method: 'GET',
    path: '/api/v1/users/group',
    requires: 'groups:read',
    handle: async ({ actor, request }) => {
      const id = query(request.query, 'group_id');
      if (id === '') throw new NetmakerError(400, 'group id is required');
      const group = (await services.groupLookup.all(actor)).find((one) => toUserGroup(one, []).id === id);
      if (group === undefined) throw new NetmakerError(500, 'record not found');
      const roles = await services.networkRoles.ofGroups(actor, [group]);
      return envelope('successfully fetched user group', toUserGroup(group, roles.get(group.id) ?? []));
    },
  },
];
