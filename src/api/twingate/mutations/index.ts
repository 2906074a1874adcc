/** The fields of MutationsRoot, each with what it requires. */
import type { Permission } from '../../../domain/access/permissions.ts';
import { notImplemented, type RootField } from '../queries.ts';
import { groupMutations } from './groups.ts';
import { networkMutations } from './networks.ts';
import { userMutations } from './users.ts';

const unbuilt = (requires: Permission, ...names: readonly string[]): Record<string, RootField> =>
  Object.fromEntries(names.map((name) => [name, { requires, resolve: notImplemented(name) }]));

export const MUTATIONS: Readonly<Record<string, RootField>> = {
  ...unbuilt('networks:write', 'connectorCreate', 'connectorUpdate', 'connectorDelete'),
  ...unbuilt('auth-keys:write', 'connectorGenerateTokens'),
  ...networkMutations,
  ...unbuilt('networks:write', 'resourceCreate', 'resourceUpdate', 'resourceDelete'),
  ...unbuilt('networks:write', 'kubernetesResourceCreate', 'kubernetesResourceUpdate'),
  ...unbuilt('networks:write', 'sshResourceCreate', 'sshResourceUpdate'),
  ...unbuilt('networks:write', 'webAppResourceCreate', 'webAppResourceUpdate'),
  ...unbuilt('access:write', 'resourceAccessAdd', 'resourceAccessSet', 'resourceAccessRemove'),
  ...unbuilt('networks:write', 'gatewayCreate', 'gatewayUpdate', 'gatewayDelete'),
  ...unbuilt('networks:write', 'x509CertificateAuthorityCreate', 'x509CertificateAuthorityDelete'),
  ...unbuilt('networks:write', 'sshCertificateAuthorityCreate', 'sshCertificateAuthorityDelete'),
  ...groupMutations,
  ...unbuilt('access:write', 'securityPolicyUpdate'),
  ...unbuilt(
    'service-accounts:write',
    'serviceAccountCreate',
    'serviceAccountUpdate',
    'serviceAccountDelete',
  ),
  ...unbuilt('service-accounts:write', 'serviceAccountKeyCreate', 'serviceAccountKeyUpdate'),
  ...unbuilt('service-accounts:write', 'serviceAccountKeyRevoke', 'serviceAccountKeyDelete'),
  ...userMutations,
  ...unbuilt(
    'devices:write',
    'deviceUpdate',
    'deviceArchive',
    'deviceUnarchive',
    'deviceBlock',
    'deviceUnblock',
  ),
  ...unbuilt('devices:write', 'serialNumbersCreate', 'serialNumbersDelete'),
  ...unbuilt('access:review', 'accessRequestApprove', 'accessRequestReject'),
  ...unbuilt(
    'dns:write',
    'dnsFilteringProfileCreate',
    'dnsFilteringProfileUpdate',
    'dnsFilteringProfileDelete',
  ),
  ...unbuilt('dns:write', 'dnsFilteringAllowedDomainsSet', 'dnsFilteringDeniedDomainsSet'),
};
