import type { AccessEdge, Resource } from '../../../domain/model/networks.ts';
import { through } from '../../../domain/ports/store.ts';
import { DAY } from '../../../kernel/clock.ts';
import type { ConnectionResult } from '../connection.ts';
import { type Context, type FieldResolvers, fieldsOf } from '../context.ts';
import { type DirectRelated, directConnection } from '../direct-connection.ts';
import { accessFilter, groupFilter, liveEdge, serviceAccountFilter } from '../filters.ts';
import { encodeGlobalId } from '../global-id.ts';
import { loadFacts, loadOne, required } from '../loads.ts';
import { ACCESS_MODES, APPROVAL_MODES, protocolOf } from '../projections.ts';

const ACCESS: DirectRelated<'accessEdge'> = {
  name: 'Resource.access',
  kind: 'accessEdge',
  relation: { parent: 'resource' },
};
const APPROVERS: DirectRelated<'group'> = {
  name: 'Resource.approverGroups',
  kind: 'group',
  relation: through('resourceApprover', 'resource', 'group'),
};
const principals = <K extends 'group' | 'serviceAccount'>(
  kind: K,
  principalKind: 'group' | 'service_account',
  context: Context,
): DirectRelated<K> => ({
  name: `Resource.${kind}`,
  kind,
  relation: through('accessEdge', 'resource', 'principal', {
    allOf: [{ column: 'principalKind', operator: '=', value: principalKind }, liveEdge(context.now)],
  }),
});

const SECONDS_PER_DAY = DAY / 1000;

interface Locking {
  readonly accessMode: Resource['accessMode'];
  readonly accessSeconds: Resource['accessSeconds'];
}

/** The older way to say AUTO_LOCK: whole days. */
const autolockDays = ({ accessMode, accessSeconds }: Locking): number | null =>
  accessMode === 'auto-lock' && accessSeconds !== null && accessSeconds % SECONDS_PER_DAY === 0
    ? accessSeconds / SECONDS_PER_DAY
    : null;

const detailsOf = async (resource: Resource, context: Context) =>
  (await loadFacts(context, 'resourceTwingate', 'resource', resource.id))[0];

const portOf = async (resource: Resource, context: Context, name: 'upstreamPort' | 'downstreamPort') => {
  const port = (await detailsOf(resource, context))?.details[name];
  return port === undefined ? null : { port };
};

export const resourceFields: FieldResolvers = fieldsOf<Resource>({
  id: ({ id }) => encodeGlobalId('Resource', id),
  name: ({ name }) => name,
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
  address: ({ addressKind, addressText }) => ({
    type: addressKind === 'dns' ? 'DNS' : 'IP',
    value: addressText,
  }),
  alias: ({ alias }) => alias,
  protocols: ({ protocols }) => ({
    allowIcmp: protocols.allowIcmp,
    tcp: protocolOf(protocols.tcp),
    udp: protocolOf(protocols.udp),
  }),
  isActive: ({ active }) => active,
  isVisible: async (resource, _args, context) => (await detailsOf(resource, context))?.isVisible ?? true,
  isBrowserShortcutEnabled: async (resource, _args, context) =>
    (await detailsOf(resource, context))?.browserShortcut ?? false,
  remoteNetwork: ({ network }, _args, context) =>
    required('the network of a resource', loadOne(context, 'network', network)),
  // Null stays null: an inherited policy is no policy of the resource's own.
  securityPolicy: ({ securityPolicy }, _args, context) => loadOne(context, 'securityPolicy', securityPolicy),
  tags: async ({ id }, _args, context) =>
    (await loadFacts(context, 'resourceLabel', 'resource', id)).map(({ key, value }) => ({ key, value })),
  approvalMode: ({ approvalMode }) => APPROVAL_MODES[approvalMode ?? 'manual'],
  accessPolicy: ({ accessMode, accessSeconds }) => ({
    mode: ACCESS_MODES[accessMode ?? 'manual'],
    durationSeconds: accessSeconds,
  }),
  usageBasedAutolockDurationDays: autolockDays,
  access: async (resource, args, context) => {
    const connection = await directConnection(
      ACCESS,
      args,
      context,
      resource,
      accessFilter(args.filter, context.now),
    );
    // The edge of this connection is the row itself; its node is the principal.
    return { ...connection, edges: connection.edges.map(({ cursor, node }) => ({ ...node, cursor })) };
  },
  approverGroups: (resource, args, context) => directConnection(APPROVERS, args, context, resource),
  groups: (resource, args, context): Promise<ConnectionResult<{ id: number }>> =>
    directConnection(
      principals('group', 'group', context),
      args,
      context,
      resource,
      groupFilter(args.filter),
    ),
  serviceAccounts: (resource, args, context): Promise<ConnectionResult<{ id: number }>> =>
    directConnection(
      principals('serviceAccount', 'service_account', context),
      args,
      context,
      resource,
      serviceAccountFilter(args.filter),
    ),
  routingMode: ({ bypass }) => (bypass ? 'BYPASS_TWINGATE' : 'THROUGH_TWINGATE'),
  gateway: ({ proxy }, _args, context) =>
    required('the gateway of a resource', loadOne(context, 'proxy', proxy)),
  upstream: (resource, _args, context) => portOf(resource, context, 'upstreamPort'),
  downstream: (resource, _args, context) => portOf(resource, context, 'downstreamPort'),
  requestHeaderRewrites: async (resource, _args, context) =>
    (await detailsOf(resource, context))?.details.headerRewrites ?? [],
});

/** The object type of each kind. What another dialect made is a plain network resource here. */
export const RESOURCE_TYPES: Readonly<Record<Resource['kind'], string>> = {
  network: 'NetworkResource',
  egress: 'NetworkResource',
  kubernetes: 'KubernetesResource',
  ssh: 'SSHResource',
  web: 'WebAppResource',
};

type EdgeSource = AccessEdge & { readonly cursor: string };

export const accessEdgeFields: FieldResolvers = fieldsOf<EdgeSource>({
  cursor: ({ cursor }) => cursor,
  node: ({ principalKind, principal }, _args, context) =>
    principalKind === 'group'
      ? required('the group of an access edge', loadOne(context, 'group', principal))
      : required('the service account of an access edge', loadOne(context, 'serviceAccount', principal)),
  securityPolicy: ({ securityPolicy }, _args, context) => loadOne(context, 'securityPolicy', securityPolicy),
  expiresAt: ({ expiresAt }) => expiresAt,
  usageBasedAutolockDurationDays: autolockDays,
  // What was stored comes back, also when it says nothing new.
  accessPolicy: ({ accessMode, accessSeconds }) =>
    accessMode === null ? null : { mode: ACCESS_MODES[accessMode], durationSeconds: accessSeconds },
  approvalMode: ({ approvalMode }) => (approvalMode === null ? null : APPROVAL_MODES[approvalMode]),
});
