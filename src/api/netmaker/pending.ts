/** People who wait to be let in. */
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { envelope, ORIGIN } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { ROLES_WRITTEN } from './roles.ts';
import { toUsers } from './users.ts';

const LIST = '/api/users_pending';
const ONE = '/api/users_pending/user/:username';

export const pendingOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { pendingUsers } = services;
  return [
    {
      id: 'netmaker.pending.list',
      method: 'GET',
      path: LIST,
      requires: 'members:read',
      handle: async ({ actor, reply }) => {
        const users = await toUsers(services, actor, await pendingUsers.list(actor));
        const shown = users.map((user) => ({ ...user, platform_role_id: '', num_access_tokens: 0 }));
        return reply.type('application/json').send(JSON.stringify(shown));
      },
    },
    {
      id: 'netmaker.pending.clear',
      method: 'DELETE',
      path: LIST,
      requires: 'members:write',
      handle: async ({ actor }) => {
        await pendingUsers.rejectAll(actor, ORIGIN);
        return envelope('cleared all pending users');
      },
    },
    {
      id: 'netmaker.pending.approve',
      method: 'POST',
      path: ONE,
      requires: 'members:write',
      handle: async ({ actor, request }) => {
        const username = pathText(request, 'username');
        await pendingUsers.approve(actor, username, ROLES_WRITTEN['service-user'], ORIGIN);
        return envelope(`approved ${username}`);
      },
    },
    {
      id: 'netmaker.pending.delete',
      method: 'DELETE',
      path: ONE,
      requires: 'members:write',
      handle: async ({ actor, request }) => {
        const username = pathText(request, 'username');
        await pendingUsers.reject(actor, username, ORIGIN);
        return envelope(`deleted pending ${username}`);
      },
    },
  ];
};
