/** Names that people use for what the policy knows by ids, both ways. */
import { decodeDecimalId, decodeExternalId } from '../domain/ids/external-id.ts';
import { isNamed } from '../domain/networks/resource-names.ts';
import { deviceFqdn, loginName } from '../domain/organizations/names.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type { Origin, Place } from '../policy/index.ts';
import type { OrganizationPolicy } from './organization-policy.ts';

/**
 * What a person means by a word: a device by its label, full name, host name or id; a plain client by its name; a resource by
 * `resource:` and its name, or by its name in DNS; else a selector of the policy language (user, group, tag, host, address, …).
 */
export function placeOf(
  { snapshot, policy }: Pick<OrganizationPolicy, 'snapshot' | 'policy'>,
  text: string,
): Place {
  const word = text.trim();
  if (word.startsWith('resource:')) {
    const name = word.slice('resource:'.length).toLowerCase();
    const found = [...snapshot.table('resource').values()].find(
      (resource) => resource.name.toLowerCase() === name || String(resource.id) === name,
    );
    if (found !== undefined) return { kind: 'resource', id: found.id, text: word };
  }
  const id = decodeExternalId('device', word) ?? decodeDecimalId(word);
  if (id !== undefined && (snapshot.devices.has(id) || snapshot.external.has(id))) {
    return { kind: 'device', id };
  }
  const name = word.toLowerCase().replace(/\.$/u, '');
  for (const { device } of snapshot.devices.values()) {
    const own = [
      device.label,
      deviceFqdn(snapshot.organization, device.label),
      device.osHostname.toLowerCase(),
    ];
    if (own.includes(name)) return { kind: 'device', id: device.id };
  }
  // The own go first: one of another organization may have the same label.
  for (const [external, { facts, home }] of snapshot.external) {
    if ([facts.device.label, deviceFqdn(home, facts.device.label)].includes(name)) {
      return { kind: 'device', id: external };
    }
  }
  for (const { id: client, clientId } of snapshot.table('extClient').values()) {
    if (clientId.toLowerCase() === name) return { kind: 'device', id: client };
  }
  // An alias of the file goes before the name of a resource.
  if (!policy.engine.policy().hosts.has(word)) {
    const named = [...snapshot.table('resource').values()].filter((resource) => isNamed(resource, name));
    const [resource] = named.sort((a, b) => a.id - b.id);
    if (resource !== undefined) return { kind: 'resource', id: resource.id, text: word };
  }
  return { kind: 'selector', text: word };
}

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

/** Principals of rules that no file has, as people call them. */
export const readablePrincipals = (snapshot: Snapshot, text: string): string =>
  text.replace(/\b(group-id|membership):(\d+)/gu, (spelled, kind: string, id: string) => {
    if (kind === 'group-id') return snapshot.table('group').get(id)?.name ?? spelled;
    const member = snapshot.memberships.get(Number(id));
    return member === undefined ? spelled : loginName(member);
  });

/** Where a rule stands, for a person: a line of the file, an access edge, a role. */
export function originText(snapshot: Snapshot, origin: Origin): string {
  const resourceName = (id: number | undefined): string =>
    (id === undefined ? undefined : snapshot.table('resource').get(String(id))?.name) ?? 'a resource';
  switch (origin.kind) {
    case 'default':
      return 'no policy file: everything may reach everything';
    case 'rule':
      return `${origin.section}[${origin.index}], line ${origin.line} of the policy file`;
    case 'edge': {
      const edge = snapshot.table('accessEdge').get(String(origin.edge));
      const group =
        edge?.principalKind === 'group' ? snapshot.table('group').get(String(edge.principal)) : undefined;
      return `access to ${resourceName(origin.resource)}${group === undefined ? '' : ` for ${group.name}`}`;
    }
    case 'role':
      return origin.resource === undefined
        ? 'a network role'
        : `a network role, to ${resourceName(origin.resource)}`;
  }
}
