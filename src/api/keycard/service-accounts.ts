/** Service accounts and their credentials. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { Credential } from '../../domain/model/credentials.ts';
import type { ServiceAccount } from '../../domain/model/people.ts';
import type { Condition } from '../../domain/ports/store.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { parseBody } from './body.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import { listPage } from './paging.ts';
import type { KeycardApiParts, KeycardServices } from './parts.ts';
import { permissionsOf } from './permissions.ts';
import { expansions, pageParameters } from './query.ts';
import { timeText } from './wire.ts';

const ACCOUNTS = `${ORGANIZATION}/service-accounts`;
const ACCOUNT = `${ACCOUNTS}/:accountId`;
const CREDENTIALS = `${ACCOUNT}/credentials`;
const CREDENTIAL = `${CREDENTIALS}/:credentialId`;
const ORIGIN = 'keycard-api';

const Description = z.string().max(500).nullable();
const Create = z.object({ name: z.string(), description: Description.optional() });
const Update = z.object({ name: z.string().optional(), description: Description.optional() });

/** Keys for the network are credentials as well, and none of this API's. */
const API_CREDENTIAL: Condition<'credential'> = { column: 'kind', operator: '=', value: 'sa-credential' };

const toAccount = (account: ServiceAccount, actor: Actor, permissions: boolean) => ({
  id: account.nano,
  created_at: timeText(account.createdAt),
  name: account.name,
  updated_at: timeText(account.updatedAt),
  ...(account.description === null ? {} : { description: account.description }),
  ...(permissions ? { permissions: permissionsOf(actor, ['service_accounts']) } : {}),
});

const toCreated = ({ nano, publicId, createdAt, name, description }: Credential) => ({
  id: nano ?? publicId,
  client_id: publicId,
  created_at: timeText(createdAt),
  name,
  ...(description === '' ? {} : { description }),
});

async function toCredentials(
  { directory }: KeycardServices,
  actor: Actor,
  request: FastifyRequest,
  credentials: readonly Credential[],
) {
  const permissions = expansions(request.query).has('permissions');
  const seen = await directory.facts(
    actor,
    'credentialSeen',
    'credential',
    credentials.map(({ id }) => id),
  );
  const lastUsed = new Map(seen.map((row) => [row.credential, row.lastUsed]));
  return credentials.map((credential) => {
    const used = lastUsed.get(credential.id);
    return {
      ...toCreated(credential),
      ...(used === undefined ? {} : { last_used_at: timeText(used) }),
      ...(permissions ? { permissions: permissionsOf(actor, ['service_account_credentials']) } : {}),
    };
  });
}

/** The account of the path, in the organization of the path. */
async function accountOf(
  services: KeycardServices,
  actor: Actor,
  request: FastifyRequest,
): Promise<ServiceAccount> {
  await organizationOf(services, actor, request);
  const accountId = pathText(request, 'accountId');
  const { rows } = await services.directory.page(actor, 'serviceAccount', {
    condition: { column: 'nano', operator: '=', value: accountId },
    limit: 1,
  });
  if (rows[0] === undefined) throw notFound('service account');
  return rows[0];
}

/** The credential of the path, of the account of the path. */
async function credentialOf(services: KeycardServices, actor: Actor, request: FastifyRequest) {
  const account = await accountOf(services, actor, request);
  const credentialId = pathText(request, 'credentialId');
  const { rows } = await services.directory.page(actor, 'credential', {
    condition: {
      allOf: [
        API_CREDENTIAL,
        { column: 'owner', operator: '=', value: account.id },
        { column: 'nano', operator: '=', value: credentialId },
      ],
    },
    limit: 1,
  });
  const [credential] = rows;
  if (credential === undefined) throw notFound('credential');
  return { account, credential };
}

const wanted = (request: FastifyRequest): boolean => expansions(request.query).has('permissions');

const accountOperations = ({ services }: KeycardApiParts): Operation[] => [
  {
    id: 'keycard.service-accounts.create',
    method: 'POST',
    path: ACCOUNTS,
    requires: 'service-accounts:write',
    handle: async ({ actor, request, reply }) => {
      await organizationOf(services, actor, request);
      const { name, description } = parseBody(request, Create);
      // An account of this API administrates the organization; that is what it is for.
      const input = { name, description: description ?? null, role: 'org-service' } as const;
      const account = await services.serviceAccounts.create(actor, input, ORIGIN);
      return reply.code(201).send(toAccount(account, actor, false));
    },
  },
  {
    id: 'keycard.service-accounts.list',
    method: 'GET',
    path: ACCOUNTS,
    requires: 'service-accounts:read',
    handle: async ({ actor, request }) => {
      await organizationOf(services, actor, request);
      const { rows, pageInfo } = await listPage(pageParameters(request.query), (page) =>
        services.directory.page(actor, 'serviceAccount', page),
      );
      return {
        items: rows.map((account) => toAccount(account, actor, wanted(request))),
        page_info: pageInfo,
        ...(wanted(request) ? { permissions: permissionsOf(actor, ['service_accounts']) } : {}),
      };
    },
  },
  {
    id: 'keycard.service-accounts.get',
    method: 'GET',
    path: ACCOUNT,
    requires: 'service-accounts:read',
    handle: async ({ actor, request }) =>
      toAccount(await accountOf(services, actor, request), actor, wanted(request)),
  },
  {
    id: 'keycard.service-accounts.update',
    method: 'PATCH',
    path: ACCOUNT,
    requires: 'service-accounts:write',
    handle: async ({ actor, request }) => {
      const { id } = await accountOf(services, actor, request);
      const { name, description } = parseBody(request, Update);
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
      };
      return toAccount(await services.serviceAccounts.update(actor, id, change, ORIGIN), actor, false);
    },
  },
  {
    id: 'keycard.service-accounts.delete',
    method: 'DELETE',
    path: ACCOUNT,
    requires: 'service-accounts:write',
    handle: async ({ actor, request, reply }) => {
      const { id } = await accountOf(services, actor, request);
      await services.serviceAccounts.remove(actor, id, ORIGIN);
      return reply.code(204).send();
    },
  },
];

const credentialOperations = ({ services }: KeycardApiParts): Operation[] => [
  {
    id: 'keycard.service-account-credentials.create',
    method: 'POST',
    path: CREDENTIALS,
    requires: 'service-accounts:write',
    handle: async ({ actor, request, reply }) => {
      const account = await accountOf(services, actor, request);
      const { name, description } = parseBody(request, Create);
      const { credential, secret } = await services.serviceCredentials.create(
        actor,
        account.id,
        { name, description: description ?? null },
        ORIGIN,
      );
      return reply.code(201).send({ ...toCreated(credential), client_secret: secret });
    },
  },
  {
    id: 'keycard.service-account-credentials.list',
    method: 'GET',
    path: CREDENTIALS,
    requires: 'service-accounts:read',
    handle: async ({ actor, request }) => {
      const account = await accountOf(services, actor, request);
      const { rows, pageInfo } = await listPage(pageParameters(request.query), (page) =>
        services.directory.page(actor, 'credential', {
          ...page,
          condition: { allOf: [API_CREDENTIAL, { column: 'owner', operator: '=', value: account.id }] },
        }),
      );
      return {
        items: await toCredentials(services, actor, request, rows),
        page_info: pageInfo,
        ...(wanted(request) ? { permissions: permissionsOf(actor, ['service_account_credentials']) } : {}),
      };
    },
  },
  {
    id: 'keycard.service-account-credentials.get',
    method: 'GET',
    path: CREDENTIAL,
    requires: 'service-accounts:read',
    handle: async ({ actor, request }) => {
      const { credential } = await credentialOf(services, actor, request);
      return (await toCredentials(services, actor, request, [credential]))[0];
    },
  },
  {
    id: 'keycard.service-account-credentials.update',
    method: 'PATCH',
    path: CREDENTIAL,
    requires: 'service-accounts:write',
    handle: async ({ actor, request }) => {
      const { account, credential } = await credentialOf(services, actor, request);
      const { name, description } = parseBody(request, Update);
      const text = {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
      };
      const after = await services.serviceCredentials.update(actor, account.id, credential.id, text, ORIGIN);
      return (await toCredentials(services, actor, request, [after]))[0];
    },
  },
  {
    id: 'keycard.service-account-credentials.delete',
    method: 'DELETE',
    path: CREDENTIAL,
    requires: 'service-accounts:write',
    handle: async ({ actor, request, reply }) => {
      const { account, credential } = await credentialOf(services, actor, request);
      await services.serviceCredentials.remove(actor, account.id, credential.id, ORIGIN);
      return reply.code(204).send();
    },
  },
];

export const serviceAccountOperations = (parts: KeycardApiParts): Operation[] => [
  ...accountOperations(parts),
  ...credentialOperations(parts),
];
