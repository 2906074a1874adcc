/** Networks, by their slug. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { encodeUuid } from '../../domain/ids/uuid8.ts';
import type { Network } from '../../domain/model/networks.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import type { NetmakerApiParts, NetmakerServices } from './parts.ts';
import { bodyOf } from './request.ts';
import { timeText } from './wire.ts';

const ORIGIN = 'netmaker-api';
const MAX_TEXT = 255;
const SECOND_MS = 1_000;
/** What every network of ours has: there is nothing to set. */
const KEEPALIVE = 20;
const MTU = 1420;

const Body = z.object({
  netid: z.string().max(MAX_TEXT).nullish(),
  addressrange: z.string().max(MAX_TEXT).nullish(),
  addressrange6: z.string().max(MAX_TEXT).nullish(),
});

export const toNetwork = (network: Network) => ({
  id: encodeUuid('network', network.id),
  netid: network.slug,
  addressrange: network.clientPool4 ?? '',
  addressrange6: network.clientPool6 ?? '',
  defaultkeepalive: KEEPALIVE,
  defaultmtu: MTU,
  auto_join: false,
  auto_remove: false,
  auto_remove_tags: [],
  auto_remove_threshold: 0,
  jit_enabled: false,
  virtual_nat_pool_ipv4: '',
  virtual_nat_site_prefixlen_ipv4: 0,
  nodes_updated_at: timeText(network.updatedAt),
  created_by: network.byName,
  created_at: timeText(network.createdAt),
  updated_at: timeText(network.updatedAt),
  // Of older clients, in seconds.
  networklastmodified: Math.floor(network.updatedAt / SECOND_MS),
});

/** The network that the path names; `not_found` where the actor may know of none such. */
export const networkOf = (
  { networkReads }: NetmakerServices,
  actor: Actor,
  request: FastifyRequest,
): Promise<Network> => networkReads.bySlug(actor, pathText(request, 'network'));

export const networkOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { networks, networkReads } = services;
  return [
    {
      id: 'netmaker.networks.list',
      method: 'GET',
      path: '/api/networks',
      requires: 'authenticated',
      handle: async ({ actor }) => (await networkReads.list(actor)).map(toNetwork),
    },
    {
      id: 'netmaker.networks.get',
      method: 'GET',
      path: '/api/networks/:network',
      requires: 'authenticated',
      handle: async ({ actor, request }) => toNetwork(await networkOf(services, actor, request)),
    },
    {
      id: 'netmaker.networks.create',
      method: 'POST',
      path: '/api/networks',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        const { netid, addressrange, addressrange6 } = bodyOf(Body, request);
        const network = await networks.create(
          actor,
          {
            name: netid ?? '',
            exactSlug: true,
            pools: {
              ...(addressrange ? { pool4: addressrange } : {}),
              ...(addressrange6 ? { pool6: addressrange6 } : {}),
            },
          },
          ORIGIN,
        );
        return toNetwork(network);
      },
    },
    {
      // What of a network can be changed here is nothing: the vendor keeps keepalive, MTU and automation of its own there.
      id: 'netmaker.networks.update',
      method: 'PUT',
      path: '/api/networks/:network',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        bodyOf(Body, request);
        return toNetwork(await networkOf(services, actor, request));
      },
    },
    {
      id: 'netmaker.networks.delete',
      method: 'DELETE',
      path: '/api/networks/:network',
      requires: 'networks:write',
      handle: async ({ actor, request, reply }) => {
        const network = await networkOf(services, actor, request);
        await networks.remove(actor, network.id, ORIGIN);
        // A text: the vendor's command line reads one, though its server gives an object.
        return reply.type('application/json').send(JSON.stringify('success'));
      },
    },
  ];
};
