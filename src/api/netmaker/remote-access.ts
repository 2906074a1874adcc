/** Gateways as users see them, who may use them, and the addresses that users have behind them. */
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { ExtClientView } from '../../domain/ext-clients/ext-client-reads.ts';
import { decodeUuid, encodeUuid } from '../../domain/ids/uuid8.ts';
import type { Membership } from '../../domain/model/people.ts';
import type { GatewayView } from '../../domain/networks/gateway-reads.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText, queryText } from '../shared/parameters.ts';
import { envelope, NetmakerError, RECORD_NOT_FOUND } from './envelope.ts';
import { toExtClient } from './ext-client-wire.ts';
import { insteadOfMissing as or } from './missing.ts';
import { toNetwork } from './networks.ts';
import { statusOf } from './node-wire.ts';
import type { NetmakerApiParts, NetmakerServices } from './parts.ts';
import { queryFlag } from './request.ts';
import { isAdministrator } from './roles.ts';
import { checkUser, toUser, toUsers } from './users.ts';
import { groupId } from './wire.ts';

const ORIGIN = 'netmaker-api';
const NO_TIME = '0001-01-01T00:00:00Z';

/** A client that is none, in the shape of one. */
const NO_CLIENT = {
  clientid: '',
  privatekey: '',
  publickey: '',
  network: '',
  dns: '',
  address: '',
  address6: '',
  extraallowedips: null,
  allowed_ips: null,
  ingressgatewayid: '',
  ingressgatewayendpoint: '',
  lastmodified: 0,
  enabled: false,
  ownerid: '',
  deniednodeacls: null,
  remote_access_client_id: '',
  postup: '',
  postdown: '',
  tags: null,
  os: '',
  device_id: '',
  device_name: '',
  public_endpoint: '',
  country: '',
  location: '',
  last_evaluated_at: NO_TIME,
} as const;

/** The client that a program on a device means at a gateway: by the device, else by the program, else any. */
function pickClient(
  clients: readonly ExtClientView[],
  gateway: number,
  { deviceId, racId }: { readonly deviceId: string; readonly racId: string },
): ExtClientView | undefined {
  const here = clients.filter(({ client }) => client.gateway === gateway);
  const byDevice = deviceId === '' ? undefined : here.find(({ client }) => client.deviceId === deviceId);
  const byProgram = here.find(({ client }) => client.racId !== null && client.racId === racId);
  return byDevice ?? byProgram ?? (deviceId === '' ? here[0] : undefined);
}

async function gatewayOfUser(
  { extClientReads }: NetmakerServices,
  actor: Actor,
  view: GatewayView,
  client: ExtClientView | undefined,
) {
  const { network, device, agent, look } = view;
  return {
    remote_access_gw_id: encodeUuid('gateway', view.gateway.id),
    gw_name: device.label,
    network: network.slug,
    connected: client !== undefined,
    is_internet_gateway: view.internet,
    gw_client:
      client === undefined
        ? NO_CLIENT
        : {
            ...toExtClient(
              client,
              extClientReads.secrets(actor, client.client),
              await extClientReads.allowedIps(client),
            ),
            dns: client.client.dns || look.dns,
          },
    gw_peer_public_key: agent?.publicKey ?? '',
    gw_listen_port: agent?.listenPort ?? 0,
    metadata: look.metadata,
    allowed_endpoints: agent === undefined ? [] : [agent.endpoint],
    network_addresses: [network.clientPool4 ?? '', network.clientPool6 ?? ''],
    status: statusOf(view),
    manage_dns: false,
    dns_address: look.dns,
    addresses: view.deviceAddresses.join(','),
    match_domains: [],
    search_domains: [],
    nameservers: null,
  };
}

export const remoteAccessOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { people, gatewayReads, extClients, extClientReads, networkMembers, networkReads } = services;

  const targetOf = async (actor: Actor, request: FastifyRequest): Promise<Membership> => {
    const username = pathText(request, 'username');
    const missing = new NetmakerError(400, `failed to fetch user ${username}, error: ${RECORD_NOT_FOUND}`);
    return or(people.byUsername(actor, username).then(checkUser), missing);
  };
  const gatewayIdOf = (request: FastifyRequest): number | undefined =>
    decodeUuid('gateway', pathText(request, 'gateway'));
  const ownClients = async (actor: Actor): Promise<readonly ExtClientView[]> =>
    (await extClientReads.list(actor)).filter(
      ({ client }) =>
        actor.kind === 'member' && client.ownerKind === 'membership' && client.owner === actor.membership,
    );
  const bodyText = (request: FastifyRequest, name: string): string => {
    const value =
      typeof request.body === 'object' && request.body !== null
        ? (request.body as Readonly<Record<string, unknown>>)[name]
        : undefined;
    return typeof value === 'string' ? value : '';
  };

  return [
    {
      id: 'netmaker.remote-access.list',
      method: 'GET',
      path: '/api/users/:username/remote_access_gw',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const member = await people.self(actor, pathText(request, 'username'), 'self:read');
        const mobile = queryFlag(request, 'from_mobile');
        const deviceId = queryText(request, 'device_id') || bodyText(request, 'device_id');
        const racId =
          queryText(request, 'remote_access_clientid') || bodyText(request, 'remote_access_clientid');
        if (racId === '' && deviceId === '' && !mobile) {
          throw new NetmakerError(400, 'remote access client id cannot be empty');
        }
        const views = await gatewayReads.list(actor);
        const clients = await ownClients(actor);
        const shown = await Promise.all(
          views.map((view) =>
            gatewayOfUser(services, actor, view, pickClient(clients, view.gateway.id, { deviceId, racId })),
          ),
        );
        if (mobile) return envelope(`fetched gateways for user${member.username}`, shown);
        return Object.fromEntries(Map.groupBy(shown, ({ network }) => network));
      },
    },
    {
      id: 'netmaker.remote-access.attach',
      method: 'POST',
      path: '/api/users/:username/remote_access_gw/:gateway',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        const member = await targetOf(actor, request);
        if (isAdministrator(member.role)) {
          throw new NetmakerError(400, 'superadmins/admins have access to all gateways');
        }
        const missing = new NetmakerError(
          400,
          'failed to fetch remote access gateway node, error: no result found',
        );
        const id = gatewayIdOf(request);
        if (id === undefined) throw missing;
        await or(networkMembers.attach(actor, member.id, id, ORIGIN), missing);
        return toUser(services, actor, member);
      },
    },
    {
      id: 'netmaker.remote-access.detach',
      method: 'DELETE',
      path: '/api/users/:username/remote_access_gw/:gateway',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        const member = await targetOf(actor, request);
        const id = gatewayIdOf(request);
        if (id !== undefined) await networkMembers.detach(actor, member.id, id, ORIGIN);
        return toUser(services, actor, member);
      },
    },
    {
      id: 'netmaker.remote-access.users',
      method: 'GET',
      path: '/api/users/ingress/:gateway',
      requires: 'members:read',
      handle: async ({ actor, request }) => {
        const missing = new NetmakerError(400, 'no result found');
        const id = gatewayIdOf(request);
        if (id === undefined) throw missing;
        const view = await or(gatewayReads.get(actor, id), missing);
        const members = await gatewayReads.users(actor, view.network);
        return {
          node_id: encodeUuid('gateway', id),
          network: view.network.slug,
          users: members.length === 0 ? null : await toUsers(services, actor, members),
        };
      },
    },
    {
      id: 'netmaker.network-users.addresses',
      method: 'GET',
      path: '/api/v1/users/network_ip',
      requires: 'networks:read',
      handle: async ({ actor }) => {
        const ofPrograms = (await extClientReads.list(actor)).filter(
          ({ client, owner }) =>
            (client.deviceId !== null || client.racId !== null) &&
            owner !== undefined &&
            owner.suspendedAt === null,
        );
        const owners = new Map(
          ofPrograms.flatMap(({ owner }) => (owner === undefined ? [] : [[owner.id, owner] as const])),
        );
        const groups = await people.groupsOf(actor, [...owners.values()]);
        return envelope('returned user network ip map', {
          mappings: Object.fromEntries(
            ofPrograms.flatMap(({ addresses: [ip4], owner }) => {
              if (ip4 === undefined || owner === undefined) return [];
              const held = (groups.get(owner.id) ?? []).map(groupId);
              return [[ip4, { user: owner.username, groups: held.length === 0 ? null : held }]];
            }),
          ),
        });
      },
    },
    {
      id: 'netmaker.rac.networks',
      method: 'GET',
      path: '/api/v1/rac/networks',
      requires: 'authenticated',
      handle: async ({ actor }) =>
        envelope('fetched networks', (await networkReads.list(actor)).map(toNetwork)),
    },
    {
      id: 'netmaker.rac.access-points',
      method: 'GET',
      path: '/api/v1/rac/network/:network/access_points',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const network = await or(
          networkReads.bySlug(actor, pathText(request, 'network')),
          new NetmakerError(403, 'access denied'),
        );
        const clients = await ownClients(actor);
        const views = await gatewayReads.list(actor, network.id);
        return envelope(
          'fetched access points',
          views.map((view) => ({
            remote_access_gw_id: encodeUuid('gateway', view.gateway.id),
            gw_name: view.device.label,
            network: network.slug,
            connected: clients.some(({ client }) => client.gateway === view.gateway.id),
            is_internet_gateway: view.internet,
            metadata: view.look.metadata,
          })),
        );
      },
    },
    {
      id: 'netmaker.rac.config',
      method: 'GET',
      path: '/api/v1/rac/access_point/:gateway/config',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const denied = new NetmakerError(403, 'access denied');
        const id = gatewayIdOf(request);
        if (id === undefined) throw denied;
        const racId =
          bodyText(request, 'remote_access_clientid') || queryText(request, 'remote_access_clientid');
        if (racId === '') throw new NetmakerError(400, 'remote access client id cannot be empty');
        const view = await or(gatewayReads.get(actor, id), denied);
        const own = (await ownClients(actor)).find(
          ({ client }) => client.gateway === id && client.racId === racId,
        );
        if (own === undefined) await extClients.create(actor, { gateway: id, racId }, ORIGIN);
        const client = own ?? pickClient(await ownClients(actor), id, { deviceId: '', racId });
        return envelope('fetched access point config', await gatewayOfUser(services, actor, view, client));
      },
    },
  ];
};
