/** The fields of MutationsRoot, each with what it requires. */
import type { Permission } from '../../../domain/access/permissions.ts';
import { notImplemented, type RootField } from '../queries.ts';
import { accessMutations } from './access.ts';
import { connectorMutations } from './connectors.ts';
import { deviceMutations } from './devices.ts';
import { groupMutations } from './groups.ts';
import { networkMutations } from './networks.ts';
import { policyMutations } from './policies.ts';
import { resourceMutations } from './resources.ts';
import { serviceAccountMutations } from './service-accounts.ts';
import { userMutations } from './users.ts';

const unbuilt = (requires: Permission, ...names: readonly string[]): Record<string, RootField> =>
  Object.fromEntries(names.map((name) => [name, { requires, resolve: notImplemented(name) }]));

export const MUTATIONS: Readonly<Record<string, RootField>> = {
  ...accessMutations,
  ...connectorMutations,
  ...deviceMutations,
  ...groupMutations,
  ...networkMutations,
  ...policyMutations,
  ...resourceMutations,
  ...serviceAccountMutations,
  ...userMutations,
  ...unbuilt('networks:write', 'kubernetesResourceCreate', 'kubernetesResourceUpdate'),
  ...unbuilt('networks:write', 'sshResourceCreate', 'sshResourceUpdate'),
  ...unbuilt('networks:write', 'webAppResourceCreate', 'webAppResourceUpdate'),
  ...unbuilt('networks:write', 'gatewayCreate', 'gatewayUpdate', 'gatewayDelete'),
  ...unbuilt('networks:write', 'x509CertificateAuthorityCreate', 'x509CertificateAuthorityDelete'),
  ...unbuilt('networks:write', 'sshCertificateAuthorityCreate', 'sshCertificateAuthorityDelete'),
  ...unbuilt('access:review', 'accessRequestApprove', 'accessRequestReject'),
  ...unbuilt('dns:write', 'dnsFilteringProfileCreate', 'dnsFilteringProfileUpdate'),
  ...unbuilt('dns:write', 'dnsFilteringProfileDelete'),
  ...unbuilt('dns:write', 'dnsFilteringAllowedDomainsSet', 'dnsFilteringDeniedDomainsSet'),
};
