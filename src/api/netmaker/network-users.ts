/** The users of a network: who is one, who is none yet, and putting them in and out. */
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import { encodeUuid } from '../../domain/ids/uuid8.ts';
import type { Network } from '../../domain/model/networks.ts';
import type { Operation } from '../shared/operation.ts';
import { queryText } from '../shared/parameters.ts';
import { envelope, NetmakerError, ORIGIN, RECORD_NOT_FOUND } from './envelope.ts';
import { insteadOfMissing } from './missing.ts';
import type { NetmakerApiParts } from './parts.ts';
import { toUsers } from './users.ts';
import { groupId, timeText } from './wire.ts';

export const networkUserOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { networkMembers, networkReads } = services;

  const networkByQuery = async (
    actor: Actor,
    request: FastifyRequest,
    parameter: string,
    missing: (slug: string) => string = () => RECORD_NOT_FOUND,
  ): Promise<Network> => {
    const slug = queryText(request, parameter);
    if (slug === '') throw new NetmakerError(400, 'network is required');
    return insteadOfMissing(networkReads.bySlug(actor, slug), new NetmakerError(400, missing(slug)));
  };

  const networkUser = (verb: 'add' | 'remove'): Operation => ({
    id: `netmaker.network-users.${verb}`,
    method: 'PUT',
    path: `/api/v1/users/${verb}_network_user`,
    requires: 'authenticated',
    handle: async ({ actor, request }) => {
      const username = queryText(request, 'username');
      if (username === '') throw new NetmakerError(400, 'username is required');
      const network = await networkByQuery(actor, request, 'network_id');
      const member = await insteadOfMissing(
        networkMembers.userOf(actor, network, username),
        new NetmakerError(400, RECORD_NOT_FOUND),
      );
      if (member.role !== 'device-user') throw new NetmakerError(400, 'can only add service users');
      await networkMembers.setUser(actor, member.id, network, verb === 'add', ORIGIN);
      const groups = await networkMembers.groupsOf(member);
      return envelope('updated user group', {
        id: encodeUuid('membership', member.id),
        username: member.username,
        display_name: member.displayName ?? '',
        platform_role_id: 'service-user',
        external_identity_provider_id: member.externalId ?? '',
        account_disabled: member.suspendedAt !== null,
        auth_type: 'basic_auth',
        // The vendor sends hash and secret along; nobody needs them.
        password: '',
        totp_secret: '',
        is_mfa_enabled: false,
        last_login_time: timeText(null),
        user_group_ids: Object.fromEntries(groups.map((group) => [groupId(group), {}])),
        created_by: member.byName,
        created_at: timeText(member.createdAt),
        updated_at: timeText(member.createdAt),
      });
    },
  });

  return [
    networkUser('add'),
    networkUser('remove'),
    {
      id: 'netmaker.network-users.unassigned',
      method: 'GET',
      path: '/api/v1/users/unassigned_network_users',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const network = await networkByQuery(actor, request, 'network_id');
        const members = await networkMembers.unassigned(actor, network);
        return envelope(
          'returned unassigned network service users',
          members.length === 0 ? null : await toUsers(services, actor, members),
        );
      },
    },
    {
      id: 'netmaker.network-users.list',
      method: 'GET',
      path: '/api/v1/users/network',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const network = await networkByQuery(
          actor,
          request,
          'network',
          (slug) => `network ${slug} not found`,
        );
        const members = await networkMembers.list(actor, network);
        return envelope(`fetched users for network ${network.slug}`, await toUsers(services, actor, members));
      },
    },
  ];
};
