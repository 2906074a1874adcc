/** Requests for access, for the people who ask and those who decide: `/app/api/access-requests`. */
import { z } from 'zod';
import type { AccessRequestService } from '../../domain/access-requests/access-request-service.ts';
import type { AccessRequest } from '../../domain/model/networks.ts';
import type { GuardedOperation } from '../shared/operation.ts';
import { pathId } from '../shared/parameters.ts';
import { parsed } from './parsed.ts';

const MAX_TEXT = 4_000;
const MAX_PAGE = 1_000;
const CREATED = 201;
const PATH = '/app/api/access-requests';

const id = z.int().positive();
const creation = z.strictObject({
  resource: id,
  reason: z.string().max(MAX_TEXT).optional(),
  seconds: z.number().optional(),
  /** Another's request, for those who may write access. */
  member: id.optional(),
});
const listing = z.strictObject({
  status: z.enum(['pending', 'approved', 'rejected', 'expired']).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).optional(),
});

const timeOf = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

const accessRequestJson = (request: AccessRequest): object => ({
  id: request.id,
  member: request.membership,
  resource: request.resource,
  reason: request.reason,
  seconds: request.seconds,
  status: request.status,
  requested_at: timeOf(request.requestedAt),
  decided_at: timeOf(request.decidedAt),
  decided_by: request.decidedBy,
  access_until: timeOf(request.accessUntil),
});

export function accessRequestOperations(requests: AccessRequestService): readonly GuardedOperation[] {
  const decision = (name: 'approve' | 'reject'): GuardedOperation => ({
    id: `native.access-request.${name}`,
    method: 'POST',
    path: `${PATH}/:id/${name}`,
    // Whoever is in a group of approvers may as well: the service looks.
    requires: { anyOf: ['access:review', 'access:write', 'self:write'] },
    handle: async ({ request, actor }) =>
      accessRequestJson(await requests[name](actor, pathId(request, 'access request'), 'native-api')),
  });
  return [
    {
      id: 'native.access-request.create',
      method: 'POST',
      path: PATH,
      requires: { anyOf: ['self:write', 'access:write'] },
      handle: async ({ request, reply, actor }) => {
        const { resource, reason, seconds, member } = parsed(creation, request.body);
        const made = await requests.create(
          actor,
          {
            resource,
            ...(reason === undefined ? {} : { reason }),
            ...(seconds === undefined ? {} : { seconds }),
            ...(member === undefined ? {} : { membership: member }),
          },
          'native-api',
        );
        return reply.code(CREATED).send(accessRequestJson(made));
      },
    },
    {
      id: 'native.access-request.list',
      method: 'GET',
      path: PATH,
      requires: { anyOf: ['access:read', 'access:review', 'self:read'] },
      handle: async ({ request, actor }) => {
        const { status, limit } = parsed(listing, request.query);
        const found = await requests.list(actor, {
          ...(status === undefined ? {} : { status }),
          ...(limit === undefined ? {} : { limit }),
        });
        return { access_requests: found.map(accessRequestJson) };
      },
    },
    decision('approve'),
    decision('reject'),
  ];
}
