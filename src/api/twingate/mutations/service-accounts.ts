import type { RootField } from '../queries.ts';
import { defined, idOf, idsOf, listChangeOf, numberOf, ORIGIN, textOf } from './arguments.ts';

export const serviceAccountMutations: Readonly<Record<string, RootField>> = {
  serviceAccountCreate: {
    requires: 'service-accounts:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.serviceAccounts.create(
        actor,
        {
          name: textOf(args, 'name') ?? '',
          // An account of this dialect is reached through accesses and administrates nothing.
          role: 'none',
          ...defined({ resources: idsOf(args, 'resourceIds', 'Resource') }),
        },
        ORIGIN,
      ),
    }),
  },
  serviceAccountUpdate: {
    requires: 'service-accounts:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.serviceAccounts.update(
        actor,
        idOf(args, 'id', 'ServiceAccount'),
        defined({
          name: textOf(args, 'name'),
          resources: listChangeOf(args, 'Resource', 'Resource'),
        }),
        ORIGIN,
      ),
    }),
  },
  serviceAccountDelete: {
    requires: 'service-accounts:write',
    resolve: async (args, { actor, services }) => {
      await services.serviceAccounts.remove(actor, idOf(args, 'id', 'ServiceAccount'), ORIGIN);
      return {};
    },
  },
  serviceAccountKeyCreate: {
    requires: 'service-accounts:write',
    resolve: async (args, { actor, services }) => {
      const { key, token } = await services.serviceAccounts.createKey(
        actor,
        {
          account: idOf(args, 'serviceAccountId', 'ServiceAccount'),
          days: numberOf(args, 'expirationTime') ?? 0,
          ...defined({ name: textOf(args, 'name') }),
        },
        ORIGIN,
      );
      return { entity: key, token };
    },
  },
  serviceAccountKeyUpdate: {
    requires: 'service-accounts:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.serviceAccounts.renameKey(
        actor,
        idOf(args, 'id', 'ServiceAccountKey'),
        textOf(args, 'name') ?? '',
        ORIGIN,
      ),
    }),
  },
  serviceAccountKeyRevoke: {
    requires: 'service-accounts:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.serviceAccounts.revokeKey(actor, idOf(args, 'id', 'ServiceAccountKey'), ORIGIN),
    }),
  },
  serviceAccountKeyDelete: {
    requires: 'service-accounts:write',
    resolve: async (args, { actor, services }) => {
      await services.serviceAccounts.removeKey(actor, idOf(args, 'id', 'ServiceAccountKey'), ORIGIN);
      return {};
    },
  },
};
