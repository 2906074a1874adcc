/** Egress: ranges and names behind a network's gateways, which are its resources. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { decodeUuid, encodeUuid } from '../../domain/ids/uuid8.ts';
import type { Network, Resource } from '../../domain/model/networks.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { queryText } from '../shared/parameters.ts';
import { envelope, NetmakerError, RECORD_NOT_FOUND } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf } from './request.ts';
import { timeText } from './wire.ts';

const ORIGIN = 'netmaker-api';
const MAX_TEXT = 1_000;

const Text = z.string().max(MAX_TEXT).nullish();
const Body = z.object({
  id: Text,
  name: Text,
  network: Text,
  description: Text,
  range: Text,
  domain: Text,
  is_internet_gateway: z.boolean().nullish(),
  status: z.boolean().nullish(),
});
type EgressBody = z.infer<typeof Body>;

const missing = (): NetmakerError => new NetmakerError(400, RECORD_NOT_FOUND);

const withLength = (address: string): string =>
  address.includes('/') ? address : `${address}/${address.includes(':') ? 128 : 32}`;

const toEgress = (resource: Resource, network: Network) => ({
  id: encodeUuid('resource', resource.id),
  name: resource.name,
  network: network.slug,
  description: '',
  // All gateways of the network lead to it.
  nodes: {},
  tags: {},
  range: resource.addressKind === 'dns' ? '' : withLength(resource.addressText),
  mode: 'direct_nat',
  virtual_range: '',
  domain_ans: [],
  domain: resource.addressKind === 'dns' ? resource.addressText : '',
  nat: true,
  status: resource.active,
  created_by: resource.byName,
  created_at: timeText(resource.createdAt),
  updated_at: timeText(resource.updatedAt),
});

/** The address that a body names; undefined when it names none. */
function addressOf(body: EgressBody): string | undefined {
  if (body.is_internet_gateway === true) {
    throw new NetmakerError(400, 'the way to the internet is an exit node: enable its routes on the device');
  }
  return body.domain || body.range || undefined;
}

export const egressOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { resources, resourceReads, networkReads } = services;

  const networkNamed = async (actor: Actor, slug: string): Promise<Network> => {
    try {
      return await networkReads.bySlug(actor, slug);
    } catch (error) {
      throw error instanceof AppError && error.code === 'not_found' ? missing() : error;
    }
  };
  const resourceOf = async (actor: Actor, text: string): Promise<Resource> => {
    const id = decodeUuid('resource', text);
    if (id === undefined) throw missing();
    try {
      return await resourceReads.get(actor, id);
    } catch (error) {
      throw error instanceof AppError && error.code === 'not_found' ? missing() : error;
    }
  };
  const networkWith = async (actor: Actor, resource: Resource): Promise<Network> => {
    const found = (await networkReads.list(actor)).find(({ id }) => id === resource.network);
    if (found === undefined) throw missing();
    return found;
  };
  const idOf = (request: FastifyRequest): string => {
    const id = queryText(request, 'id');
    if (id === '') throw new NetmakerError(400, 'id is required');
    return id;
  };

  return [
    {
      id: 'netmaker.egress.list',
      method: 'GET',
      path: '/api/v1/egress',
      requires: 'networks:read',
      handle: async ({ actor, request }) => {
        const slug = queryText(request, 'network');
        if (slug === '') throw new NetmakerError(400, 'network is required');
        const network = await networkNamed(actor, slug);
        const found = await resourceReads.list(actor, network.id);
        return envelope(
          'fetched egress resource list',
          found.map((resource) => toEgress(resource, network)),
        );
      },
    },
    {
      id: 'netmaker.egress.create',
      method: 'POST',
      path: '/api/v1/egress',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        const body = bodyOf(Body, request);
        const network = await networkNamed(actor, body.network ?? '');
        const address = addressOf(body);
        if (address === undefined) throw new NetmakerError(400, 'egress range or domain is required');
        const made = await resources.create(
          actor,
          { kind: 'egress', name: body.name ?? '', network: network.id, address },
          ORIGIN,
        );
        return envelope('created egress resource', toEgress(made, network));
      },
    },
    {
      id: 'netmaker.egress.update',
      method: 'PUT',
      path: '/api/v1/egress',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        const body = bodyOf(Body, request);
        const resource = await resourceOf(actor, body.id ?? '');
        const network = await networkWith(actor, resource);
        if (body.network && body.network !== network.slug) throw new NetmakerError(400, 'network mismatch');
        const address = addressOf(body);
        const same =
          address === undefined || [resource.addressText, withLength(resource.addressText)].includes(address);
        const after = await resources.update(
          actor,
          resource.id,
          {
            ...(body.name ? { name: body.name } : {}),
            ...(same ? {} : { address }),
            ...(body.status === undefined || body.status === null ? {} : { active: body.status }),
          },
          ORIGIN,
        );
        return envelope('updated egress resource', toEgress(after, network));
      },
    },
    {
      id: 'netmaker.egress.delete',
      method: 'DELETE',
      path: '/api/v1/egress',
      requires: 'networks:write',
      handle: async ({ actor, request }) => {
        const resource = await resourceOf(actor, idOf(request));
        await resources.remove(actor, resource.id, ORIGIN);
        return envelope('deleted egress resource');
      },
    },
  ];
};
