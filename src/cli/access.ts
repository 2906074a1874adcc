/** `holdfast access request|approve|reject`: time-boxed access to a resource, by whoever runs the program on the machine. */

import type { Actor } from '../domain/access/actor.ts';
import { permissionsOfRole } from '../domain/access/permissions.ts';
import { createAccessRequestService } from '../domain/access-requests/access-request-service.ts';
import type { AccessRequest, Resource } from '../domain/model/networks.ts';
import type { Organization } from '../domain/model/people.ts';
import type { Store } from '../domain/ports/store.ts';
import { SECOND } from '../kernel/clock.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { parseDuration } from './duration.ts';
import { CommandError } from './exit.ts';
import { memberByUser, organizationByLabel, withInstallation } from './installation-command.ts';

const operator = (organization: Organization, name: string): Actor => ({
  kind: 'system',
  org: organization.id,
  name,
  permissions: permissionsOfRole('owner'),
});

/** By id or name; names of resources may repeat. */
async function resourceOf(store: Store, organization: Organization, text: string): Promise<Resource> {
  const id = /^\d{1,15}$/u.test(text) ? Number(text) : undefined;
  const byId = id === undefined ? undefined : await store.get('resource', organization.id, id);
  if (byId !== undefined) return byId;
  const found = await store.find('resource', organization.id, { name: text });
  const [only, other] = found;
  if (only === undefined) {
    throw new CommandError(
      `no resource of ${organization.label} has the name or id ${text}: correct --resource`,
    );
  }
  if (other !== undefined) {
    throw new CommandError(
      `${found.length} resources have the name ${text}: give the id of one, ${found.map((one) => one.id).join(' or ')}`,
    );
  }
  return only;
}

function told(request: AccessRequest): string {
  const until =
    request.accessUntil === null ? 'without an end' : `until ${new Date(request.accessUntil).toISOString()}`;
  switch (request.status) {
    case 'pending':
      return `Request ${request.id} waits for approval.`;
    case 'approved':
      return `Request ${request.id} is approved; access is open ${until}.`;
    case 'rejected':
    case 'expired':
      return `Request ${request.id} is ${request.status}.`;
  }
}

const jsonOf = ({ id, membership, resource, status, accessUntil }: AccessRequest): object => ({
  id,
  member: membership,
  resource,
  status,
  access_until: accessUntil === null ? null : new Date(accessUntil).toISOString(),
});

async function answered(
  context: CommandContext,
  options: ParsedOptions,
  work: (store: Store, organization: Organization) => Promise<AccessRequest>,
): Promise<void> {
  const request = await withInstallation(context, options, async ({ store }) =>
    work(store, await organizationByLabel(store, textOption(options, 'org') ?? '')),
  );
  context.print(wantsJson(options) ? JSON.stringify(jsonOf(request)) : told(request));
}

export const accessRequest = (context: CommandContext, options: ParsedOptions): Promise<void> => {
  const lifetime = textOption(options, 'for');
  const seconds = lifetime === undefined ? undefined : parseDuration('--for', lifetime) / SECOND;
  return answered(context, options, async (store, organization) => {
    const member = await memberByUser(store, organization, textOption(options, 'user') ?? '');
    const resource = await resourceOf(store, organization, textOption(options, 'resource') ?? '');
    return createAccessRequestService({ store }).create(
      operator(organization, 'holdfast access request'),
      {
        resource: resource.id,
        membership: member.id,
        reason: textOption(options, 'reason') ?? '',
        ...(seconds === undefined ? {} : { seconds }),
      },
      'cli',
    );
  });
};

export const accessDecision = (
  context: CommandContext,
  options: ParsedOptions,
  decision: 'approve' | 'reject',
  id: string,
): Promise<void> => {
  if (!/^\d{1,15}$/u.test(id)) throw new CommandError(`${id} is no id of a request: give its number`);
  return answered(context, options, (store, organization) =>
    createAccessRequestService({ store })[decision](
      operator(organization, `holdfast access ${decision}`),
      Number(id),
      'cli',
    ),
  );
};
