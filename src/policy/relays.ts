/** `derpMap` of a policy file: relay regions that it adds, replaces or takes away, in the form that clients have. */
import type { JsonValue } from '../kernel/hujson/index.ts';
import { parseAddr } from '../kernel/netip/index.ts';
import type { Policy } from './ast.ts';
import { PolicyError } from './errors.ts';
import type { Step } from './parse/places.ts';

export interface RelayNode {
  readonly Name: string;
  readonly RegionID: number;
  readonly HostName: string;
  readonly CertName?: string;
  readonly IPv4?: string;
  readonly IPv6?: string;
  readonly STUNPort?: number;
  readonly STUNOnly?: boolean;
  readonly DERPPort?: number;
}

export interface RelayRegion {
  readonly RegionID: number;
  readonly RegionCode: string;
  readonly RegionName: string;
  readonly Avoid?: boolean;
  readonly Nodes: readonly RelayNode[];
}

/** What a file says of relays; `null` takes a region away. */
export interface Relays {
  readonly omitDefaultRegions: boolean;
  readonly regions: ReadonlyMap<string, RelayRegion | null>;
}

const MAX_REGIONS = 100;
const MAX_NODES = 50;
const MAX_TEXT = 255;
const MAX_REGION_ID = 65_535;
const MAX_PORT = 65_535;
const NO_STUN = -1;

type Refuse = (problem: string, path: readonly Step[]) => never;
type Members = Readonly<Record<string, JsonValue>>;

/** Reads the section; `refuse` is told what is wrong and where. */
export function readRelays(value: JsonValue, refuse: Refuse): Relays {
  const read = readerOf(refuse);
  const map = read.members(value, [], ['omitDefaultRegions', 'regions']);
  const regions = read.object(map.regions ?? {}, ['regions']);
  const entries = Object.entries(regions);
  if (entries.length > MAX_REGIONS) refuse(`more than ${MAX_REGIONS} regions`, ['regions']);
  return {
    omitDefaultRegions: read.boolean(map.omitdefaultregions, ['omitDefaultRegions']) ?? false,
    regions: new Map(entries.map(([id, region]) => [id, regionOf(read, refuse, id, region)])),
  };
}

function regionOf(read: Reader, refuse: Refuse, id: string, value: JsonValue): RelayRegion | null {
  const at = ['regions', id];
  if (!/^[1-9][0-9]{0,4}$/.test(id)) refuse('a region must be named by its number', at);
  if (value === null) return null;
  const region = read.members(value, at, ['regionID', 'regionCode', 'regionName', 'avoid', 'nodes']);
  const RegionID = read.integer(region.regionid, [...at, 'regionID'], 1, MAX_REGION_ID);
  if (RegionID === undefined || String(RegionID) !== id)
    return refuse(`regionID must be ${id}, as the region is named`, [...at, 'regionID']);
  const nodes = region.nodes ?? [];
  if (!Array.isArray(nodes)) return refuse('nodes must be an array', [...at, 'nodes']);
  if (nodes.length > MAX_NODES) refuse(`more than ${MAX_NODES} nodes`, [...at, 'nodes']);
  const avoid = read.boolean(region.avoid, [...at, 'avoid']);
  return {
    RegionID,
    RegionCode: read.text(region.regioncode, [...at, 'regionCode']) ?? '',
    RegionName: read.text(region.regionname, [...at, 'regionName']) ?? '',
    ...(avoid === undefined ? {} : { Avoid: avoid }),
    Nodes: nodes.map((node, i) => nodeOf(read, refuse, RegionID, node, [...at, 'nodes', i])),
  };
}

const NODE_FIELDS = [
  'name',
  'regionID',
  'hostName',
  'certName',
  'ipv4',
  'ipv6',
  'stunPort',
  'stunOnly',
  'derpPort',
];

function nodeOf(
  read: Reader,
  refuse: Refuse,
  region: number,
  value: JsonValue,
  at: readonly Step[],
): RelayNode {
  const node = read.members(value, at, NODE_FIELDS);
  const needed = (name: string, text: string | undefined): string =>
    text === undefined || text === '' ? refuse(`${name} must be specified`, at) : text;
  const own = read.integer(node.regionid, [...at, 'regionID'], 1, MAX_REGION_ID) ?? region;
  if (own !== region) refuse(`regionID must be ${region}, that of the region`, [...at, 'regionID']);
  const address = (name: string, text: string | undefined, family: 4 | 6): string | undefined =>
    text === undefined || text === '' || text === 'none' || parseAddr(text)?.family === family
      ? text || undefined
      : refuse(`${JSON.stringify(text)} is neither "none" nor an address`, [...at, name]);
  const parts: { readonly [K in keyof RelayNode]: RelayNode[K] | undefined } = {
    Name: needed('name', read.text(node.name, [...at, 'name'])),
    RegionID: region,
    HostName: needed('hostName', read.text(node.hostname, [...at, 'hostName'])),
    CertName: read.text(node.certname, [...at, 'certName']),
    IPv4: address('ipv4', read.text(node.ipv4, [...at, 'ipv4']), 4),
    IPv6: address('ipv6', read.text(node.ipv6, [...at, 'ipv6']), 6),
    STUNPort: read.integer(node.stunport, [...at, 'stunPort'], NO_STUN, MAX_PORT),
    STUNOnly: read.boolean(node.stunonly, [...at, 'stunOnly']),
    DERPPort: read.integer(node.derpport, [...at, 'derpPort'], 0, MAX_PORT),
  };
  return Object.fromEntries(
    Object.entries(parts).filter(([, part]) => part !== undefined),
  ) as unknown as RelayNode;
}

interface Reader {
  object(value: JsonValue, at: readonly Step[]): Members;
  /** Members by their names in lower case, as names do not depend on case. */
  members(value: JsonValue, at: readonly Step[], known: readonly string[]): Members;
  text(value: JsonValue | undefined, at: readonly Step[]): string | undefined;
  boolean(value: JsonValue | undefined, at: readonly Step[]): boolean | undefined;
  integer(value: JsonValue | undefined, at: readonly Step[], least: number, most: number): number | undefined;
}

function readerOf(refuse: Refuse): Reader {
  const object = (value: JsonValue, at: readonly Step[]): Members =>
    value === null || typeof value !== 'object' || Array.isArray(value)
      ? refuse(`${String(at.at(-1) ?? 'derpMap')} must be an object`, at)
      : value;
  return {
    object,
    members(value, at, known) {
      const names = new Set(known.map((name) => name.toLowerCase()));
      const out: Record<string, JsonValue> = {};
      for (const [name, member] of Object.entries(object(value, at))) {
        const lower = name.toLowerCase();
        if (!names.has(lower)) refuse(`unknown field: ${JSON.stringify(name)}`, [...at, name]);
        if (member !== null) out[lower] = member;
      }
      return out;
    },
    text(value, at) {
      if (value === undefined) return undefined;
      return typeof value === 'string' && value.length <= MAX_TEXT
        ? value
        : refuse(`${String(at.at(-1))} must be a text of at most ${MAX_TEXT} characters`, at);
    },
    boolean(value, at) {
      if (value === undefined || typeof value === 'boolean') return value;
      return refuse(`${String(at.at(-1))} must be true or false`, at);
    },
    integer(value, at, least, most) {
      if (value === undefined) return undefined;
      return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
        ? value
        : refuse(`${String(at.at(-1))} must be a whole number from ${least} to ${most}`, at);
    },
  };
}

const known = new WeakMap<Policy, Relays | null>();

/** What a policy says of relays; nothing where it says what cannot be read, which a file that was saved before may. */
export function relaysOf(policy: Policy): Relays | undefined {
  let relays = known.get(policy);
  if (relays === undefined) {
    relays = null;
    try {
      if (policy.derpMap !== undefined) {
        relays = readRelays(policy.derpMap, (problem) => {
          throw new PolicyError(problem);
        });
      }
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
    }
    known.set(policy, relays);
  }
  return relays ?? undefined;
}

/** The regions of a map with what a policy says of them. */
export function withRelays<T extends object>(
  regions: Readonly<Record<string, T>>,
  relays: Relays | undefined,
): Record<string, T | RelayRegion> {
  const out: Record<string, T | RelayRegion> = relays?.omitDefaultRegions ? {} : { ...regions };
  for (const [id, region] of relays?.regions ?? []) {
    if (region === null) delete out[id];
    else out[id] = region;
  }
  return out;
}
