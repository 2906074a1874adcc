/** Reading users. */
import { Readable } from 'node:stream';
import type { Actor } from '../../domain/access/actor.ts';
import type { Membership } from '../../domain/model/people.ts';
import { APPROVED } from '../../domain/people/member-state.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText, queryText } from '../shared/parameters.ts';
import { envelope, NetmakerError } from './envelope.ts';
import { allNetworksAdmins, toUserGroup } from './group-wire.ts';
import type { NetmakerApiParts, NetmakerServices } from './parts.ts';
import { isAdministrator, platformRole, ROLE_NAMES } from './roles.ts';
import { ALL_NETWORKS_ADMINS, type ReturnUser, toReturnUser } from './wire.ts';

/** Users that are read and written at a time. */
const CHUNK = 500;

/**
 * Users with the facts of a list, all asked for together. Whoever administrates no more than a network learns who people
 * are: not how they sign in, nor what they hold elsewhere.
 */
export async function toUsers(
  { people }: NetmakerServices,
  actor: Actor,
  members: readonly Membership[],
): Promise<ReturnUser[]> {
  if (!people.mayRead(actor, members)) {
    return members.map((member) => toReturnUser(member, { signIn: undefined, accessTokens: 0, groups: [] }));
  }
  const [signIn, accessTokens, groups] = await Promise.all([
    people.signInFacts(actor, members),
    people.accessTokens(actor, members),
    people.groupsOf(actor, members),
  ]);
  return members.map((member) =>
    toReturnUser(member, {
      signIn: signIn.get(member.id),
      accessTokens: accessTokens.get(member.id) ?? 0,
      groups: groups.get(member.id) ?? [],
    }),
  );
}

/** One user; its tokens are not counted outside of lists. */
export async function toUser(
  services: NetmakerServices,
  actor: Actor,
  member: Membership,
): Promise<ReturnUser> {
  const [user] = await toUsers(services, actor, [member]);
  if (user === undefined) throw new Error('a member became no user');
  return { ...user, num_access_tokens: 0 };
}

/** The array of all users as text, piece by piece: its length is not known when it begins, nor is it ever in memory. */
async function* userChunks(
  services: NetmakerServices,
  actor: Actor,
  first: readonly Membership[],
): AsyncGenerator<string> {
  let members = first;
  let separator = '[';
  while (members.length > 0) {
    const users = await toUsers(services, actor, members);
    yield `${separator}${users.map((user) => JSON.stringify(user)).join(',')}`;
    separator = ',';
    const last = members.at(-1);
    if (members.length < CHUNK || last === undefined) break;
    members = await services.people.listByUsername(actor, { condition: APPROVED, after: last, limit: CHUNK });
  }
  yield separator === '[' ? '[]\n' : ']\n';
}

/** Members who joined are users; others are invites or wait for approval. */
export function checkUser(member: Membership): Membership {
  if (member.joinedAt === null || member.approvedAt === null)
    throw new NetmakerError(500, 'record not found');
  return member;
}

export const userOperations = ({ services }: NetmakerApiParts): Operation[] => [
  {
    id: 'netmaker.users.list',
    method: 'GET',
    path: '/api/users',
    requires: 'members:read',
    handle: async ({ actor, reply }) => {
      // What fails, fails here: once the first chunk is out there is no status to give any more.
      const first = await services.people.listByUsername(actor, { condition: APPROVED, limit: CHUNK });
      return reply.type('application/json').send(Readable.from(userChunks(services, actor, first)));
    },
  },
  {
    id: 'netmaker.users.get',
    method: 'GET',
    path: '/api/users/:username',
    requires: 'authenticated',
    handle: async ({ actor, request }) => {
      const username = pathText(request, 'username');
      return toUser(services, actor, checkUser(await services.people.byUsername(actor, username)));
    },
  },
  {
    id: 'netmaker.users.get-with-role',
    method: 'GET',
    path: '/api/v1/users',
    requires: 'authenticated',
    handle: async ({ actor, request }) => {
      const username = queryText(request, 'username');
      if (username === '') throw new NetmakerError(400, 'username is required');
      const member = checkUser(await services.people.byUsername(actor, username));
      const user = await toUser(services, actor, member);
      const groups = (await services.people.groupsOf(actor, [member])).get(member.id) ?? [];
      const full = (await services.groupLookup.describe(actor, groups)).map(toUserGroup);
      const derived = isAdministrator(member.role) ? [[ALL_NETWORKS_ADMINS, allNetworksAdmins()]] : [];
      return envelope('fetched user with role info', {
        ...user,
        user_group_ids: Object.fromEntries([...derived, ...full.map((group) => [group.id, group])]),
        platform_role: platformRole(ROLE_NAMES[member.role]),
      });
    },
  },
];
