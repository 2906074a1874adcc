/** The executable schema: the SDL with our resolvers on it, each behind the requirement of its field. */
import { readFileSync } from 'node:fs';
import {
  buildSchema,
  GraphQLError,
  type GraphQLObjectType,
  GraphQLScalarType,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  isUnionType,
  Kind,
} from 'graphql';
import { authorize, type Requirement } from '../../domain/access/authorize.ts';
import type { Row } from '../../domain/model/entities.ts';
import type { Resource } from '../../domain/model/networks.ts';
import { toAppError } from '../../kernel/errors.ts';
import type { ConnectionResult } from './connection.ts';
import { type Context, type FieldResolvers, fieldsOf, type Resolver } from './context.ts';
import { payloadError } from './mutations/errors.ts';
import { MUTATIONS } from './mutations/index.ts';
import { QUERIES, type RootField } from './queries.ts';
import { requirementOfType } from './requirements.ts';
import { deviceFields } from './types/device.ts';
import { dnsProfileFields, dnsProfileMetadataFields } from './types/dns-profile.ts';
import { groupFields } from './types/group.ts';
import { connectorFields, networkFields } from './types/network.ts';
import {
  AUTHORITY_TYPES,
  accessRequestFields,
  authorityFields,
  gatewayFields,
  securityPolicyFields,
  serialNumberFields,
  serviceAccountFields,
  serviceKeyFields,
} from './types/others.ts';
import { accessEdgeFields, RESOURCE_TYPES, resourceFields } from './types/resource.ts';
import { userFields } from './types/user.ts';

const OBJECTS: Readonly<Record<string, FieldResolvers>> = {
  AccessEdge: accessEdgeFields,
  AccessRequest: accessRequestFields,
  Connector: connectorFields,
  Device: deviceFields,
  DnsFilteringProfile: dnsProfileFields,
  DnsFilteringProfileMetadata: dnsProfileMetadataFields,
  Gateway: gatewayFields,
  Group: groupFields,
  KubernetesResource: resourceFields,
  NetworkResource: resourceFields,
  RemoteNetwork: networkFields,
  SecurityPolicy: securityPolicyFields,
  SerialNumber: serialNumberFields,
  ServiceAccount: serviceAccountFields,
  ServiceAccountKey: serviceKeyFields,
  SSHCertificateAuthority: authorityFields,
  SSHResource: resourceFields,
  User: userFields,
  WebAppResource: resourceFields,
  X509CertificateAuthority: authorityFields,
};

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/iu;

/** Milliseconds since 1970 inside, RFC 3339 with an offset on the wire. */
function parseDateTime(value: unknown): number {
  const time = typeof value === 'string' && RFC3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw new GraphQLError('DateTime must be a time in RFC 3339 with an offset');
  return time;
}

function guarded(requirement: Requirement | undefined, resolve: Resolver): Resolver {
  if (requirement === undefined) return resolve;
  return (source, args, context) => {
    authorize(context.actor, requirement);
    return resolve(source, args, context);
  };
}

/** A mutation that fails says so in its payload, so that the others of its document go on. */
function mutationResolver({ requires, resolve }: RootField): Resolver {
  return async (_source, args, context) => {
    try {
      authorize(context.actor, requires);
      const done = (await resolve(args, context)) as object;
      return { ok: true, error: null, ...done };
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code === 'internal') context.onDefect(thrown);
      return { ok: false, error: payloadError(error) };
    }
  };
}

function attach(type: GraphQLObjectType, resolverOf: (field: string) => Resolver | undefined): void {
  for (const [name, field] of Object.entries(type.getFields())) {
    const resolve = resolverOf(name);
    if (resolve === undefined) throw new Error(`${type.name}.${name} has no resolver`);
    field.resolve = (source: unknown, args: Record<string, unknown>, context: Context) =>
      resolve(source, args, context);
  }
}

function attachSome(type: GraphQLObjectType, resolvers: FieldResolvers): void {
  for (const [name, resolve] of Object.entries(resolvers)) {
    const field = type.getFields()[name];
    if (field !== undefined) field.resolve = resolve;
  }
}

const isGroup = (principal: object): boolean => 'systemKey' in principal;

// What a connection counts or looks for is asked when it is selected. Compiled documents call no functions by themselves.
const totalCount: Resolver = (source) => (source as ConnectionResult<unknown>).totalCount();
const pageInfoFields: FieldResolvers = fieldsOf<ConnectionResult<unknown>['pageInfo']>({
  hasNextPage: (page) => page.hasNextPage(),
  hasPreviousPage: (page) => page.hasPreviousPage(),
});

/** Throws when the SDL has a field that nothing answers: a defect that must not wait for a request. */
export function createTwingateSchema(): GraphQLSchema {
  const schema = buildSchema(readFileSync(new URL('./schema.graphql', import.meta.url), 'utf8'));
  for (const type of Object.values(schema.getTypeMap())) {
    if (isObjectType(type)) {
      if (type.name.endsWith('Connection')) attachSome(type, { totalCount });
      if (type.name === 'PageInfo') attachSome(type, pageInfoFields);
      const fields = OBJECTS[type.name];
      if (fields === undefined) continue;
      attach(type, (name) => {
        const resolve = fields[name];
        const definition = type.getFields()[name];
        if (resolve === undefined || definition === undefined) return undefined;
        return guarded(requirementOfType(definition.type), resolve);
      });
    }
    if (isInterfaceType(type) || isUnionType(type)) {
      type.resolveType = (source: unknown) => {
        const row = source as object;
        if (type.name === 'Principal') return isGroup(row) ? 'Group' : 'ServiceAccount';
        if (type.name === 'CertificateAuthority') {
          return AUTHORITY_TYPES[(row as Row<'certificateAuthority'>).kind];
        }
        return RESOURCE_TYPES[(row as Resource).kind];
      };
    }
    if (type.name === 'DateTime' && type instanceof GraphQLScalarType) {
      type.serialize = (value) => new Date(Number(value)).toISOString();
      type.parseValue = parseDateTime;
      type.parseLiteral = (node) => parseDateTime(node.kind === Kind.STRING ? node.value : undefined);
    }
  }
  const query = schema.getQueryType();
  const mutation = schema.getMutationType();
  if (!query || !mutation) throw new Error('the schema has no roots');
  attach(query, (name) => {
    const field = QUERIES[name];
    return field && guarded(field.requires, (_source, args, context) => field.resolve(args, context));
  });
  attach(mutation, (name) => {
    const field = MUTATIONS[name];
    return field && mutationResolver(field);
  });
  return schema;
}
