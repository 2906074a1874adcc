/** Lists in pages, and what is done to many users at once. */

import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { Role } from '../../domain/model/people.ts';
import { AppError } from '../../kernel/errors.ts';
import { normalizeKey } from '../../kernel/text.ts';
import type { Operation } from '../shared/operation.ts';
import { queryText } from '../shared/parameters.ts';
import { envelope, NetmakerError, ORIGIN } from './envelope.ts';
import { toUserGroup } from './group-wire.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf, queryFlag, queryTexts } from './request.ts';
import { ROLE_NAMES } from './roles.ts';
import { toUsers } from './users.ts';

const DEFAULT_PAGE = 10;
const MAX_PAGE = 100;
const MAX_PAGES = 1_000_000;
const MAX_AT_ONCE = 500;

const numberOf = (request: FastifyRequest, name: string): number => {
  const text = queryText(request, name);
  return /^\d{1,7}$/u.test(text) ? Number(text) : 0;
};

interface PageOf {
  readonly page: number;
  readonly perPage: number;
  readonly offset: number;
}

export function pageOf(request: FastifyRequest): PageOf {
  const page = Math.min(Math.max(numberOf(request, 'page'), 1), MAX_PAGES);
  const asked = numberOf(request, 'per_page');
  const perPage = asked < 1 || asked > MAX_PAGE ? DEFAULT_PAGE : asked;
  return { page, perPage, offset: (page - 1) * perPage };
}

const paged = (data: readonly unknown[], { page, perPage }: PageOf, total: number) => ({
  data,
  page,
  per_page: perPage,
  total,
  total_pages: Math.max(1, Math.ceil(total / perPage)),
});

/** What is asked for when one of two values is named; both, or neither, narrow nothing. */
function either(request: FastifyRequest, name: string, yes: string, no: string): boolean | undefined {
  const named = new Set(queryTexts(request, name));
  return named.has(yes) === named.has(no) ? undefined : named.has(yes);
}

const given = <K extends string, T>(name: K, value: T | undefined): { readonly [P in K]?: T } =>
  value === undefined ? {} : ({ [name]: value } as { readonly [P in K]?: T });

function rolesOf(request: FastifyRequest): Role[] | undefined {
  const names = new Set(queryTexts(request, 'role'));
  if (names.size === 0) return undefined;
  return (Object.keys(ROLE_NAMES) as Role[]).filter((role) => names.has(ROLE_NAMES[role]));
}

const Ids = z.object({ ids: z.array(z.string()).max(MAX_AT_ONCE).nullish() });
const Status = Ids.extend({ disable: z.boolean().nullish() });

const accepted = (message: string) => ({ ...envelope(message), Code: 202 });

export const userListOperations = ({ services, onError }: NetmakerApiParts): Operation[] => {
  const { people, groupLookup, users } = services;
  /** One after the other; who may not be touched is passed over, as the answer is given before. */
  const each = async (
    actor: Actor,
    usernames: readonly string[],
    work: (id: number) => Promise<unknown>,
    request: FastifyRequest,
  ): Promise<void> => {
    for (const username of new Set(usernames)) {
      try {
        await work((await people.byUsername(actor, username)).id);
      } catch (error) {
        if (!(error instanceof AppError)) onError?.(error, request);
      }
    }
  };
  const idsOf = (body: z.infer<typeof Ids>): readonly string[] => {
    if (!body.ids || body.ids.length === 0) throw new NetmakerError(400, 'no usernames provided');
    return body.ids;
  };
  return [
    {
      id: 'netmaker.v2.users',
      method: 'GET',
      path: '/api/v2/users',
      requires: 'members:read',
      handle: async ({ actor, request }) => {
        const page = pageOf(request);
        const q = normalizeKey(queryText(request, 'q'));
        const { members, total } = await people.page(actor, {
          ...given('suspended', either(request, 'account_status', 'disabled', 'enabled')),
          ...given('secondFactor', either(request, 'mfa_status', 'enabled', 'disabled')),
          ...given('foreign', either(request, 'auth_type', 'oauth', 'basic')),
          ...given('roles', rolesOf(request)),
          ...(q === '' ? {} : { name: q }),
          offset: page.offset,
          limit: page.perPage,
        });
        return envelope('fetched users', paged(await toUsers(services, actor, members), page, total));
      },
    },
    {
      id: 'netmaker.v2.groups',
      method: 'GET',
      path: '/api/v2/users/groups',
      requires: 'groups:read',
      handle: async ({ actor, request }) => {
        const page = pageOf(request);
        const q = normalizeKey(queryText(request, 'q'));
        const builtIn = either(request, 'default', 'true', 'false');
        const all = (await groupLookup.shown(actor)).filter(
          ({ name, kind }) =>
            normalizeKey(name).includes(q) && (builtIn === undefined || (kind === 'system') === builtIn),
        );
        const shown = all.slice(page.offset, page.offset + page.perPage);
        return envelope('fetched user groups', paged(shown.map(toUserGroup), page, all.length));
      },
    },
    {
      id: 'netmaker.bulk.delete',
      method: 'DELETE',
      path: '/api/v1/users/bulk',
      requires: 'members:write',
      handle: async ({ actor, request, reply }) => {
        const ids = idsOf(bodyOf(Ids, request));
        const keepClients = !queryFlag(request, 'force_delete_configs');
        await each(actor, ids, (id) => users.remove(actor, id, ORIGIN, { keepClients }), request);
        reply.code(202);
        return accepted(`bulk delete of ${ids.length} user(s) accepted`);
      },
    },
    {
      id: 'netmaker.bulk.status',
      method: 'POST',
      path: '/api/v1/users/bulk/status',
      requires: 'members:write',
      handle: async ({ actor, request, reply }) => {
        const body = bodyOf(Status, request);
        const ids = idsOf(body);
        const enable = body.disable !== true;
        const keepClients = !queryFlag(request, 'force_toggle_configs');
        const toggle = async (id: number): Promise<void> => {
          await users.setEnabled(actor, id, enable, { keepClients }, ORIGIN);
          if (enable && !keepClients) await services.extClients.enableAll(actor, id, ORIGIN);
        };
        await each(actor, ids, toggle, request);
        reply.code(202);
        return accepted(`bulk ${enable ? 'enable' : 'disable'} of ${ids.length} user(s) accepted`);
      },
    },
  ];
};
