import { z } from 'zod';
import type { Organization } from '../../domain/model/people.ts';
import { MAX_CHILDREN } from '../../domain/organizations/child-organizations.ts';
import { magicDnsSuffix } from '../../domain/organizations/names.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody, queryValue } from './body.ts';
import { BASE, type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { tailnetId } from './tailnet.ts';
import { wireTime } from './times.ts';

const createBody = z.object({ displayName: z.string() });
const MAX_PAGE = 100;
/** The caller's own, and all that it made. Whoever asks for no page knows of none, so they get everything there is. */
const ALL = MAX_CHILDREN + 1;

const tailnetWire = (organization: Organization, org: number): object => ({
  id: tailnetId(organization.id),
  displayName: organization.name,
  orgId: tailnetId(org),
  dnsName: magicDnsSuffix(organization),
  createdAt: wireTime(organization.createdAt),
});

/** `{organization}` is the caller's own, `-` or its id: there is no other that it could ask for. */
function requireOwn({ request, actor }: GuardedCall): void {
  const name = pathText(request, 'organization');
  if (name !== '-' && name !== tailnetId(actor.org)) throw notFound('organization');
}

function pageOf({ request }: GuardedCall): { after: number; limit: number } {
  const asked = queryValue(request, 'limit');
  const limit = asked === undefined ? ALL : Number(asked);
  if (!Number.isInteger(limit) || limit < 1 || (asked !== undefined && limit > MAX_PAGE)) {
    throw invalid(`limit must be an integer from 1 to ${MAX_PAGE}`, 'limit');
  }
  const after = Number(queryValue(request, 'cursor') || 0);
  if (!Number.isSafeInteger(after) || after < 0) throw invalid('cursor is not valid', 'cursor');
  return { after, limit };
}

export function tailnetOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, childOrganizations, organizationRemoval } = services;
  const list = `${BASE}/organizations/:organization/tailnets`;
  return [
    {
      id: 'tailscale.tailnets.list',
      method: 'GET',
      path: list,
      requires: 'organizations:read',
      handle: async (call) => {
        requireOwn(call);
        const { after, limit } = pageOf(call);
        const found = await childOrganizations.list(call.actor, { after, limit: limit + 1 });
        const page = found.slice(0, limit);
        const last = found.length > limit ? page.at(-1) : undefined;
        return {
          tailnets: page.map((organization) => tailnetWire(organization, call.actor.org)),
          ...(last === undefined ? {} : { cursor: String(last.id) }),
        };
      },
    },
    {
      id: 'tailscale.tailnets.create',
      method: 'POST',
      path: list,
      requires: 'organizations:write',
      handle: async (call) => {
        requireOwn(call);
        const { displayName } = jsonBody(call.request, createBody);
        const { organization, client } = await childOrganizations.create(call.actor, displayName, ORIGIN);
        return {
          ...tailnetWire(organization, call.actor.org),
          oauthClient: { id: client.publicId, secret: client.secret },
        };
      },
    },
    // The older path is that of the vendor's first Go client.
    ...[
      { id: 'tailscale.tailnets.delete', path: TAILNET },
      { id: 'tailscale.tailnets.delete.older', path: `${TAILNET}/tailnet` },
    ].map(
      (place): Operation => ({
        ...place,
        method: 'DELETE',
        requires: 'organization:delete',
        handle: inTailnet(organizations, async ({ actor }) => {
          await organizationRemoval.remove(actor, ORIGIN);
          return {};
        }),
      }),
    ),
  ];
}
