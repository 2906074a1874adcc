/** The fields of QueriesRoot, each with what it requires. */
import type { Requirement } from '../../domain/access/authorize.ts';
import type { PagedKind } from '../../domain/directory/directory.ts';
import { MAX_FILTER_PROFILES } from '../../domain/dns/dns-filter-service.ts';
import type { Condition } from '../../domain/ports/store.ts';
import type { Args, Context } from './context.ts';
import { rootConnection } from './direct-connection.ts';
import {
  accessRequestFilter,
  connectorFilter,
  deviceFilter,
  groupFilter,
  networkFilter,
  OWNED_DEVICE,
  resourceFilter,
  securityPolicyFilter,
  serialNumberFilter,
  serviceAccountFilter,
  userFilter,
} from './filters.ts';
import { decodeAnyGlobalId, decodeGlobalId, type IdType } from './global-id.ts';
import { SERVICE_KEY } from './types/others.ts';
import { postureOf } from './types/posture.ts';

export interface RootField {
  readonly requires: Exclude<Requirement, 'public'>;
  readonly resolve: (args: Args, context: Context) => unknown;
}

/** The thing of a global id, or null: what is malformed, of another type or somebody else's does not exist. */
async function single<K extends PagedKind>(
  context: Context,
  kind: K,
  type: IdType,
  text: unknown,
  condition?: Condition<K>,
) {
  const id = decodeGlobalId(type, text);
  if (id === undefined) return null;
  return only(context, kind, { allOf: [byId<K>(id), ...(condition === undefined ? [] : [condition])] });
}

// Every paged kind has an id, which the compiler does not see while the kind is open.
const byId = <K extends PagedKind>(id: number): Condition<K> =>
  ({ column: 'id', operator: '=', value: id }) as unknown as Condition<K>;

async function only<K extends PagedKind>(context: Context, kind: K, condition: Condition<K>) {
  const { rows } = await context.services.directory.page(context.actor, kind, { condition, limit: 1 });
  return rows[0] ?? null;
}

/** An empty id stands for none: clients send it beside the name. */
const isGiven = (value: unknown): value is string => typeof value === 'string' && value !== '';

const certificateAuthority = async (args: Args, context: Context) => {
  const decoded = typeof args.id === 'string' ? decodeAnyGlobalId(args.id) : undefined;
  const kinds = { X509CertificateAuthority: 'x509', SSHCertificateAuthority: 'ssh' } as const;
  const kind = kinds[decoded?.type as keyof typeof kinds];
  if (decoded === undefined || kind === undefined) return null;
  return only(context, 'certificateAuthority', {
    allOf: [
      { column: 'id', operator: '=', value: decoded.id },
      { column: 'kind', operator: '=', value: kind },
    ],
  });
};

export const QUERIES: Readonly<Record<string, RootField>> = {
  users: {
    requires: 'members:read',
    resolve: (args, context) => rootConnection('membership', args, context, userFilter(args.filter)),
  },
  user: {
    requires: 'members:read',
    resolve: (args, context) => single(context, 'membership', 'User', args.id),
  },
  groups: {
    requires: 'groups:read',
    resolve: (args, context) => rootConnection('group', args, context, groupFilter(args.filter)),
  },
  group: {
    requires: 'groups:read',
    resolve: (args, context) => single(context, 'group', 'Group', args.id),
  },
  devices: {
    requires: 'devices:read',
    resolve: (args, context) => rootConnection('device', args, context, deviceFilter(args.filter)),
  },
  device: {
    requires: 'devices:read',
    resolve: (args, context) => single(context, 'device', 'Device', args.id, OWNED_DEVICE),
  },
  devicePosture: {
    requires: 'attributes:read',
    resolve: async (args, context) => {
      const device = await single(context, 'device', 'Device', args.id, OWNED_DEVICE);
      return device === null ? null : postureOf(device, context);
    },
  },
  remoteNetworks: {
    requires: 'networks:read',
    resolve: (args, context) => rootConnection('network', args, context, networkFilter(args.filter)),
  },
  remoteNetwork: {
    requires: 'networks:read',
    resolve: async (args, context) => {
      if (isGiven(args.id)) return single(context, 'network', 'RemoteNetwork', args.id);
      if (!isGiven(args.name)) return null;
      return only(context, 'network', { column: 'name', operator: '=', value: args.name });
    },
  },
  connectors: {
    requires: 'networks:read',
    resolve: (args, context) => rootConnection('gateway', args, context, connectorFilter(args.filter)),
  },
  connector: {
    requires: 'networks:read',
    resolve: (args, context) => single(context, 'gateway', 'Connector', args.id),
  },
  resources: {
    requires: 'networks:read',
    resolve: (args, context) => rootConnection('resource', args, context, resourceFilter(args.filter)),
  },
  resource: {
    requires: 'networks:read',
    resolve: (args, context) => single(context, 'resource', 'Resource', args.id),
  },
  securityPolicies: {
    requires: 'access:read',
    resolve: (args, context) =>
      rootConnection('securityPolicy', args, context, securityPolicyFilter(args.filter)),
  },
  securityPolicy: {
    requires: 'access:read',
    resolve: async (args, context) => {
      if (isGiven(args.id)) return single(context, 'securityPolicy', 'SecurityPolicy', args.id);
      if (!isGiven(args.name)) return null;
      return only(context, 'securityPolicy', { column: 'name', operator: '=', value: args.name });
    },
  },
  serviceAccounts: {
    requires: 'service-accounts:read',
    resolve: (args, context) =>
      rootConnection('serviceAccount', args, context, serviceAccountFilter(args.filter)),
  },
  serviceAccount: {
    requires: 'service-accounts:read',
    resolve: (args, context) => single(context, 'serviceAccount', 'ServiceAccount', args.id),
  },
  serviceAccountKey: {
    requires: 'service-accounts:read',
    resolve: async (args, context) => {
      if (isGiven(args.id)) return single(context, 'credential', 'ServiceAccountKey', args.id, SERVICE_KEY);
      if (!isGiven(args.name)) return null;
      return only(context, 'credential', {
        allOf: [SERVICE_KEY, { column: 'name', operator: '=', value: args.name }],
      });
    },
  },
  serialNumbers: {
    requires: 'devices:read',
    resolve: (args, context) =>
      rootConnection('serialNumber', args, context, serialNumberFilter(args.filter)),
  },
  accessRequests: {
    requires: 'access:read',
    resolve: (args, context) =>
      rootConnection('accessRequest', args, context, accessRequestFilter(args.filter)),
  },
  accessRequest: {
    requires: 'access:read',
    resolve: (args, context) => single(context, 'accessRequest', 'AccessRequest', args.id),
  },
  gateways: {
    requires: 'networks:read',
    resolve: (args, context) => rootConnection('proxy', args, context),
  },
  gateway: {
    requires: 'networks:read',
    resolve: (args, context) => single(context, 'proxy', 'Gateway', args.id),
  },
  certificateAuthorities: {
    requires: 'networks:read',
    resolve: (args, context) => rootConnection('certificateAuthority', args, context),
  },
  certificateAuthority: { requires: 'networks:read', resolve: certificateAuthority },
  dnsFilteringProfile: {
    requires: 'dns:read',
    // Without an id it is the oldest, for clients from the time when there was one.
    resolve: (args, context) =>
      isGiven(args.id)
        ? single(context, 'dnsFilterProfile', 'DnsFilteringProfile', args.id)
        : only(context, 'dnsFilterProfile', { allOf: [] }),
  },
  dnsFilteringProfiles: {
    requires: 'dns:read',
    resolve: async (_args, { actor, services }) =>
      (await services.directory.page(actor, 'dnsFilterProfile', { limit: MAX_FILTER_PROFILES })).rows,
  },
  eventsSyncOidcProviderUrl: {
    requires: 'log-streams:read',
    resolve: (_args, { host }) => `https://${host}/oidc/v2`,
  },
};
