/** Nodes: devices that serve a network as its gateways; and hosts: devices. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { decodeUuid, encodeUuid } from '../../domain/ids/uuid8.ts';
import type { GatewayView } from '../../domain/networks/gateway-reads.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { envelope, NetmakerError } from './envelope.ts';
import { networkOf } from './networks.ts';
import { toHost, toNode, toSingleNode } from './node-wire.ts';
import type { NetmakerApiParts, NetmakerServices } from './parts.ts';
import { bodyOf } from './request.ts';

const ORIGIN = 'netmaker-api';
const MAX_TEXT = 2_000;

const Gateway = z.object({
  extclientdns: z.string().max(MAX_TEXT).nullish(),
  metadata: z.string().max(MAX_TEXT).nullish(),
  mtu: z.number().int().nullish(),
});

const NODE_MISSING = 'no result found';

/** The gateway of the path, in the network of the path. */
async function nodeOf(
  services: NetmakerServices,
  actor: Actor,
  request: FastifyRequest,
  missing = new NetmakerError(500, NODE_MISSING),
): Promise<GatewayView> {
  const id = decodeUuid('gateway', pathText(request, 'nodeid'));
  try {
    if (id === undefined) throw missing;
    const network = await networkOf(services, actor, request);
    const view = await services.gatewayReads.get(actor, id);
    if (view.network.id !== network.id) throw missing;
    return view;
  } catch (error) {
    throw error instanceof AppError && error.code === 'not_found' ? missing : error;
  }
}

export const nodeOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { gateways, gatewayReads, hosts } = services;

  const setGateway = async (actor: Actor, request: FastifyRequest) => {
    const body = request.body === undefined || request.body === null ? {} : bodyOf(Gateway, request);
    const { gateway } = await nodeOf(services, actor, request);
    await gateways.setLook(
      actor,
      gateway.id,
      {
        ...(body.metadata == null ? {} : { metadata: body.metadata }),
        ...(body.mtu == null ? {} : { mtu: body.mtu }),
        ...(body.extclientdns == null ? {} : { dns: body.extclientdns }),
      },
      ORIGIN,
    );
    return toNode(await gatewayReads.get(actor, gateway.id));
  };
  const removeGateway = async (actor: Actor, request: FastifyRequest): Promise<GatewayView> => {
    const view = await nodeOf(services, actor, request);
    await gateways.remove(actor, view.gateway.id, ORIGIN);
    return view;
  };
  const hostOf = (request: FastifyRequest): number => {
    const id = decodeUuid('device', pathText(request, 'hostid'));
    if (id === undefined) throw new NetmakerError(500, NODE_MISSING);
    return id;
  };

  return [
    {
      id: 'netmaker.nodes.list-all',
      method: 'GET',
      path: '/api/nodes',
      requires: 'authenticated',
      handle: async ({ actor }) => (await gatewayReads.list(actor)).map(toNode),
    },
    {
      id: 'netmaker.nodes.list',
      method: 'GET',
      path: '/api/nodes/:network',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const network = await networkOf(services, actor, request);
        return (await gatewayReads.list(actor, network.id)).map(toNode);
      },
    },
    {
      id: 'netmaker.nodes.get',
      method: 'GET',
      path: '/api/nodes/:network/:nodeid',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const view = await nodeOf(services, actor, request);
        return {
          node: toSingleNode(view),
          host: { id: encodeUuid('device', view.device.id), name: view.device.label },
          peers: [],
          host_peers: [],
          peerids: {},
        };
      },
    },
    ...(['gateway', 'createingress'] as const).map(
      (word): Operation => ({
        id: `netmaker.nodes.${word}`,
        method: 'POST',
        path: `/api/nodes/:network/:nodeid/${word}`,
        requires: 'networks:write',
        handle: ({ actor, request }) => setGateway(actor, request),
      }),
    ),
    ...(['gateway', 'deleteingress'] as const).map(
      (word): Operation => ({
        id: `netmaker.nodes.delete-${word}`,
        method: 'DELETE',
        path: `/api/nodes/:network/:nodeid/${word}`,
        requires: 'networks:write',
        handle: async ({ actor, request }) => ({
          ...toNode(await removeGateway(actor, request)),
          is_gw: false,
          isingressgateway: false,
        }),
      }),
    ),
    {
      id: 'netmaker.nodes.delete',
      method: 'DELETE',
      path: '/api/nodes/:network/:nodeid',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        await removeGateway(actor, request);
        return envelope(`${pathText(request, 'nodeid')} deleted.`);
      },
    },
    {
      id: 'netmaker.hosts.list',
      method: 'GET',
      path: '/api/hosts',
      requires: 'authenticated',
      handle: async ({ actor }) => (await hosts.list(actor)).map(toHost),
    },
    {
      id: 'netmaker.hosts.get',
      method: 'GET',
      path: '/api/hosts/:hostid',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const id = hostOf(request);
        const host = (await hosts.list(actor)).find(({ device }) => device.id === id);
        if (host === undefined) throw new NetmakerError(500, NODE_MISSING);
        return toHost(host);
      },
    },
    {
      id: 'netmaker.hosts.join-network',
      method: 'POST',
      path: '/api/hosts/:hostid/networks/:network',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        const network = await networkOf(services, actor, request);
        await gateways.attach(actor, { network: network.id, device: hostOf(request) }, ORIGIN);
        return envelope(`added host to network ${network.slug}`);
      },
    },
    {
      id: 'netmaker.hosts.leave-network',
      method: 'DELETE',
      path: '/api/hosts/:hostid/networks/:network',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        const network = await networkOf(services, actor, request);
        const device = hostOf(request);
        const found = (await gatewayReads.list(actor, network.id)).find((view) => view.device.id === device);
        if (found === undefined) throw new NetmakerError(500, NODE_MISSING);
        await gateways.remove(actor, found.gateway.id, ORIGIN);
        return envelope(`removed host from network ${network.slug}`);
      },
    },
  ];
};
