import type { RootField } from '../queries.ts';
import { defined, flagOf, idOf, idsOf, listChangeOf, ORIGIN, optionalIdOf, textOf } from './arguments.ts';

export const groupMutations: Readonly<Record<string, RootField>> = {
  groupCreate: {
    requires: 'groups:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.groups.create(
        actor,
        {
          name: textOf(args, 'name') ?? '',
          ...defined({
            members: idsOf(args, 'userIds', 'User'),
            resources: idsOf(args, 'resourceIds', 'Resource'),
            securityPolicy: optionalIdOf(args, 'securityPolicyId', 'SecurityPolicy'),
          }),
        },
        ORIGIN,
      ),
    }),
  },
  groupUpdate: {
    requires: 'groups:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.groups.update(
        actor,
        idOf(args, 'id', 'Group'),
        defined({
          name: textOf(args, 'name'),
          active: flagOf(args, 'isActive'),
          members: listChangeOf(args, 'User', 'User'),
          resources: listChangeOf(args, 'Resource', 'Resource'),
          securityPolicy: optionalIdOf(args, 'securityPolicyId', 'SecurityPolicy'),
        }),
        ORIGIN,
      ),
    }),
  },
  groupDelete: {
    requires: 'groups:write',
    resolve: async (args, { actor, services }) => {
      await services.groups.remove(actor, idOf(args, 'id', 'Group'), ORIGIN);
      return {};
    },
  },
};
