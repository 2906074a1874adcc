import type { RootField } from '../queries.ts';
import { defined, flagOf, idOf, ORIGIN, textOf } from './arguments.ts';
import { inWords } from './errors.ts';

const TAKEN = 'A Remote Network with this name already exists.';
const IN_USE = 'Cannot delete a Remote Network that has Resources. Delete its Resources first.';

export const networkMutations: Readonly<Record<string, RootField>> = {
  remoteNetworkCreate: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => ({
      entity: await inWords(
        { taken: TAKEN },
        services.networks.create(
          actor,
          {
            name: textOf(args, 'name') ?? '',
            kind: args.networkType === 'EXIT' ? 'exit' : 'regular',
            ...defined({ active: flagOf(args, 'isActive'), location: textOf(args, 'location') }),
          },
          ORIGIN,
        ),
      ),
    }),
  },
  remoteNetworkUpdate: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => ({
      entity: await inWords(
        { taken: TAKEN },
        services.networks.update(
          actor,
          idOf(args, 'id', 'RemoteNetwork'),
          defined({
            name: textOf(args, 'name'),
            active: flagOf(args, 'isActive'),
            location: textOf(args, 'location'),
          }),
          ORIGIN,
        ),
      ),
    }),
  },
  remoteNetworkDelete: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => {
      await inWords(
        { conflict: IN_USE },
        services.networks.remove(actor, idOf(args, 'id', 'RemoteNetwork'), ORIGIN),
      );
      return {};
    },
  },
};
