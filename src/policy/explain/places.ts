import {
  type Addr,
  formatAddr,
  type IpSet,
  rangesOf,
  setContains,
  setOfRanges,
} from '../../kernel/netip/index.ts';
import { resourcePrefixes } from '../compile/networks.ts';
import { atomOf, literalSet } from '../compile/selectors.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';
import { carrierFor, carriersNow } from '../engine/views.ts';
import { type Endpoint, endpointOfAddr, endpointOfDevice, endpointOfSelector } from '../evaluate/endpoint.ts';
import { createLookup } from '../evaluate/lookup.ts';
import { parseSelector } from '../parse/selector.ts';

/** One side of a question, as people ask it. */
export type Place =
  | { readonly kind: 'device'; readonly id: number }
  /** `text`: what it is called. */
  | { readonly kind: 'resource'; readonly id: number; readonly text: string }
  /** A selector of the language: a user, a group, a tag, an address, a host, … */
  | { readonly kind: 'selector'; readonly text: string };

/** What a place turned out to be. */
export interface Resolution {
  readonly text: string;
  /** Devices that it stands for now, ascending; at most `MAX_DEVICES`. */
  readonly devices: readonly number[];
  readonly more: number;
  readonly addresses: readonly string[];
  /** Why it stands for nothing. */
  readonly problem: string | undefined;
}

export interface Resolved {
  readonly resolution: Resolution;
  /** The network in which it lies, and not where another has the same address. */
  readonly network?: number;
  readonly endpoints: readonly Endpoint[];
}

/** More devices than this are counted, not looked at one by one. */
const MAX_DEVICES = 20;

export function resolvePlace(core: Core, place: Place): Resolved {
  if (place.kind === 'device') {
    const device = core.devices.get(place.id);
    const text = `device ${place.id}`;
    return device === undefined ? nothing(text, 'there is no such device') : ofDevices(core, text, [device]);
  }
  if (place.kind === 'resource') {
    const resource = core.world.resources.get(place.id);
    const { text } = place;
    if (resource === undefined) return nothing(text, 'there is no such resource');
    const addr = resourcePrefixes(resource)[0]?.addr;
    return addr === undefined
      ? nothing(
          text,
          'no gateway has found an address of this name yet: it does when somebody with access asks',
        )
      : { ...ofAddress(core, text, addr), network: resource.network };
  }
  return resolveSelector(core, place.text.trim());
}

function resolveSelector(core: Core, text: string): Resolved {
  const selector = parseSelector(text);
  if (selector.kind === 'host' && !core.world.policy.hosts.has(selector.name)) {
    return nothing(text, 'no device, user or host of the policy file is called that');
  }
  const literal = literalSet(core.names, selector);
  if (literal !== undefined) return ofLiteral(core, text, literal);
  if (selector.kind === 'autogroup' && OTHER_WORDS.has(selector.name)) {
    return nothing(text, OTHER_WORDS.get(selector.name) ?? '');
  }
  const idea = endpointOfSelector(createLookup(core), selector);
  if (typeof idea === 'string') {
    // A person of another organization is no user of this one, and may have devices here.
    const atom = selector.kind === 'user' ? atomOf(selector) : undefined;
    const strangers = atom === undefined ? [] : devicesWith(core, atom);
    return strangers.length > 0 ? ofDevices(core, text, strangers) : nothing(text, idea);
  }
  const atom = atomText(selector, idea);
  const devices = selector.kind === 'any' ? [...core.devices.values()] : devicesWith(core, atom);
  const found = ofDevices(core, text, devices);
  return devices.length > 0 ? found : { ...found, endpoints: [idea] };
}

/** Words of the language that stand for nothing that can be asked about, and what to ask instead. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ['autogroup:internet', 'it stands for all of the internet: ask about an address there, such as 1.1.1.1'],
  ['autogroup:self', "it stands for the source's own devices: ask about one of them"],
  ['autogroup:danger-all', 'it stands for every address: ask about one of them'],
]);

/** A host, an address, an IP set, a service: one address is asked about, and of a service its first. */
function ofLiteral(core: Core, text: string, set: IpSet): Resolved {
  const first = rangesOf(set).next().value;
  if (first === undefined) return nothing(text, 'it stands for no address');
  const addr: Addr = first.family === 4 ? { family: 4, value: first.from } : { family: 6, value: first.from };
  if (text.startsWith('svc:') || isOneAddress(set)) return ofAddress(core, text, addr);
  return nothing(text, `it stands for many addresses: ask about one of them, such as ${formatAddr(addr)}`);
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
      problem: devices.length === 0 ? 'no device matches' : undefined,
    },
    endpoints: shown.map((device) => endpointOfDevice(core, device)),
  };
}

const nothing = (text: string, problem: string): Resolved => ({
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
