/** Groups of users, and what they hold on networks. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { ShownGroup } from '../../domain/groups/group-lookup.ts';
import type { GroupNetworkRole } from '../../domain/groups/group-network-roles.ts';
import type { GroupRef } from '../../domain/groups/network-groups.ts';
import { decodeUuid } from '../../domain/ids/uuid8.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { queryText } from '../shared/parameters.ts';
import { envelope, NetmakerError, ORIGIN, RECORD_NOT_FOUND } from './envelope.ts';
import { ALL_NETWORKS, toUserGroup } from './group-wire.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf } from './request.ts';
import { isPlatformRole } from './roles.ts';

const MAX_TEXT = 2_000;
const MAX_MEMBERS = 10_000;

const Group = z.object({
  id: z.string().nullish(),
  name: z.string().nullish(),
  network_roles: z
    .record(z.string().max(MAX_TEXT), z.record(z.string().max(MAX_TEXT), z.unknown()).nullish())
    .nullish(),
  color_code: z.string().max(MAX_TEXT).nullish(),
  meta_data: z.string().max(MAX_TEXT).nullish(),
});
const NewGroup = z.object({
  user_group: Group.nullish(),
  members: z.array(z.string()).max(MAX_MEMBERS).nullish(),
});
type GroupBody = z.infer<typeof Group>;

const refOf = (id: string): GroupRef => decodeUuid('group', id) ?? id;

function rolesOf({ network_roles: given }: GroupBody): GroupNetworkRole[] | undefined {
  if (given === undefined || given === null) return undefined;
  return Object.entries(given).flatMap(([network, roles]) =>
    Object.keys(roles ?? {}).map((role) => {
      if (isPlatformRole(role)) throw new NetmakerError(400, 'platform role cannot be used as network role');
      return { network: network === ALL_NETWORKS ? null : network, role };
    }),
  );
}

const lookOf = ({ color_code: colorCode, meta_data: metaData }: GroupBody) => ({
  ...(colorCode ? { colorCode } : {}),
  ...(metaData ? { metaData } : {}),
});

/** The refusals of names are answered as failures of the server here. */
async function inWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'taken') throw new NetmakerError(500, 'group already exists');
    throw error;
  }
}

export const groupOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { groupLookup, groups, people } = services;
  /** The group that a request is about, or `absent` for one that is not there. */
  const target = async (actor: Actor, id: string, absent: NetmakerError): Promise<ShownGroup> => {
    try {
      return await groupLookup.one(actor, refOf(id));
    } catch (error) {
      throw error instanceof AppError && error.code === 'not_found' ? absent : error;
    }
  };
  const given = (request: FastifyRequest): string => {
    const id = queryText(request, 'group_id');
    if (id === '') throw new NetmakerError(400, 'group id is required');
    return id;
  };
  return [
    {
      id: 'netmaker.groups.list',
      method: 'GET',
      path: '/api/v1/users/groups',
      requires: 'groups:read',
      handle: async ({ actor }) =>
        envelope('successfully fetched user groups', (await groupLookup.shown(actor)).map(toUserGroup)),
    },
    {
      id: 'netmaker.groups.of-network',
      method: 'GET',
      path: '/api/v1/users/groups/network',
      requires: 'groups:read',
      handle: async ({ actor, request }) => {
        const network = queryText(request, 'network');
        if (network === '') throw new NetmakerError(400, 'network is required');
        const found = await groupLookup.ofNetwork(actor, network).catch((error: unknown) => {
          if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
          throw new NetmakerError(400, `network ${network} not found`);
        });
        return envelope(`fetched user groups for network ${network}`, found.map(toUserGroup));
      },
    },
    {
      id: 'netmaker.groups.get',
      method: 'GET',
      path: '/api/v1/users/group',
      requires: 'groups:read',
      handle: async ({ actor, request }) => {
        const group = await target(actor, given(request), new NetmakerError(500, RECORD_NOT_FOUND));
        return envelope('successfully fetched user group', toUserGroup(group));
      },
    },
    {
      id: 'netmaker.groups.create',
      method: 'POST',
      path: '/api/v1/users/group',
      requires: 'groups:write',
      handle: async ({ actor, request }) => {
        const { user_group: given, members } = bodyOf(NewGroup, request);
        const body: GroupBody = given ?? {};
        const networkRoles = rolesOf(body) ?? [];
        if (!body.name?.trim()) throw new NetmakerError(500, 'group name cannot be empty');
        // Names that nobody has are passed over.
        const found = await people.idsOf(actor, members ?? []);
        const group = await inWords(
          groups.create(
            actor,
            { name: body.name, members: found, networkRoles, look: lookOf(body), uniqueName: true },
            ORIGIN,
          ),
        );
        return envelope('created user group', toUserGroup(await groupLookup.one(actor, group.id)));
      },
    },
    {
      id: 'netmaker.groups.update',
      method: 'PUT',
      path: '/api/v1/users/group',
      requires: 'groups:write',
      handle: async ({ actor, request }) => {
        const body = bodyOf(Group, request);
        const named = queryText(request, 'group_id');
        // One group is meant, whichever way it is named.
        if (named !== '' && named !== body.id) throw new NetmakerError(400, 'group_id and id do not match');
        const group = await target(actor, body.id ?? '', new NetmakerError(400, RECORD_NOT_FOUND));
        if (group.kind === 'system' || typeof group.ref === 'string') {
          throw new NetmakerError(400, 'cannot update default user group');
        }
        const networkRoles = rolesOf(body);
        const places = new Set(networkRoles?.map(({ network }) => network));
        if (places.size > 1 && places.has(null)) {
          throw new NetmakerError(400, 'cannot have networks roles for all networks and a specific network');
        }
        await inWords(
          groups.update(
            actor,
            group.ref,
            {
              ...(body.name && body.name !== group.name ? { name: body.name, uniqueName: true } : {}),
              ...(networkRoles === undefined ? {} : { networkRoles }),
              look: lookOf(body),
            },
            ORIGIN,
          ),
        );
        return envelope('updated user group', toUserGroup(await groupLookup.one(actor, group.ref)));
      },
    },
    {
      id: 'netmaker.groups.delete',
      method: 'DELETE',
      path: '/api/v1/users/group',
      requires: 'groups:write',
      handle: async ({ actor, request }) => {
        const absent = new NetmakerError(400, 'failed to fetch group details');
        const group = await target(actor, given(request), absent);
        if (group.kind === 'system' || typeof group.ref === 'string') {
          throw new NetmakerError(400, 'cannot delete default user group');
        }
        await groups.remove(actor, group.ref, ORIGIN);
        return envelope('deleted user group');
      },
    },
  ];
};
