import type { RootField } from '../queries.ts';
import { defined, flagOf, idOf, ORIGIN, textOf } from './arguments.ts';
import { inWords } from './errors.ts';

const TAKEN = 'A Connector with this name already exists.';

export const connectorMutations: Readonly<Record<string, RootField>> = {
  connectorCreate: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => ({
      entity: await inWords(
        { taken: TAKEN },
        services.gateways.create(
          actor,
          {
            network: idOf(args, 'remoteNetworkId', 'RemoteNetwork'),
            ...defined({
              name: textOf(args, 'name'),
              statusNotifications: flagOf(args, 'hasStatusNotificationsEnabled'),
            }),
          },
          ORIGIN,
        ),
      ),
    }),
  },
  connectorUpdate: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => ({
      entity: await inWords(
        { taken: TAKEN },
        services.gateways.update(
          actor,
          idOf(args, 'id', 'Connector'),
          defined({
            name: textOf(args, 'name'),
            statusNotifications: flagOf(args, 'hasStatusNotificationsEnabled'),
          }),
          ORIGIN,
        ),
      ),
    }),
  },
  connectorDelete: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => {
      await services.gateways.remove(actor, idOf(args, 'id', 'Connector'), ORIGIN);
      return {};
    },
  },
  connectorGenerateTokens: {
    requires: 'auth-keys:write',
    resolve: async (args, { actor, services }) => ({
      connectorTokens: await services.gateways.generateTokens(
        actor,
        idOf(args, 'connectorId', 'Connector'),
        ORIGIN,
      ),
    }),
  },
};
