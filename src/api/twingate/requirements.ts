/**
 * What every field requires of its caller. Root fields are declared one by one beside their resolvers; a field of an
 * object requires what its type does, and so do lists and connections of that type. A type that is in neither table here
 * does not get on the wire.
 */
import { type GraphQLOutputType, getNamedType } from 'graphql';
import type { Requirement } from '../../domain/access/authorize.ts';

/** Things of the organization, by the permission to read them. */
export const OBJECT_REQUIREMENTS: Readonly<Record<string, Exclude<Requirement, 'public'>>> = {
  AccessEdge: 'access:read',
  AccessRequest: 'access:read',
  CertificateAuthority: 'networks:read',
  Connector: 'networks:read',
  ConnectorTokens: 'auth-keys:write',
  Device: 'devices:read',
  DevicePosture: 'attributes:read',
  DnsFilteringProfile: 'dns:read',
  DnsFilteringProfileMetadata: 'dns:read',
  Gateway: 'networks:read',
  Group: 'groups:read',
  KubernetesResource: 'networks:read',
  NetworkResource: 'networks:read',
  Principal: { anyOf: ['groups:read', 'service-accounts:read'] },
  RemoteNetwork: 'networks:read',
  Resource: 'networks:read',
  SSHCertificateAuthority: 'networks:read',
  SSHResource: 'networks:read',
  SecurityPolicy: 'access:read',
  SerialNumber: 'devices:read',
  ServiceAccount: 'service-accounts:read',
  ServiceAccountKey: 'service-accounts:read',
  User: 'members:read',
  WebAppResource: 'networks:read',
  X509CertificateAuthority: 'networks:read',
};

/** Parts of things: whoever may see the thing may see them. */
export const VALUE_TYPES: ReadonlySet<string> = new Set([
  'AccessPolicy',
  'ContentCategoryConfig',
  'DevicePostureCheck',
  'DevicePostureIntegration',
  'DevicePostureManual',
  'DevicePostureOsVersion',
  'KeyValueObject',
  'PageInfo',
  'PortRange',
  'PrivacyCategoryConfig',
  'ResourceAddress',
  'ResourcePort',
  'ResourceProtocol',
  'ResourceProtocols',
  'SecurityCategoryConfig',
  'Tag',
]);

/** `UserConnection` and `UserEdge` are about users. */
export const subjectOf = (typeName: string): string => {
  if (Object.hasOwn(OBJECT_REQUIREMENTS, typeName)) return typeName;
  const subject = typeName.replace(/(?:Connection|Edge)$/u, '');
  return subject === 'Access' ? 'AccessEdge' : subject;
};

/** What a field of an object type requires beyond its object: undefined for plain values. */
export const requirementOfType = (type: GraphQLOutputType): Exclude<Requirement, 'public'> | undefined =>
  OBJECT_REQUIREMENTS[subjectOf(getNamedType(type).name)];
