/** The fields of MutationsRoot, each with what it requires. */
import type { RootField } from '../queries.ts';
import { accessMutations } from './access.ts';
import { accessRequestMutations } from './access-requests.ts';
import { connectorMutations } from './connectors.ts';
import { deviceMutations } from './devices.ts';
import { dnsProfileMutations } from './dns-profiles.ts';
import { gatewayMutations } from './gateways.ts';
import { groupMutations } from './groups.ts';
import { networkMutations } from './networks.ts';
import { policyMutations } from './policies.ts';
import { resourceMutations } from './resources.ts';
import { serviceAccountMutations } from './service-accounts.ts';
import { userMutations } from './users.ts';

export const MUTATIONS: Readonly<Record<string, RootField>> = {
  ...accessMutations,
  ...accessRequestMutations,
  ...connectorMutations,
  ...deviceMutations,
  ...dnsProfileMutations,
  ...gatewayMutations,
  ...groupMutations,
  ...networkMutations,
  ...policyMutations,
  ...resourceMutations,
  ...serviceAccountMutations,
  ...userMutations,
};
