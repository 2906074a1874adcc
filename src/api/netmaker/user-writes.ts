/** Making, changing and deleting users. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { GroupRef } from '../../domain/groups/network-groups.ts';
import { decodeUuid } from '../../domain/ids/uuid8.ts';
import type { Role } from '../../domain/model/people.ts';
import type { UserRefusal } from '../../domain/people/user-account-service.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { detailOf } from '../shared/refusal.ts';
import { envelope, NetmakerError, ORIGIN } from './envelope.ts';
import type { NetmakerApiParts, NetmakerServices } from './parts.ts';
import { bodyOf, queryFlag } from './request.ts';
import { isPlatformRole, ROLE_NAMES, ROLES_WRITTEN } from './roles.ts';
import { checkUser, toUser } from './users.ts';
import { ALL_NETWORKS_ADMINS, MIN_PASSWORD } from './wire.ts';

const MAX_GROUPS = 1_000;

/** What of a user's body means anything here; whatever else clients send along is not looked at. */
const Body = z.object({
  username: z.string().nullish(),
  password: z.string().nullish(),
  display_name: z.string().nullish(),
  platform_role_id: z.string().nullish(),
  // Values are looked at by nobody: some clients send whole groups.
  user_group_ids: z.record(z.string(), z.unknown()).nullish(),
  is_mfa_enabled: z.boolean().nullish(),
});
type UserBody = z.infer<typeof Body>;

const pathName = (request: FastifyRequest): string => pathText(request, 'username');

/** The refusals of one operation in its own words; the target's name stands in some. */
type Words = Partial<Record<UserRefusal, string>>;

const UPDATE_WORDS: Words = {
  'not-self': 'cannot update superadmin user',
  owner: 'cannot update superadmin user',
  administrator: 'an admin user does not have permissions to update another admin user',
  'administrator-role': 'an admin user does not have permissions to assign the admin role to another user',
  'self-role': 'user not allowed to self assign role',
  'self-groups': 'user cannot update self update their groups',
  'second-factor-enforced': 'mfa is enforced, user cannot unset their own mfa',
};

async function inWords<T>(status: number, words: Words, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const reason = detailOf(error, 'reason');
    const text = Object.entries(words).find(([of]) => of === reason)?.[1];
    throw text === undefined ? error : new NetmakerError(status, text);
  }
}

/** The role that a name is written as. */
function writtenRole(name: string, superAdmin: string): Role {
  if (!isPlatformRole(name)) throw new NetmakerError(400, `invalid user role ${name}`);
  if (name === 'super-admin') throw new NetmakerError(403, superAdmin);
  return ROLES_WRITTEN[name];
}

/** The groups of a body by their ids; undefined where none are given. Derived ones are what they are. */
export async function groupRefs(
  { groupLookup }: NetmakerServices,
  actor: Actor,
  given: UserBody['user_group_ids'],
  onUnknown: (id: string) => void,
): Promise<GroupRef[] | undefined> {
  if (given === undefined || given === null) return undefined;
  const names = Object.keys(given).filter((name) => name !== ALL_NETWORKS_ADMINS);
  if (names.length > MAX_GROUPS) throw new NetmakerError(400, `more than ${MAX_GROUPS} groups`);
  const wanted = names.map((name) => ({ name, id: decodeUuid('group', name) }));
  const found = await groupLookup.refs(actor, wanted);
  for (const { name } of wanted) if (!found.has(name)) onUnknown(name);
  return [...found.values()];
}

export const userWriteOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { users, people, passwords } = services;
  const target = async (actor: Actor, request: FastifyRequest) =>
    checkUser(await people.byUsername(actor, pathName(request)));
  const switchOperation = (enable: boolean): Operation => {
    const verb = enable ? 'enable' : 'disable';
    return {
      id: `netmaker.users.${verb}`,
      method: 'POST',
      path: `/api/users/:username/${verb}`,
      requires: 'members:write',
      handle: async ({ actor, request }) => {
        const member = await target(actor, request);
        const force = queryFlag(request, `force_${verb}_configs`);
        await inWords(
          403,
          {
            'self-state': `cannot ${verb} self`,
            owner: `cannot ${verb} a super-admin`,
            administrator: `admin cannot ${verb} an admin`,
          },
          users.setEnabled(actor, member.id, enable, { keepClients: !force }, ORIGIN),
        );
        if (enable && force) await services.extClients.enableAll(actor, member.id, ORIGIN);
        return envelope(`user account ${verb}d`);
      },
    };
  };

  return [
    {
      id: 'netmaker.users.create',
      method: 'POST',
      path: '/api/users/:username',
      requires: 'members:write',
      handle: async ({ actor, request }) => {
        const body = bodyOf(Body, request);
        const username = body.username || pathName(request);
        if (username !== pathName(request)) {
          throw new NetmakerError(400, 'user in param and request body not matching');
        }
        if (!body.platform_role_id) throw new NetmakerError(400, 'platform role is missing');
        if (!isPlatformRole(body.platform_role_id)) {
          throw new NetmakerError(400, `error fetching role ${body.platform_role_id} record not found`);
        }
        const role = writtenRole(body.platform_role_id, 'additional superadmins cannot be created');
        const password = body.password ?? '';
        if (password.length < MIN_PASSWORD) {
          throw new NetmakerError(400, `password must have a minimum of ${MIN_PASSWORD} characters`);
        }
        const groups = await groupRefs(services, actor, body.user_group_ids, (id) => {
          throw new NetmakerError(400, `invalid groups: user group \`${id}\` not found`);
        });
        const member = await inWords(
          403,
          { 'administrator-role': 'only superadmin can create admin users' },
          users.create(
            actor,
            {
              username,
              role,
              passwordHash: await passwords.hash(password),
              groups: groups ?? [],
              ...(body.display_name ? { displayName: body.display_name } : {}),
            },
            ORIGIN,
          ),
        );
        return toUser(services, actor, member);
      },
    },
    {
      id: 'netmaker.users.update',
      method: 'PUT',
      path: '/api/users/:username',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const body = bodyOf(Body, request);
        if (body.username !== pathName(request)) {
          throw new NetmakerError(400, 'user in param and request body not matching');
        }
        const member = await target(actor, request);
        const name = body.platform_role_id || undefined;
        const isSame = (present: Role): boolean => ROLE_NAMES[present] === name;
        const role =
          name === undefined || isSame(member.role)
            ? undefined
            : writtenRole(
                name,
                'only a super-admin can assign the super-admin role to another user via transferSuperAdmin method',
              );
        const password = body.password || undefined;
        if (password !== undefined && password.length < MIN_PASSWORD) {
          throw new NetmakerError(400, `password requires min ${MIN_PASSWORD} characters`);
        }
        const groups = await groupRefs(services, actor, body.user_group_ids, () => undefined);
        const after = await inWords(
          403,
          {
            ...UPDATE_WORDS,
            'external-password': `cannot update user's password for an oauth user ${member.username}`,
          },
          users.update(
            actor,
            member.id,
            {
              ...(body.display_name ? { displayName: body.display_name } : {}),
              ...(role === undefined ? {} : { role: { role, isSame } }),
              ...(password === undefined ? {} : { passwordHash: await passwords.hash(password) }),
              ...(groups === undefined ? {} : { groups }),
              ...(body.is_mfa_enabled === false ? { withoutSecondFactor: true } : {}),
            },
            ORIGIN,
          ),
        );
        return toUser(services, actor, after);
      },
    },
    {
      id: 'netmaker.users.delete',
      method: 'DELETE',
      path: '/api/users/:username',
      requires: 'members:write',
      handle: async ({ actor, request, reply }) => {
        const member = await target(actor, request);
        const keepClients = !queryFlag(request, 'force_delete_configs');
        await inWords(
          500,
          {
            owner: 'superadmin cannot be deleted',
            administrator: 'admin cannot delete another admin user, including oneself',
          },
          users.remove(actor, member.id, ORIGIN, { keepClients }),
        );
        return reply.type('application/json').send(JSON.stringify(`${member.username} deleted.`));
      },
    },
    switchOperation(true),
    switchOperation(false),
  ];
};
