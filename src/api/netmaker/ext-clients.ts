/** External clients: plain WireGuard peers of a gateway, and their configurations. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { ExtClientView } from '../../domain/ext-clients/ext-client-reads.ts';
import { wireGuardConfig } from '../../domain/ext-clients/wireguard-config.ts';
import { decodeUuid } from '../../domain/ids/uuid8.ts';
import { AppError } from '../../kernel/errors.ts';
import { qrPng } from '../../kernel/qr-png.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText, queryText } from '../shared/parameters.ts';
import { envelope, NetmakerError } from './envelope.ts';
import { CustomExtClient, changeOf, NO_PRIVATE_KEY, toExtClient } from './ext-client-wire.ts';
import { networkOf } from './networks.ts';
import type { NetmakerApiParts, NetmakerServices } from './parts.ts';
import { bodyOf } from './request.ts';

const ORIGIN = 'netmaker-api';
const NO_RESULT = 'no result found';
const QR_PIXELS = 220;
/** Seconds; keeps a client behind NAT reachable. */
const KEEPALIVE = 20;
const INTERNET = ['0.0.0.0/0', '::/0'];

/** The texts that this family has for what does not exist. */
async function inWords<T>(missing: NetmakerError, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof AppError && error.code === 'not_found' ? missing : error;
  }
}

/** Bodies may be absent: every field of a client is optional. */
function customClient(request: FastifyRequest): CustomExtClient {
  const body = request.body === undefined || request.body === null ? {} : bodyOf(CustomExtClient, request);
  if (Object.keys(body.deniednodeacls ?? {}).length > 0) {
    throw new NetmakerError(
      400,
      'deniednodeacls is not supported: what a client reaches is decided by its owner’s groups',
    );
  }
  return body;
}

async function viewOf(
  services: NetmakerServices,
  actor: Actor,
  request: FastifyRequest,
): Promise<ExtClientView> {
  const gone = new NetmakerError(500, NO_RESULT);
  const network = await inWords(gone, networkOf(services, actor, request));
  return inWords(gone, services.extClientReads.get(actor, network.id, pathText(request, 'clientid')));
}

const single = async ({ extClientReads }: NetmakerServices, actor: Actor, view: ExtClientView) =>
  toExtClient(view, extClientReads.secrets(actor, view.client), await extClientReads.allowedIps(view));

const list = (views: readonly ExtClientView[]) => views.map((view) => toExtClient(view, 'list', null));

async function configOf(
  services: NetmakerServices,
  actor: Actor,
  request: FastifyRequest,
  view: ExtClientView,
  { hooks }: { readonly hooks: boolean },
): Promise<string> {
  const { agent, client, details } = view;
  const gateway = await services.gatewayReads.get(actor, client.gateway);
  if (agent === undefined) {
    throw new NetmakerError(
      400,
      'the gateway has no WireGuard interface yet: run "holdfast gateway up" on it',
    );
  }
  const preferred = queryText(request, 'preferredip');
  if (preferred !== '' && preferred !== agent.endpoint) {
    throw new NetmakerError(400, 'preferred endpoint ip is not associated with the RAG');
  }
  const secrets = services.extClientReads.secrets(actor, client);
  const text = wireGuardConfig({
    addresses: view.addresses,
    privateKey: secrets?.privateKey ?? NO_PRIVATE_KEY,
    mtu: gateway.look.mtu || agent.mtu,
    dns: client.dns || gateway.look.dns,
    hooks: hooks
      ? { postUp: hook(details.postup), postDown: hook(details.postdown) }
      : { postUp: '', postDown: '' },
    peer: {
      publicKey: agent.publicKey,
      presharedKey: secrets?.presharedKey,
      allowedIps: gateway.internet ? INTERNET : await services.extClientReads.allowedIps(view),
      endpoint: agent.endpoint,
      port: agent.listenPort,
      keepalive: KEEPALIVE,
    },
  });
  return text;
}

/** One line of a configuration: nothing in it may begin another. */
const hook = (value: unknown): string => (typeof value === 'string' && !/[\r\n]/u.test(value) ? value : '');

export const extClientOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { extClients, extClientReads } = services;

  const create = async (actor: Actor, request: FastifyRequest) => {
    const noGateway = new NetmakerError(400, 'ingress does not exist');
    const network = await inWords(noGateway, networkOf(services, actor, request));
    const gateway = decodeUuid('gateway', pathText(request, 'nodeid'));
    if (gateway === undefined) throw noGateway;
    const view = await inWords(noGateway, services.gatewayReads.get(actor, gateway));
    if (view.network.id !== network.id) throw noGateway;
    // Created enabled always.
    const made = await extClients.create(actor, { ...changeOf(customClient(request)), gateway }, ORIGIN);
    return single(services, actor, await extClientReads.get(actor, network.id, made.clientId));
  };

  const update = async (actor: Actor, request: FastifyRequest) => {
    const body = customClient(request);
    const view = await viewOf(services, actor, request);
    const change = { ...changeOf(body), enabled: enabledOf(view, body) };
    const after = await extClients.update(actor, view.client.id, change, ORIGIN);
    return single(services, actor, await extClientReads.get(actor, view.network.id, after.clientId));
  };

  const remove = async (actor: Actor, request: FastifyRequest) => {
    const clientId = pathText(request, 'clientid');
    const network = await inWords(new NetmakerError(500, NO_RESULT), networkOf(services, actor, request));
    const found = await extClientReads.get(actor, network.id, clientId).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'not_found') return undefined;
      throw error;
    });
    if (found !== undefined) await extClients.remove(actor, found.client.id, ORIGIN);
    return envelope(`${clientId} deleted.`);
  };

  const config = async (actor: Actor, request: FastifyRequest, reply: FastifyReply) => {
    const view = await viewOf(services, actor, request);
    switch (pathText(request, 'type')) {
      case 'file':
        return reply
          .type('application/config')
          .header('content-disposition', `attachment; filename="${view.client.clientId}.conf"`)
          .header('cache-control', 'no-store')
          .send(await configOf(services, actor, request, view, { hooks: true }));
      case 'qr':
        return reply
          .type('image/png')
          .header('cache-control', 'no-store')
          .send(qrPng(await configOf(services, actor, request, view, { hooks: false }), QR_PIXELS));
      default:
        return single(services, actor, view);
    }
  };

  return [
    {
      id: 'netmaker.ext-clients.list-all',
      method: 'GET',
      path: '/api/extclients',
      requires: 'authenticated',
      handle: async ({ actor }) => list(await extClientReads.list(actor)),
    },
    {
      id: 'netmaker.ext-clients.list',
      method: 'GET',
      path: '/api/extclients/:network',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const network = await networkOf(services, actor, request);
        return list(await extClientReads.list(actor, network.id));
      },
    },
    {
      id: 'netmaker.ext-clients.get',
      method: 'GET',
      path: '/api/extclients/:network/:clientid',
      requires: 'authenticated',
      handle: async ({ actor, request }) => single(services, actor, await viewOf(services, actor, request)),
    },
    {
      id: 'netmaker.ext-clients.config',
      method: 'GET',
      path: '/api/extclients/:network/:clientid/:type',
      requires: 'authenticated',
      handle: ({ actor, request, reply }) => config(actor, request, reply),
    },
    {
      id: 'netmaker.ext-clients.create',
      method: 'POST',
      path: '/api/extclients/:network/:nodeid',
      requires: 'authenticated',
      handle: ({ actor, request }) => create(actor, request),
    },
    {
      id: 'netmaker.ext-clients.update',
      method: 'PUT',
      path: '/api/extclients/:network/:clientid',
      requires: 'authenticated',
      handle: ({ actor, request }) => update(actor, request),
    },
    {
      id: 'netmaker.ext-clients.delete',
      method: 'DELETE',
      path: '/api/extclients/:network/:clientid',
      requires: 'authenticated',
      handle: ({ actor, request }) => remove(actor, request),
    },
  ];
};

/**
 * A body without `enabled` switches a client off, as the vendor's does. One whose owner is suspended shows as off, and
 * whoever writes back what was shown changes nothing.
 */
function enabledOf({ client, active }: ExtClientView, { enabled }: CustomExtClient): boolean {
  const wanted = enabled ?? false;
  return wanted === active ? client.enabled : wanted;
}
