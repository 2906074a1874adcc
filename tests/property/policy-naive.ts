/**
 * The language by its definition, for one packet and one pair at a time: no indexes, no sharing, every rule and every
 * device looked at. It shares only the parser and the address arithmetic with the engine that it checks.
 */
import {
  type Addr,
  isDefaultRoute,
  type Prefix,
  parseAddr,
  parseAddrOrPrefix,
  parsePrefix,
  prefixContains,
  type Range,
  rangeOfPrefix,
} from '../../src/kernel/netip/index.ts';
import type { IpSetTerm, Policy, ProtoPorts, Rule, Selector } from '../../src/policy/ast.ts';
import type { Change } from '../../src/policy/index.ts';
import type {
  DeviceInput,
  EdgeInput,
  GatewayInput,
  GroupInput,
  NetworkInput,
  ResourceInput,
  UserInput,
} from '../../src/policy/world.ts';

export interface NaiveWorld {
  readonly policy: Policy;
  readonly users: readonly UserInput[];
  readonly devices: readonly DeviceInput[];
  readonly groups: readonly GroupInput[];
  readonly networks: readonly NetworkInput[];
  readonly gateways: readonly GatewayInput[];
  readonly resources: readonly ResourceInput[];
  readonly edges: readonly EdgeInput[];
}

/** What the changes leave, as plain lists; roles are not part of the naive reading. */
export function worldAfter(policy: NaiveWorld['policy'], changes: readonly Change[]): NaiveWorld {
  const tables = {
    user: new Map(),
    device: new Map(),
    group: new Map(),
    network: new Map(),
    gateway: new Map(),
    resource: new Map(),
    edge: new Map(),
  } as const;
  for (const change of changes) {
    for (const [kind, table] of Object.entries(tables)) {
      if (change.kind === kind) {
        const subject = (change as unknown as Record<string, { id: number }>)[kind]!;
        table.set(subject.id, subject);
      }
      if (change.kind === `${kind}-removed` && 'id' in change) table.delete(change.id);
    }
  }
  const list = <T>(map: ReadonlyMap<number, T>): T[] => [...map.values()];
  return {
    policy,
    users: list(tables.user),
    devices: list(tables.device),
    groups: list(tables.group),
    networks: list(tables.network),
    gateways: list(tables.gateway),
    resources: list(tables.resource),
    edges: list(tables.edge),
  };
}

export interface Packet {
  readonly from: Addr;
  readonly to: Addr;
  readonly protocol: number;
  readonly port: number;
}

const p = (text: string): Prefix => parsePrefix(text) ?? fail(text);
const fail = (text: string): never => {
  throw new Error(text);
};
const address = (text: string): Addr => parseAddr(text) ?? fail(text);
const inAny = (prefixes: readonly Prefix[], addr: Addr): boolean =>
  prefixes.some((one) => prefixContains(one, addr));

const DEVICES = [p('100.64.0.0/10'), p('fd7a:115c:a1e0::/48')];
const NOT_DEVICES = [p('100.115.92.0/23')];
const PRIVATE = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'].map(p);
const EDGE_BLOCK = p('100.127.0.0/16');

/** What autogroup:internet means: exit nodes carry nothing else. */
export const isPublic = (addr: Addr): boolean =>
  addr.family === 6 ? prefixContains(p('2000::/3'), addr) : !inAny(PRIVATE, addr);

const byId = <T extends { readonly id: number }>(list: readonly T[], id: number): T | undefined =>
  list.find((one) => one.id === id);

const ownerOf = (world: NaiveWorld, device: DeviceInput): UserInput | undefined =>
  device.owner.kind === 'membership' ? byId(world.users, device.owner.id) : undefined;

export function inForce(world: NaiveWorld, device: DeviceInput): boolean {
  if (!device.authorized) return false;
  if (device.owner.kind !== 'membership') return true;
  const owner = ownerOf(world, device);
  return owner === undefined
    ? device.tags.length > 0 || device.external !== undefined
    : owner.suspended !== true;
}

const isGuest = ({ external }: DeviceInput): boolean => external === 'guest' || external === 'both';

export const personOf = (world: NaiveWorld, device: DeviceInput): UserInput | undefined =>
  device.tags.length === 0 && device.external === undefined ? ownerOf(world, device) : undefined;

/** Prefixes that people let the device route. */
export const manualRoutes = (device: DeviceInput): Prefix[] =>
  device.external
    ? []
    : [...new Set(device.approved.filter((route) => device.advertised.includes(route)))].map(p);

const gatewaysOf = (world: NaiveWorld, device: DeviceInput): GatewayInput[] =>
  device.external ? [] : world.gateways.filter((gateway) => gateway.device === device.id);

/** What an address is, or a name was found to be. */
export function placesOf({ address: own, resolved = [] }: ResourceInput): Prefix[] {
  const prefix = parseAddrOrPrefix(own);
  return prefix === undefined ? resolved.map((text) => parseAddrOrPrefix(text) ?? fail(text)) : [prefix];
}

/** Prefixes that resources put on the device. */
export function resourceRoutes(world: NaiveWorld, device: DeviceInput): Prefix[] {
  const out: Prefix[] = [];
  for (const gateway of gatewaysOf(world, device)) {
    for (const resource of world.resources) {
      const open = world.networks.some((network) => network.id === resource.network && network.active);
      const linked = world.edges.some((edge) => edge.resource === resource.id && edgeGroup(world, edge));
      if (resource.network === gateway.network && resource.active && open && linked)
        out.push(...placesOf(resource));
    }
    out.push(...(gateway.clientAddresses ?? []).map((text) => parseAddrOrPrefix(text) ?? fail(text)));
  }
  return out;
}

export const edgeGroup = (world: NaiveWorld, edge: EdgeInput): boolean =>
  edge.principal.kind === 'service-account' ||
  world.groups.some((group) => group.id === edge.principal.id && group.active);

const isExit = (device: DeviceInput): boolean => manualRoutes(device).some(isDefaultRoute);
const subnets = (device: DeviceInput): Prefix[] =>
  manualRoutes(device).filter((route) => !isDefaultRoute(route));

export function holder(world: NaiveWorld, addr: Addr): DeviceInput | undefined {
  return world.devices.find((device) =>
    device.addresses.map(address).some((own) => own.family === addr.family && own.value === addr.value),
  );
}

/** The ranges of a literal selector; undefined for one that names devices. */
export function literal(
  policy: Policy,
  selector: Selector,
): { has(addr: Addr): boolean; ranges: Range[] } | undefined {
  if (selector.kind === 'prefix') return ofPrefix(selector.prefix);
  if (selector.kind === 'host')
    return ofPrefix(policy.hosts.get(selector.name)?.prefix ?? fail(selector.name));
  if (selector.kind !== 'ipset') return undefined;
  const steps = policy.ipsets.get(selector.name)?.steps ?? [];
  const has = (addr: Addr): boolean => {
    let inside = false;
    for (const { add, term } of steps) if (termHas(policy, term, addr)) inside = add;
    return inside;
  };
  return { has, ranges: [] };
}

const inRange = (range: Range, addr: Addr): boolean =>
  range.family === addr.family && addr.value >= range.from && addr.value <= range.to;

const ofPrefix = (prefix: Prefix): { has(addr: Addr): boolean; ranges: Range[] } => ({
  has: (addr) => prefixContains(prefix, addr),
  ranges: [rangeOfPrefix(prefix)],
});

function termHas(policy: Policy, term: IpSetTerm, addr: Addr): boolean {
  if (term.kind === 'range') return inRange(term.range, addr);
  if (term.kind === 'host')
    return prefixContains(policy.hosts.get(term.name)?.prefix ?? fail(term.name), addr);
  return term.kind === 'internet' && isPublic(addr);
}

/** Whether a selector names the device as a principal (not by address). */
export function namesDevice(world: NaiveWorld, selector: Selector, device: DeviceInput): boolean {
  if (!inForce(world, device)) return false;
  const person = personOf(world, device);
  const normal = device.class === 'normal';
  if (isGuest(device)) {
    const login = device.externalLogin ?? '';
    if (selector.kind === 'user') return selector.login === login;
    if (selector.kind === 'group')
      return world.policy.groups.get(selector.name)?.members.includes(login) ?? false;
    return selector.kind === 'autogroup' && selector.name === 'autogroup:shared';
  }
  switch (selector.kind) {
    case 'user':
      return person?.login === selector.login;
    case 'users-of-domain':
      return person?.login.endsWith(`@${selector.domain}`) ?? false;
    case 'group':
      return (
        person !== undefined &&
        (world.policy.groups.get(selector.name)?.members.includes(person.login) ?? false)
      );
    case 'tag':
      if (device.external) return false;
      if (device.tags.includes(selector.name)) return true;
      return gatewaysOf(world, device).some((gateway) => {
        const slug = world.networks.find((network) => network.id === gateway.network)?.slug;
        return selector.name === `tag:hf-net-${slug}` && person === undefined;
      });
    case 'autogroup':
      switch (selector.name) {
        case 'autogroup:member':
          return person !== undefined && normal;
        case 'autogroup:tagged':
          return device.tags.length > 0 && normal && !device.external;
        case 'autogroup:admin':
          return person !== undefined && normal && (person.role === 'admin' || person.role === 'owner');
        default:
          return false;
      }
    default:
      return false;
  }
}

export function attributesHold(
  { policy }: NaiveWorld,
  { srcPosture }: Pick<Rule, 'srcPosture'>,
  attributes: DeviceInput['attributes'],
): boolean {
  const names = srcPosture ?? policy.defaultSrcPosture;
  if (names.length === 0) return true;
  // The two postures that the random policies have.
  return names.some((name) => {
    if (name === 'posture:linux') return attributes['node:os'] === 'linux';
    const version = attributes['node:tsVersion'];
    if (version === undefined) return false;
    const [major = 0, minor = 0] = String(version).split('.').map(Number);
    return major > 1 || minor >= 60;
  });
}

export function namesSource(world: NaiveWorld, rule: Pick<Rule, 'src' | 'srcPosture'>, from: Addr): boolean {
  const at = holder(world, from);
  // What is shared in is nobody as a source.
  const device = at?.external === 'shared-in' ? undefined : at;
  const alive = device !== undefined && inForce(world, device);
  if (alive && device.external === undefined && !attributesHold(world, rule, device.attributes)) return false;
  const edgeOnly = world.devices.some((one) => one.class === 'edge-only' && inForce(world, one));
  const posture = (rule.srcPosture ?? world.policy.defaultSrcPosture).length > 0;
  return rule.src.some((selector) => {
    if (selector.kind === 'any') {
      if (world.devices.some((one) => inForce(world, one) && inAny(subnets(one), from))) return true;
      if (posture) return alive && device.class === 'normal';
      if (edgeOnly && prefixContains(EDGE_BLOCK, from)) return false;
      if (alive && device.class === 'edge-only') return false;
      return inAny(DEVICES, from) && !inAny(NOT_DEVICES, from);
    }
    if (selector.kind === 'autogroup' && selector.name === 'autogroup:danger-all') return true;
    const set = literal(world.policy, selector);
    if (set !== undefined) return set.has(from);
    return device !== undefined && namesDevice(world, selector, device);
  });
}

export const allows = (allow: readonly ProtoPorts[], packet: Pick<Packet, 'protocol' | 'port'>): boolean =>
  allow.some(
    ({ protocols, ports }) =>
      (protocols ?? [6, 17, 1, 58]).includes(packet.protocol) &&
      ports.some(({ first, last }) => packet.port >= first && packet.port <= last),
  );

const routedOn = (world: NaiveWorld, receiver: DeviceInput): Prefix[] => [
  ...subnets(receiver),
  ...resourceRoutes(world, receiver),
];

function namesTarget(
  world: NaiveWorld,
  rule: Rule,
  dst: Selector,
  receiver: DeviceInput,
  packet: Packet,
): boolean {
  const own = receiver.addresses
    .map(address)
    .some((one) => one.family === packet.to.family && one.value === packet.to.value);
  const normal = receiver.class === 'normal' && !receiver.external;
  if (rule.via.length > 0) {
    if (!rule.via.some((tag) => receiver.tags.includes(tag)) || receiver.external) return false;
    if (dst.kind === 'autogroup') return isExit(receiver) && normal && isPublic(packet.to);
    const set = literal(world.policy, dst);
    return (
      set?.has(packet.to) === true &&
      routedOn(world, receiver).some((route) => set.ranges.some((range) => overlaps(range, route)))
    );
  }
  if (dst.kind === 'any') {
    if (!normal) return false;
    if (resourceRoutes(world, receiver).length === 0) return true;
    return own || inAny(subnets(receiver), packet.to) || (isExit(receiver) && isPublic(packet.to));
  }
  if (dst.kind === 'autogroup' && dst.name === 'autogroup:internet')
    return isExit(receiver) && normal && isPublic(packet.to);
  if (dst.kind === 'autogroup' && dst.name === 'autogroup:self') {
    const from = holder(world, packet.from);
    const [a, b] = [
      from && inForce(world, from) ? personOf(world, from) : undefined,
      personOf(world, receiver),
    ];
    return own && a !== undefined && a.id === b?.id;
  }
  const set = literal(world.policy, dst);
  if (set !== undefined) return set.has(packet.to);
  return own && namesDevice(world, dst, receiver);
}

const overlaps = (range: Range, prefix: Prefix): boolean => {
  const other = rangeOfPrefix(prefix);
  return range.family === other.family && range.from <= other.to && other.from <= range.to;
};

/** Whether the receiver takes the packet: its own address or one behind it. */
export function accepts(world: NaiveWorld, receiver: DeviceInput, packet: Packet): boolean | undefined {
  if (!inForce(world, receiver) || receiver.external) return false;
  const from = holder(world, packet.from);
  if (from !== undefined && isGuest(from) && inForce(world, from)) {
    const met = receiver.audience?.find(({ user }) => user === from.recipient);
    // They are no peers: there is no packet.
    if (met === undefined) return undefined;
    const own = receiver.addresses.some((text) => sameAddress(address(text), packet.to));
    const beyond = met.exit && isExit(receiver) && receiver.class === 'normal' && isPublic(packet.to);
    if (!own && !beyond) return false;
    if (!own) return rulesAccept(world, receiver, packet, (dst) => dst.kind === 'any' || isInternet(dst));
  }
  return rulesAccept(world, receiver, packet, () => true) || edgeAccepts(world, receiver, packet);
}

const sameAddress = (a: Addr, b: Addr): boolean => a.family === b.family && a.value === b.value;
const isInternet = (dst: Selector): boolean => dst.kind === 'autogroup' && dst.name === 'autogroup:internet';

/** `counts`: which destinations of rules are looked at. */
function rulesAccept(
  world: NaiveWorld,
  receiver: DeviceInput,
  packet: Packet,
  counts: (dst: Selector) => boolean,
): boolean {
  return rulesOf(world.policy).some((rule) => ruleAccepts(world, rule, receiver, packet, counts));
}

const EVERYTHING: Rule = {
  section: 'acls',
  index: 0,
  line: 0,
  src: [{ kind: 'any' }],
  targets: [
    { dst: [{ kind: 'any' }], allow: [{ protocols: undefined, ports: [{ first: 0, last: 65535 }] }] },
  ],
  app: undefined,
  via: [],
  srcPosture: [],
};

/** A file without rules allows everything. */
export const rulesOf = ({ rules }: Policy): readonly Rule[] => rules ?? [EVERYTHING];

function ruleAccepts(
  world: NaiveWorld,
  rule: Rule,
  receiver: DeviceInput,
  packet: Packet,
  counts: (dst: Selector) => boolean,
): boolean {
  return rule.targets.some(
    ({ dst, allow }) =>
      allows(allow, packet) &&
      dst.some((selector) => counts(selector) && namesTarget(world, rule, selector, receiver, packet)) &&
      namesSource(world, rule, packet.from),
  );
}

function edgeAccepts(world: NaiveWorld, receiver: DeviceInput, packet: Packet): boolean {
  const from = holder(world, packet.from);
  if (from === undefined || !inForce(world, from)) return false;
  return world.edges.some((edge) => {
    const resource = world.resources.find((one) => one.id === edge.resource);
    const network = world.networks.find((one) => one.id === resource?.network);
    if (!resource?.active || !network?.active || !edgeGroup(world, edge)) return false;
    if (!gatewaysOf(world, receiver).some((gateway) => gateway.network === resource.network)) return false;
    if (!placesOf(resource).some((prefix) => prefixContains(prefix, packet.to))) return false;
    const person = personOf(world, from);
    const principal =
      edge.principal.kind === 'service-account'
        ? from.owner.kind === 'service-account' && from.owner.id === edge.principal.id && !from.external
        : world.groups.some(
            (group) =>
              group.id === edge.principal.id && person !== undefined && group.members.includes(person.id),
          );
    if (!principal) return false;
    if (edge.conditions !== undefined && from.attributes['node:os'] !== 'linux') return false;
    return resourceAllows(resource, packet);
  });
}

export function resourceAllows({ protocols }: ResourceInput, { protocol, port }: Packet): boolean {
  if (protocol === 1 || protocol === 58) return protocols.icmp;
  // What is neither TCP nor UDP nor ICMP no resource speaks of.
  if (protocol !== 6 && protocol !== 17) return false;
  const rules = protocol === 6 ? protocols.tcp : protocols.udp;
  return rules === 'all' || rules.some(({ start, end }) => port >= start && port <= end);
}
