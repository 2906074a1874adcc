/** Many external clients at once. What cannot be done to one of them leaves the others done. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { ExtClientView } from '../../domain/ext-clients/ext-client-reads.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { NetmakerError } from './envelope.ts';
import { networkOf } from './networks.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf } from './request.ts';

const ORIGIN = 'netmaker-api';
const ACCEPTED = 202;
const MAX_IDS = 1_000;
const MAX_ID = 64;

const Ids = z.object({ ids: z.array(z.string().max(MAX_ID)).max(MAX_IDS).nullish() });
const Status = Ids.extend({ disable: z.boolean().nullish(), enabled: z.boolean().nullish() });

export const extClientBulkOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { extClients, extClientReads } = services;

  const chosen = async (
    actor: Actor,
    request: FastifyRequest,
    ids: readonly string[] | null | undefined,
  ): Promise<readonly ExtClientView[]> => {
    if (ids === undefined || ids === null || ids.length === 0) {
      throw new NetmakerError(400, 'no ext client IDs provided');
    }
    const network = await networkOf(services, actor, request).catch((error: unknown) => {
      const isMissing = error instanceof AppError && error.code === 'not_found';
      throw isMissing ? new NetmakerError(400, `network ${pathText(request, 'network')} not found`) : error;
    });
    const wanted = new Set(ids);
    return (await extClientReads.list(actor, network.id)).filter(({ client }) => wanted.has(client.clientId));
  };

  return [
    {
      id: 'netmaker.ext-clients.bulk-delete',
      method: 'DELETE',
      path: '/api/v1/extclients/:network/bulk',
      requires: 'networks:write',
      handle: async ({ actor, request, reply }) => {
        const found = await chosen(actor, request, bodyOf(Ids, request).ids);
        for (const { client } of found) await extClients.remove(actor, client.id, ORIGIN);
        return reply
          .code(ACCEPTED)
          .send({ Code: ACCEPTED, Message: 'bulk delete of ext clients accepted', Response: null });
      },
    },
    {
      id: 'netmaker.ext-clients.bulk-status',
      method: 'PUT',
      path: '/api/v1/extclients/:network/bulk/status',
      requires: 'networks:write',
      handle: async ({ actor, request, reply }) => {
        const { ids, disable, enabled } = bodyOf(Status, request);
        const on = enabled ?? !(disable ?? false);
        const found = await chosen(actor, request, ids);
        for (const { client } of found) await extClients.update(actor, client.id, { enabled: on }, ORIGIN);
        return reply
          .code(ACCEPTED)
          .send({ Code: ACCEPTED, Message: 'bulk status update of ext clients accepted', Response: null });
      },
    },
  ];
};
