// What every device should know of its network, worked out from the rows of the database and the three policies that the
// churn uses. Shares no code with the server.
import type { Store } from '../../src/domain/ports/store.ts';
import { type Netmap, packetFilter } from '../client/index.ts';
import { permits } from './filter-reading.ts';

export type DeviceKind = 'member' | 'tag:web' | 'tag:db';
export type PolicyName = 'open' | 'tiers' | 'members';

/** Who may open which port of whom: `*` is any. */
const OPENINGS: Readonly<
  Record<PolicyName, readonly { from: DeviceKind | '*'; to: DeviceKind | '*'; port: number | '*' }[]>
> = {
  open: [{ from: '*', to: '*', port: '*' }],
  tiers: [
    { from: 'member', to: 'tag:web', port: 443 },
    { from: 'tag:web', to: 'tag:db', port: 5432 },
  ],
  members: [{ from: 'member', to: 'member', port: '*' }],
};
const PORTS = [22, 443, 5432];

/** The same policies as files. */
export function policyFile(name: PolicyName): object {
  const source = (kind: DeviceKind | '*'): string => (kind === 'member' ? 'autogroup:member' : kind);
  return {
    tagOwners: { 'tag:web': ['autogroup:admin'], 'tag:db': ['autogroup:admin'] },
    acls: OPENINGS[name].map(({ from, to, port }) => ({
      action: 'accept',
      src: [source(from)],
      dst: [`${source(to)}:${port}`],
    })),
  };
}

interface Facts {
  readonly id: number;
  /** Its tags, or that it is a member's. A device may have both tags: one from its key, one given by an administrator. */
  readonly kinds: readonly DeviceKind[];
  readonly takesPart: boolean;
  readonly ipv4: string;
  /** As a peer shows it to those who see it; routes apart. */
  readonly shown: Readonly<Record<string, unknown>>;
  /** Prefixes that it offers and that are approved, and those among them that it carries at the moment. */
  readonly enabled: readonly string[];
  readonly carries: readonly string[];
}

export interface ExpectedNetwork {
  readonly policy: PolicyName;
  readonly devices: ReadonlyMap<number, Facts>;
}

const time = (at: number | null): string => (at === null ? '' : new Date(at).toISOString());

export async function readExpected(
  store: Store,
  org: number,
  label: string,
  policy: PolicyName,
): Promise<ExpectedNetwork> {
  const now = Date.now();
  const [devices, lives, presences, addresses, tags, routes, primaries] = await Promise.all([
    store.find('device', org, {}),
    store.find('deviceLive', org, {}),
    store.find('presence', org, {}),
    store.find('address', org, { holderKind: 'device' }),
    store.find('deviceTag', org, {}),
    store.find('route', org, {}),
    store.find('routePrimary', org, {}),
  ]);
  const liveOf = new Map(lives.map((row) => [row.device, row]));
  const presenceOf = new Map(presences.map((row) => [row.device, row]));
  const all = devices.map((row): Facts => {
    const own = addresses.filter(({ holder }) => holder === row.id).sort((a, b) => a.family - b.family);
    const live = liveOf.get(row.id);
    const tagged = tags.filter(({ device }) => device === row.id).map(({ tag }) => tag);
    const expires = row.expiryDisabled ? null : row.keyExpiresAt;
    const enabled = routes.filter(
      (route) => route.device === row.id && route.advertised && (route.manualAt !== null || route.auto),
    );
    const held = primaries.filter(({ device }) => device === row.id).map(({ prefix }) => prefix);
    return {
      id: row.id,
      kinds: tagged.length === 0 ? ['member'] : (tagged as DeviceKind[]),
      takesPart: row.authorizedAt !== null && row.blockedAt === null,
      ipv4: own[0]?.ip ?? '',
      enabled: enabled.map(({ prefix }) => prefix),
      carries: enabled.map(({ prefix }) => prefix).filter((prefix) => held.includes(prefix)),
      shown: {
        Name: `${row.label}.${label}.holdfast.internal.`,
        Key: row.nodeKey,
        KeyExpiry: time(expires),
        Expired: expires !== null && expires <= now,
        Addresses: own.map(({ ip, family }) => `${ip}/${family === 4 ? 32 : 128}`),
        Tags: tagged.sort(),
        Endpoints: live?.endpoints ?? [],
        DiscoKey: live?.discoKey ?? '',
        Online: presenceOf.get(row.id)?.online ?? false,
        MachineAuthorized: row.authorizedAt !== null && row.blockedAt === null,
      },
    };
  });
  return { policy, devices: new Map(all.map((facts) => [facts.id, facts])) };
}

function mayReach(network: ExpectedNetwork, from: Facts, to: Facts, port: number): boolean {
  if (!from.takesPart || !to.takesPart || from === to) return false;
  return OPENINGS[network.policy].some(
    (opening) =>
      (opening.from === '*' || from.kinds.includes(opening.from)) &&
      (opening.to === '*' || to.kinds.includes(opening.to)) &&
      (opening.port === '*' || opening.port === port),
  );
}

const isVisible = (network: ExpectedNetwork, a: Facts, b: Facts): boolean =>
  PORTS.some((port) => mayReach(network, a, b, port) || mayReach(network, b, a, port));

const text = (value: unknown): string => JSON.stringify(value);
const sorted = (list: readonly string[] | null | undefined): string[] => [...(list ?? [])].sort();

function compareFields(
  expected: Readonly<Record<string, unknown>>,
  actual: Readonly<Record<string, unknown>>,
): string[] {
  return Object.entries(expected).flatMap(([name, value]) => {
    const found = actual[name] ?? (Array.isArray(value) ? [] : typeof value === 'boolean' ? false : '');
    return text(found) === text(value) ? [] : [`${name} is ${text(found)}, not ${text(value)}`];
  });
}

/** Everything in a device's map that is not as the database has it, a sentence each. */
export function differences(network: ExpectedNetwork, id: number, map: Netmap): string[] {
  const me = network.devices.get(id);
  if (me === undefined) return [`device ${id} is not in the database`];
  const found: string[] = [];
  const { Endpoints: _reported, DiscoKey: _own, Online: _always, ...selfShown } = me.shown;
  for (const line of compareFields(selfShown, { ...map.self })) found.push(`own ${line}`);

  for (const other of network.devices.values()) {
    if (other === me) continue;
    const peer = map.peers.get(other.id);
    const visible = isVisible(network, me, other);
    if (visible !== (peer !== undefined))
      found.push(`(${me.kinds}) ${other.id} (${other.kinds}) is ${visible ? 'missing' : 'too many'}`);
    if (!visible || peer === undefined) continue;
    for (const line of compareFields(other.shown, { ...peer })) found.push(`${other.id}: ${line}`);
    // Of the three policies only the open one covers what lies behind a router; standbys get the route of theirs always.
    const routes = other.carries.filter((prefix) => network.policy === 'open' || me.enabled.includes(prefix));
    const allowed = [...(other.shown.Addresses as string[]), ...routes].sort();
    if (text(sorted(peer.AllowedIPs)) !== text(allowed))
      found.push(
        `(${me.kinds}) ${other.id} (${other.kinds}): AllowedIPs are ${text(peer.AllowedIPs)}, not ${text(allowed)}`,
      );
    if (text(sorted(peer.PrimaryRoutes)) !== text([...routes].sort()))
      found.push(`${other.id}: PrimaryRoutes are ${text(peer.PrimaryRoutes)}, not ${text(routes)}`);
    if (!map.users.has(peer.User)) found.push(`${other.id}: no profile of its user ${peer.User}`);
  }
  for (const peer of map.peers.keys()) {
    if (!network.devices.has(peer)) found.push(`${peer} is gone, and still in the map`);
  }
  const rules = packetFilter(map);
  for (const other of network.devices.values()) {
    if (other === me) continue;
    for (const port of PORTS) {
      const open = mayReach(network, other, me, port);
      if (permits(rules, other.ipv4, me.ipv4, port) !== open && (open || other.takesPart))
        found.push(`the filter ${open ? 'shuts out' : 'lets in'} ${other.id} at port ${port}`);
    }
  }
  return found;
}
