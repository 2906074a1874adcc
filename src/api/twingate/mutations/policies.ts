import type { RootField } from '../queries.ts';
import { idOf, idsOf, listChangeOf, ORIGIN, textOf } from './arguments.ts';
import { inWords } from './errors.ts';

export const policyMutations: Readonly<Record<string, RootField>> = {
  // Not in the vendor's API, where policies are made in its console.
  securityPolicyCreate: {
    requires: 'access:write',
    resolve: async (args, { actor, services }) => ({
      entity: await inWords(
        { taken: 'A Security Policy with this name already exists.' },
        services.securityPolicies.create(
          actor,
          { name: textOf(args, 'name') ?? '', groups: idsOf(args, 'groupIds', 'Group') ?? [] },
          ORIGIN,
        ),
      ),
    }),
  },
  securityPolicyUpdate: {
    requires: 'access:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.securityPolicies.setGroups(
        actor,
        idOf(args, 'id', 'SecurityPolicy'),
        listChangeOf(args, 'Group', 'Group') ?? {},
        ORIGIN,
      ),
    }),
  },
};
