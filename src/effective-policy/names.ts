/** What things of the policy, which knows them by ids, are called. */
import { modeOf } from '../domain/access-requests/access-terms.ts';
import type { AccessMode } from '../domain/model/networks.ts';
import { deviceFqdn, loginName } from '../domain/organizations/names.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type { Origin } from '../policy/index.ts';
import type { EdgeFacts } from './network-inputs.ts';
import type { OrganizationPolicy } from './organization-policy.ts';

type Loaded = Pick<OrganizationPolicy, 'snapshot' | 'policy'>;

/** One of another organization goes by its full name. */
export function deviceName(snapshot: Snapshot, id: number): string {
  const external = snapshot.external.get(id);
  if (external !== undefined) return deviceFqdn(external.home, external.facts.device.label);
  const client = snapshot.table('extClient').get(String(id));
  return snapshot.devices.get(id)?.device.label ?? client?.clientId ?? `device ${id}`;
}

/** The full name in the network's DNS. */
export function deviceDns(snapshot: Snapshot, id: number): string {
  const name = deviceName(snapshot, id);
  return snapshot.external.has(id) ? name : deviceFqdn(snapshot.organization, name);
}

/** Whether a device is connected, as far as this installation knows; null for a plain client, of which it knows nothing. */
export function isOnline(snapshot: Snapshot, id: number): boolean | null {
  const facts = snapshot.devices.get(id) ?? snapshot.external.get(id)?.facts;
  return facts === undefined ? null : (facts.presence?.online ?? false);
}

/** The members of the group whose role on all networks is a setting. */
const ADMINISTRATORS = 'group-id:0';

/** Principals of rules that no file has, as people call them. */
export const readablePrincipals = (snapshot: Snapshot, text: string): string =>
  text.replace(/\b(?:group-id|membership|service-account):(\d+)/gu, (spelled, id: string) => {
    if (spelled === ADMINISTRATORS) return 'administrators';
    if (spelled.startsWith('group-id')) return snapshot.table('group').get(id)?.name ?? spelled;
    if (spelled.startsWith('service-account')) {
      const account = snapshot.table('serviceAccount').get(id);
      return account === undefined ? spelled : `service-account:${account.name}`;
    }
    const member = snapshot.memberships.get(Number(id));
    return member === undefined ? spelled : loginName(member);
  });

/** Where a rule stands, for a person: a line of the file, an access edge, a role. */
export function originText({ snapshot, policy }: Loaded, origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'no policy file: everything may reach everything';
    case 'rule':
      return `${origin.section}[${origin.index}], line ${origin.line} of the policy file`;
    case 'edge':
      return edgeText(snapshot, origin.edge);
    case 'role': {
      const to = origin.resource === undefined ? '' : `, to ${resourceName(snapshot, origin.resource)}`;
      return `${roleText(snapshot, policy.roleKey(origin.role))}${to}`;
    }
  }
}

const resourceName = (snapshot: Snapshot, id: number): string =>
  snapshot.table('resource').get(String(id))?.name ?? 'a resource';

/** To whom an edge is open that is not open to its whole group. */
const TERMS: Readonly<Record<AccessMode, string>> = {
  manual: '',
  'auto-lock': ', open to those for whom it has not locked',
  'access-request': ', open to those who were given it on request',
};

function edgeText(snapshot: Snapshot, id: number): string {
  const edge = snapshot.table('accessEdge').get(String(id));
  return edge === undefined ? 'access to a resource' : accessText(snapshot, edge);
}

/** An access by its resource, and by whom it was given to. */
export function accessText(snapshot: Snapshot, edge: EdgeFacts): string {
  const resource = snapshot.table('resource').get(String(edge.resource));
  const isGroup = edge.principalKind === 'group';
  const whose = snapshot.table(isGroup ? 'group' : 'serviceAccount').get(String(edge.principal))?.name;
  const terms = isGroup && resource !== undefined ? TERMS[modeOf(edge, resource).mode] : '';
  const until = edge.expiresAt === null ? '' : `, until ${new Date(edge.expiresAt).toISOString()}`;
  return `access to ${resource?.name ?? 'a resource'}${whose === undefined ? '' : ` for ${whose}`}${terms}${until}`;
}

function roleText(snapshot: Snapshot, key: string | undefined): string {
  if (key === undefined) return 'administrators reach all networks, by a setting of the organization';
  const grant = snapshot.table('groupNetworkRole').get(key);
  const role = grant && snapshot.table('networkRole').get(String(grant.networkRole));
  if (grant === undefined || role === undefined) return 'a network role';
  const group = snapshot.table('group').get(String(grant.group))?.name ?? 'a group';
  const network =
    grant.network === 0
      ? 'all networks'
      : `the network ${snapshot.table('network').get(String(grant.network))?.name ?? grant.network}`;
  return `the role ${role.name} of ${group} on ${network}`;
}
