import {
  type Addr,
  formatAddr,
  type IpSet,
  parseAddr,
  rangesOf,
  setContains,
  setOfRanges,
} from '../../kernel/netip/index.ts';
import type { Selector } from '../ast.ts';
import { resourcePrefixes } from '../compile/networks.ts';
import { atomOf, literalSet } from '../compile/selectors.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';
import { carrierFor, carriersNow } from '../engine/views.ts';
import type { WorldState } from '../engine/world-state.ts';
import {
  type Endpoint,
  endpointOfAddr,
  endpointOfDevice,
  endpointOfSelector,
  ideaOf,
} from '../evaluate/endpoint.ts';
import { createLookup } from '../evaluate/lookup.ts';
import { parseSelector } from '../parse/selector.ts';
import { isWithheldByExits } from '../ranges.ts';
import type { ResourceInput } from '../world.ts';

/** One side of a question, as people ask it. */
export type Place =
  | { readonly kind: 'device'; readonly id: number }
  /** Several that go by one name. */
  | { readonly kind: 'devices'; readonly ids: readonly number[]; readonly text: string }
  /** Devices by a principal that the language has no word for: a group or a service account of the model. */
  | { readonly kind: 'principal'; readonly atom: string; readonly text: string }
  /** `text`: what is called that cannot be asked about. */
  | { readonly kind: 'nothing'; readonly text: string; readonly problem: Problem }
  /** `text`: what it is called; `address`: the one of its addresses that is meant. */
  | { readonly kind: 'resource'; readonly id: number; readonly text: string; readonly address?: string }
  /** A selector of the language: a user, a group, a tag, an address, a host, … */
  | { readonly kind: 'selector'; readonly text: string };

/**
 * Why a place stands for nothing: `unknown` when there is no such thing, `unfit` when it is nothing that one packet can come
 * from or go to; `empty` when it has no device or no address yet, which is an answer.
 */
export interface Problem {
  readonly kind: 'unknown' | 'unfit' | 'empty';
  readonly text: string;
}

const unknown = (text: string): Problem => ({ kind: 'unknown', text });
const unfit = (text: string): Problem => ({ kind: 'unfit', text });
const empty = (text: string): Problem => ({ kind: 'empty', text });

/** What a place turned out to be. */
export interface Resolution {
  readonly text: string;
  /** Devices that it stands for now, ascending; at most `MAX_DEVICES`. */
  readonly devices: readonly number[];
  readonly more: number;
  readonly addresses: readonly string[];
  readonly problem: Problem | undefined;
}

export interface Resolved {
  readonly resolution: Resolution;
  /** It lies in this one's network, and not where another has the same address. */
  readonly resource?: ResourceInput;
  readonly endpoints: readonly Endpoint[];
}

/** More devices than this are counted, not looked at one by one. */
const MAX_DEVICES = 20;

export function resolvePlace(core: Core, place: Place): Resolved {
  switch (place.kind) {
    case 'device':
      return ofIds(core, `device ${place.id}`, [place.id]);
    case 'devices':
      return ofIds(core, place.text, place.ids);
    case 'principal': {
      const devices = devicesWith(core, place.atom);
      const found = ofDevices(core, place.text, devices);
      return devices.length > 0
        ? found
        : { ...found, endpoints: [{ ...ideaOf([place.atom]), label: place.text }] };
    }
    case 'nothing':
      return nothing(place.text, place.problem);
    case 'resource':
      return ofResource(core, place.id, place.text, place.address);
    case 'selector':
      return resolveSelector(core, place.text.trim());
  }
}

function ofIds(core: Core, text: string, ids: readonly number[]): Resolved {
  const devices = ids.map((id) => core.devices.get(id)).filter((device) => device !== undefined);
  return devices.length === 0
    ? nothing(text, unknown('there is no such device'))
    : ofDevices(core, text, devices);
}

function ofResource(core: Core, id: number, text: string, address: string | undefined): Resolved {
  const resource = core.world.resources.get(id);
  if (resource === undefined) return nothing(text, unknown('there is no such resource'));
  const addr = address === undefined ? resourcePrefixes(resource)[0]?.addr : parseAddr(address);
  return addr === undefined
    ? nothing(text, empty(NOT_RESOLVED))
    : { ...ofAddress(core, text, addr), resource };
}

function resolveSelector(core: Core, text: string): Resolved {
  const selector = parseSelector(text);
  const missing = missingName(core, selector);
  if (missing !== undefined) return nothing(text, unknown(missing));
  const literal = literalSet(core.names, selector);
  if (literal !== undefined) return ofLiteral(core, text, literal);
  if (selector.kind === 'autogroup' && OTHER_WORDS.has(selector.name)) {
    return nothing(text, unfit(OTHER_WORDS.get(selector.name) ?? ''));
  }
  const idea = endpointOfSelector(createLookup(core), selector);
  if (typeof idea === 'string') {
    // A person of another organization is no user of this one, and may have devices here.
    const atom = selector.kind === 'user' ? atomOf(selector) : undefined;
    const strangers = atom === undefined ? [] : devicesWith(core, atom);
    return strangers.length > 0
      ? ofDevices(core, text, strangers)
      : nothing(text, unknown(NOBODY[selector.kind]));
  }
  const atom = atomText(selector, idea);
  const devices = selector.kind === 'any' ? [...core.devices.values()] : devicesWith(core, atom);
  const found = ofDevices(core, text, devices);
  return devices.length > 0 ? found : { ...found, endpoints: [idea] };
}

/** Of a name behind a connector. */
export const NOT_RESOLVED =
  'no gateway has found an address of this name yet: it does when somebody with access asks';
const NO_NAME = 'no device, user, host of the policy file, resource or plain client is called that';
/** Why a selector of a kind names nobody. */
const NOBODY: Readonly<Record<Selector['kind'], string>> = {
  any: NO_NAME,
  user: 'no user has this login',
  group: 'no group of the policy file or of the organization is called that',
  tag: 'the policy file knows no such tag',
  autogroup: 'it is no autogroup whose devices can be asked about',
  'users-of-domain': NO_NAME,
  prefix: NO_NAME,
  host: NO_NAME,
  ipset: 'the policy file has no such IP set',
  service: 'there is no such service',
};

/** Why a selector means nothing, where that shows by its name alone. */
function missingName({ world }: Core, selector: Selector): string | undefined {
  const { kind } = selector;
  const isKnown =
    (kind !== 'host' || world.policy.hosts.has(selector.name)) &&
    (kind !== 'ipset' || world.policy.ipsetAddresses.has(selector.name)) &&
    (kind !== 'service' || world.services.has(selector.name)) &&
    (kind !== 'group' || world.policy.groups.has(selector.name) || isOfDirectory(world, selector.name));
  return isKnown ? undefined : NOBODY[kind];
}

/** `group:<key>@<domain>`: how the file spells a group of the model. */
const isOfDirectory = ({ groups, settings }: WorldState, name: string): boolean =>
  [...groups.values()].some(({ key }) =>
    settings.domains.some((domain) => name === `group:${key}@${domain}`),
  );

/** Words of the language that stand for nothing that can be asked about, and what to ask instead. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ['autogroup:internet', 'it stands for all of the internet: ask about an address there, such as 1.1.1.1'],
  ['autogroup:self', "it stands for the source's own devices: ask about one of them"],
  ['autogroup:danger-all', 'it stands for every address: ask about one of them'],
]);

/** A host, an address, an IP set, a service: one address is asked about, and of a service its first. */
function ofLiteral(core: Core, text: string, set: IpSet): Resolved {
  const first = rangesOf(set).next().value;
  if (first === undefined) return nothing(text, empty('it has no address'));
  const addr: Addr = first.family === 4 ? { family: 4, value: first.from } : { family: 6, value: first.from };
  if (text.startsWith('svc:') || isOneAddress(set)) return ofAddress(core, text, addr);
  return nothing(
    text,
    unfit(`it stands for many addresses: ask about one of them, such as ${formatAddr(addr)}`),
  );
}

const isOneAddress = (set: IpSet): boolean => {
  const [range, ...more] = [...rangesOf(set)];
  return range !== undefined && more.length === 0 && range.from === range.to;
};

const devicesWith = (core: Core, atom: string): DeviceState[] =>
  [...core.devices.values()].filter((device) => endpointOfDevice(core, device).principals.has(atom));

const atomText = (selector: { readonly kind: string }, idea: Endpoint): string =>
  selector.kind === 'any' ? '*' : idea.label;

function ofAddress(core: Core, text: string, addr: Addr): Resolved {
  const lookup = createLookup(core);
  const device = lookup.deviceAt(addr);
  return {
    resolution: {
      text,
      devices: device === undefined ? [] : [device.id],
      more: 0,
      addresses: [formatAddr(addr)],
      problem: undefined,
    },
    endpoints: [endpointOfAddr(lookup, addr, text)],
  };
}

function ofDevices(core: Core, text: string, devices: readonly DeviceState[]): Resolved {
  const shown = [...devices].sort((a, b) => a.id - b.id).slice(0, MAX_DEVICES);
  return {
    resolution: {
      text,
      devices: shown.map((device) => device.id),
      more: devices.length - shown.length,
      addresses: shown.flatMap((device) => device.addresses.map((address) => address.text)),
      problem: devices.length === 0 ? empty('it has no device now') : undefined,
    },
    endpoints: shown.map((device) => endpointOfDevice(core, device)),
  };
}

const nothing = (text: string, problem: Problem): Resolved => ({
  resolution: { text, devices: [], more: 0, addresses: [], problem },
  endpoints: [],
});

/** How packets to an address travel. */
export interface Path {
  /** The device that receives them. */
  readonly receiver: DeviceState;
  /** The prefix through which it is reached; undefined when the address is its own. */
  readonly route: string | undefined;
  readonly network: number;
  readonly exit: boolean;
}

/**
 * The receivers of packets to an address: its holder, else the carriers of the longest prefix, the one first through which
 * the source gets it.
 */
export function pathsTo(core: Core, addr: Addr, source?: DeviceState): Path[] {
  const own = createLookup(core).deviceAt(addr);
  // A client behind a gateway is reached as that gateway's route.
  if (own !== undefined && own.input.behind === undefined)
    return [{ receiver: own, route: undefined, network: 0, exit: false }];
  const carriers = carriersNow(core);
  const found: { path: Path; bits: number; primary: boolean }[] = [];
  for (const receiver of core.devices.values()) {
    for (const route of receiver.routes) {
      if (!setContains(setOfRanges([route.range]), addr)) continue;
      if (route.exit && isWithheldByExits(addr)) continue;
      const bits = Number(route.text.slice(route.text.lastIndexOf('/') + 1));
      const carrier = source
        ? carrierFor(carriers, source, route)
        : carriers.primary(route.network, route.text);
      const primary = carrier === receiver.id;
      const path = { receiver, route: route.text, network: route.network, exit: route.exit };
      found.push({ path, bits, primary });
    }
  }
  const longest = Math.max(-1, ...found.map(({ bits }) => bits));
  return found
    .filter(({ bits }) => bits === longest)
    .sort((a, b) => Number(b.primary) - Number(a.primary) || a.path.receiver.id - b.path.receiver.id)
    .map(({ path }) => path);
}
