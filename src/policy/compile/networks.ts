import { type Prefix, parseAddrOrPrefix, setOfPrefix, setOfPrefixes } from '../../kernel/netip/index.ts';
import type { ProtoPorts } from '../ast.ts';
import { ANY_PORT } from '../parse/ports.ts';
import { parseCondition } from '../posture.ts';
import type {
  EdgeInput,
  GatewayInput,
  GroupInput,
  NetworkInput,
  NetworkRoleInput,
  PortRules,
  ResourceInput,
  ResourceProtocols,
} from '../world.ts';
import { unit } from './file.ts';
import { literalDst, makeSource } from './selectors.ts';
import type { DstSpec, PostureSpec, SourceSpec, TargetSpec, UnitSpec } from './unit.ts';

const TCP = 6;
const UDP = 17;
const ICMP = [1, 58];

/** What of the model access edges and network roles compile from. */
export interface NetworksInput {
  readonly networks: ReadonlyMap<number, NetworkInput>;
  readonly gateways: ReadonlyMap<number, GatewayInput>;
  readonly resources: ReadonlyMap<number, ResourceInput>;
  readonly edges: ReadonlyMap<number, EdgeInput>;
  readonly roles: ReadonlyMap<number, NetworkRoleInput>;
  readonly groups: ReadonlyMap<number, GroupInput>;
  /** Manually enabled prefixes on the gateways of a network. */
  manualRoutes(network: number): readonly string[];
}

/** Access edges, then network roles: each adds, none takes away. */
export function compileNetworks(input: NetworksInput): UnitSpec[] {
  return [...compileEdges(input), ...compileRoles(input)];
}

const isOpen = (
  input: Pick<NetworksInput, 'networks'>,
  resource: ResourceInput | undefined,
): resource is ResourceInput =>
  resource?.active === true && input.networks.get(resource.network)?.active === true;

const isExit = (input: Pick<NetworksInput, 'networks'>, network: number): boolean =>
  input.networks.get(network)?.exit === true;

/** The prefixes of a resource: its own, or those that its name was found to have. */
export function resourcePrefixes({ address, resolved = [] }: ResourceInput): Prefix[] {
  const own = parseAddrOrPrefix(address);
  const texts = own === undefined ? resolved : [];
  return [own, ...texts.map(parseAddrOrPrefix)].filter((prefix) => prefix !== undefined);
}

/** Whether a resource is a name of which no address is known. */
export const isUnresolved = (resource: ResourceInput): boolean => resourcePrefixes(resource).length === 0;

/** Whether a resource is a name, which its network's gateways resolve. */
const isName = ({ address }: ResourceInput): boolean => parseAddrOrPrefix(address) === undefined;

const DNS_PORT = 53;
const RESOLVER_PORTS: readonly ProtoPorts[] = [
  { protocols: [TCP], ports: [{ first: DNS_PORT, last: DNS_PORT }] },
];
const OPEN: readonly ProtoPorts[] = [{ protocols: undefined, ports: [ANY_PORT] }];

/** The addresses of a resource; and of a name the gateways' resolver, which is asked before there are any. */
function resourceTargets(resource: ResourceInput): TargetSpec[] {
  const prefixes = resourcePrefixes(resource);
  const targets: TargetSpec[] = [];
  if (prefixes.length > 0) {
    const [only] = prefixes;
    const set = only !== undefined && prefixes.length === 1 ? setOfPrefix(only) : setOfPrefixes(prefixes);
    targets.push({ dst: [literalDst(set)], allow: allowOf(resource.protocols) });
  }
  if (isName(resource)) {
    targets.push({ dst: [{ kind: 'resolver' }], allow: RESOLVER_PORTS });
  }
  return targets;
}

/** Everything behind the gateways of an exit network, and their resolver, which answers for whoever goes out there. */
const exitTargets = (allow: readonly ProtoPorts[]): TargetSpec[] => [
  { dst: [{ kind: 'exit' }], allow },
  { dst: [{ kind: 'resolver' }], allow: RESOLVER_PORTS },
];

function compileEdges(input: NetworksInput): UnitSpec[] {
  const out: UnitSpec[] = [];
  const targets = new Map<number, readonly TargetSpec[]>();
  const targetsOf = (resource: ResourceInput): readonly TargetSpec[] => {
    const known = targets.get(resource.id) ?? resourceTargets(resource);
    targets.set(resource.id, known);
    return known;
  };
  for (const edge of input.edges.values()) {
    const compiled = compileEdge(input, edge, targetsOf);
    if (compiled !== undefined) out.push(compiled);
  }
  return out;
}

/** The rule of one edge; undefined while it opens nothing. */
export function compileEdge(
  input: Pick<NetworksInput, 'networks' | 'resources' | 'groups'>,
  edge: EdgeInput,
  targetsOf: (resource: ResourceInput) => readonly TargetSpec[] = resourceTargets,
): UnitSpec | undefined {
  const resource = input.resources.get(edge.resource);
  if (!isOpen(input, resource)) return undefined;
  const source = edgeSource(input, edge);
  if (source === undefined) return undefined;
  return unit({
    origin: { kind: 'edge', edge: edge.id, resource: resource.id },
    source,
    targets: [
      ...targetsOf(resource),
      ...(isExit(input, resource.network) ? exitTargets(allowOf(resource.protocols)) : []),
    ],
    grants: [],
    reach: { kind: 'network', network: resource.network },
    dstPosture: undefined,
  });
}

function edgeSource(input: Pick<NetworksInput, 'groups'>, edge: EdgeInput): SourceSpec | undefined {
  const { principal, members } = edge;
  const posture = conditionsSpec(edge.conditions ?? []);
  if (principal.kind === 'service-account')
    return principalSource([`service-account:${principal.id}`], posture);
  if (input.groups.get(principal.id)?.active !== true) return undefined;
  if (members === undefined) return principalSource([`group-id:${principal.id}`], posture);
  return principalSource(
    members.map((id) => `membership:${id}`),
    posture,
  );
}

function principalSource(atoms: readonly string[], posture: PostureSpec | undefined): SourceSpec {
  return makeSource({
    any: false,
    danger: false,
    atoms: [...atoms].sort(),
    literals: [],
    posture,
  });
}

/** All conditions must hold; one that does not parse never does. */
function conditionsSpec(texts: readonly string[]): PostureSpec | undefined {
  if (texts.length === 0) return undefined;
  const parsed = texts.map(parseCondition);
  const conditions = parsed.filter((condition) => typeof condition !== 'string');
  const anyOf = conditions.length === parsed.length ? [conditions] : [];
  return { key: JSON.stringify(['edge', texts]), anyOf };
}

function allowOf(protocols: ResourceProtocols): ProtoPorts[] {
  const out: ProtoPorts[] = [];
  if (protocols.icmp && protocols.tcp === 'all' && protocols.udp === 'all') {
    return [{ protocols: undefined, ports: [ANY_PORT] }];
  }
  const add = (protocol: number, rules: PortRules): void => {
    const ports = rules === 'all' ? [ANY_PORT] : rules.map(({ start, end }) => ({ first: start, last: end }));
    if (ports.length > 0) out.push({ protocols: [protocol], ports });
  };
  add(TCP, protocols.tcp);
  add(UDP, protocols.udp);
  if (protocols.icmp) out.push({ protocols: ICMP, ports: [ANY_PORT] });
  return out;
}

/** A role reaches its network's manual routes, its plain clients, and the resources that are open network-wide. */
function compileRoles(input: NetworksInput): UnitSpec[] {
  const out: UnitSpec[] = [];
  for (const role of input.roles.values()) {
    if (input.groups.get(role.group)?.active !== true) continue;
    const source = principalSource([`group-id:${role.group}`], undefined);
    for (const network of input.networks.values()) {
      if (!network.active || (role.network !== undefined && role.network !== network.id)) continue;
      const add = (targets: readonly TargetSpec[], resource: number | undefined): void => {
        out.push(
          unit({
            origin: { kind: 'role', role: role.id, resource },
            source,
            targets,
            grants: [],
            reach: { kind: 'network', network: network.id },
            dstPosture: undefined,
          }),
        );
      };
      const plain = plainRoutes(input, network.id);
      if (plain !== undefined) add([{ dst: [plain], allow: OPEN }], undefined);
      if (network.exit === true) add(exitTargets(OPEN), undefined);
      for (const resource of input.resources.values()) {
        const manual = (resource.accessMode ?? 'manual') === 'manual';
        if (resource.network !== network.id || !resource.networkWide || !manual || !resource.active) continue;
        add(resourceTargets(resource), resource.id);
      }
    }
  }
  return out;
}

function plainRoutes(input: NetworksInput, network: number): DstSpec | undefined {
  const clients = [...input.gateways.values()].flatMap((gateway) =>
    gateway.network === network ? [...(gateway.clientAddresses ?? [])] : [],
  );
  const prefixes = [...input.manualRoutes(network), ...clients]
    .map(parseAddrOrPrefix)
    .filter((prefix) => prefix !== undefined && prefix.bits > 0);
  if (prefixes.length === 0) return undefined;
  return literalDst(setOfPrefixes(prefixes.filter((prefix) => prefix !== undefined)));
}
