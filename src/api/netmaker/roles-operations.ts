/** Permission templates: those of the platform, which are fixed, and network roles, which people make as well. */
import { z } from 'zod';
import type { ShownRole } from '../../domain/groups/network-role-reads.ts';
import type { RoleRefusal } from '../../domain/groups/network-role-service.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { queryText } from '../shared/parameters.ts';
import { detailOf } from '../shared/refusal.ts';
import { fromResourceAccess, toResourceAccess } from './access-wire.ts';
import { envelope, NetmakerError, ORIGIN, RECORD_NOT_FOUND } from './envelope.ts';
import { ALL_NETWORKS } from './group-wire.ts';
import { undefinedIfMissing } from './missing.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf, queryFlag } from './request.ts';
import { isPlatformRole, PLATFORM_ROLES, platformRole, type RoleTemplate } from './roles.ts';

const MAX_TEXT = 2_000;
const Access = z.record(z.string().max(MAX_TEXT), z.record(z.string().max(MAX_TEXT), z.looseObject({})));
const Body = z.object({
  id: z.string().max(MAX_TEXT).nullish(),
  name: z.string().nullish(),
  meta_data: z.string().nullish(),
  full_access: z.boolean().nullish(),
  network_id: z.string().max(MAX_TEXT).nullish(),
  network_level_access: Access.nullish(),
});

const networkOf = (text: string): string | null => (text === ALL_NETWORKS ? null : text);

const toTemplate = (role: ShownRole): RoleTemplate => ({
  id: role.key,
  name: role.name,
  default: role.builtIn,
  meta_data: role.metaData,
  deny_dashboard_access: false,
  full_access: role.fullAccess,
  network_id: role.network ?? ALL_NETWORKS,
  network_level_access:
    role.builtIn && Object.keys(role.access).length === 0 ? null : toResourceAccess(role.access),
  global_level_access: role.builtIn ? null : {},
});

const isRefusal = (error: unknown, reason: RoleRefusal): boolean => detailOf(error, 'reason') === reason;

/** Some refusals have a status of their own here. */
async function withStatuses<T>(
  statuses: { readonly notFound: NetmakerError; readonly taken: number },
  work: Promise<T>,
) {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'not_found') throw statuses.notFound;
    if (error.code === 'taken') throw new NetmakerError(statuses.taken, error.message);
    throw error;
  }
}

export const roleOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { networkRoles, roles } = services;
  return [
    {
      id: 'netmaker.roles.list',
      method: 'GET',
      path: '/api/v1/users/roles',
      requires: 'groups:read',
      handle: async ({ actor, request }) => {
        const listed = queryFlag(request, 'platform')
          ? PLATFORM_ROLES.map(platformRole)
          : (await networkRoles.all(actor)).map(toTemplate);
        return envelope('successfully fetched user roles permission templates', listed);
      },
    },
    {
      id: 'netmaker.roles.get',
      method: 'GET',
      path: '/api/v1/users/role',
      requires: 'groups:read',
      handle: async ({ actor, request }) => {
        const id = queryText(request, 'role_id');
        if (id === '') throw new NetmakerError(400, 'role is required');
        const role = isPlatformRole(id) ? platformRole(id) : toTemplate(await networkRoles.one(actor, id));
        return envelope('successfully fetched user role permission templates', role);
      },
    },
    {
      id: 'netmaker.roles.create',
      method: 'POST',
      path: '/api/v1/users/role',
      requires: 'access:write',
      handle: async ({ actor, request }) => {
        const body = bodyOf(Body, request);
        const id = body.id ?? '';
        const known =
          isPlatformRole(id) || (id !== '' && (await undefinedIfMissing(networkRoles.one(actor, id))));
        if (known) throw new NetmakerError(400, `role with id \`${id}\` exists already`);
        const access = fromResourceAccess(body.network_level_access ?? {});
        if (!body.network_id) throw new NetmakerError(400, 'only network roles are allowed to be created');
        if (!body.name?.trim()) throw new NetmakerError(500, 'role name cannot be empty');
        const role = await withStatuses(
          { notFound: new NetmakerError(400, RECORD_NOT_FOUND), taken: 500 },
          roles.create(
            actor,
            {
              name: body.name,
              network: networkOf(body.network_id),
              fullAccess: body.full_access ?? false,
              access,
              metaData: body.meta_data ?? '',
            },
            ORIGIN,
          ),
        );
        return envelope('created user role', toTemplate(await networkRoles.one(actor, role.key)));
      },
    },
    {
      id: 'netmaker.roles.update',
      method: 'PUT',
      path: '/api/v1/users/role',
      requires: 'access:write',
      handle: async ({ actor, request }) => {
        const body = bodyOf(Body, request);
        const id = body.id ?? '';
        const given = queryText(request, 'role_id');
        // One role is meant, whichever way it is named.
        if (given !== '' && given !== id) throw new NetmakerError(400, 'role_id and id do not match');
        if (isPlatformRole(id)) throw new NetmakerError(400, 'cannot update default role');
        await withStatuses(
          { notFound: new NetmakerError(400, RECORD_NOT_FOUND), taken: 500 },
          // A built-in role may be no row yet, so that it is known by how it reads.
          networkRoles.one(actor, id).then((present) => {
            if (present.builtIn) throw new NetmakerError(400, 'cannot update default role');
            return roles.update(
              actor,
              id,
              {
                network: networkOf(body.network_id ?? ''),
                ...(body.name ? { name: body.name } : {}),
                ...(body.meta_data ? { metaData: body.meta_data } : {}),
                ...(body.full_access ? { fullAccess: true } : {}),
                ...(body.network_level_access
                  ? { access: fromResourceAccess(body.network_level_access) }
                  : {}),
              },
              ORIGIN,
            );
          }),
        ).catch((error: unknown) => {
          const mismatch = error instanceof AppError && error.field === 'network_id';
          throw mismatch || isRefusal(error, 'network')
            ? new NetmakerError(400, 'network id mismatch')
            : error;
        });
        return envelope('updated user role', toTemplate(await networkRoles.one(actor, id)));
      },
    },
    {
      id: 'netmaker.roles.delete',
      method: 'DELETE',
      path: '/api/v1/users/role',
      requires: 'access:write',
      handle: async ({ actor, request }) => {
        const id = queryText(request, 'role_id');
        const unknown = new NetmakerError(400, 'role is required');
        if (id === '') throw unknown;
        if (isPlatformRole(id)) throw new NetmakerError(500, 'cannot delete platform role');
        const role = await withStatuses({ notFound: unknown, taken: 500 }, networkRoles.one(actor, id));
        if (role.builtIn) {
          throw new NetmakerError(
            500,
            role.network === null ? 'cannot delete default network role' : 'cannot delete default role',
          );
        }
        await withStatuses({ notFound: unknown, taken: 500 }, roles.remove(actor, id, ORIGIN));
        return envelope('deleted user role');
      },
    },
  ];
};
