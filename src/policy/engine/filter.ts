import type { ExactValue } from '../../kernel/hujson/index.ts';
import {
  type IpSet,
  type Range,
  setContains,
  setCovers,
  setOfRanges,
  setOverlapsRange,
} from '../../kernel/netip/index.ts';
import type { PortRange } from '../ast.ts';
import type { DstSpec, Piece, Reach, SourceSpec } from '../compile/unit.ts';
import { INTERNET, INTERNET_TEXTS } from '../ranges.ts';
import { slotsOf } from './bits.ts';
import type { DeviceState } from './device-state.ts';
import type { CapGrant, DstPort, FilterRule } from './output.ts';
import type { Program, Unit } from './program.ts';
import type { SourceText, SourceTexts } from './source-texts.ts';

/** What spelling a destination on a device needs to know. */
export interface DestinationInput {
  readonly program: Program;
  /** Whether the file's wildcards cover resources too. */
  readonly asFile: boolean;
}

export interface FilterInput extends DestinationInput {
  readonly sources: SourceTexts;
  /** The devices of a user that are sources of a rule to autogroup:self. */
  selfSources(source: SourceSpec, user: number): SourceText;
}

/** Makes a device's filter again whenever its sources are different; good until the device or the rules change. */
export interface FilterBuilder {
  /** Whether the filter holds the device's own addresses, so that no other device's can be equal. */
  readonly personal: boolean;
  build(): readonly FilterRule[];
  /** Equal for builders and moments whose filters are equal. */
  key(): string;
}

/** Sources that rules of a filter have; of several rules with the same ones there is one. */
interface Origin {
  now(): SourceText;
  /** The sources are those of the device's own person. */
  readonly self: boolean;
}

/** One rule to be: its sources by their place among the origins. */
type Draft = PortsDraft | GrantsDraft;

interface PortsDraft {
  readonly origin: number;
  readonly protocols: readonly number[] | undefined;
  readonly ports: DstPort[];
}

interface GrantsDraft {
  readonly origin: number;
  readonly grants: readonly CapGrant[];
}

/** What the filter says apart from who the sources are, in policy order. */
interface Template {
  readonly origins: readonly Origin[];
  readonly ports: readonly PortsDraft[];
  readonly grants: readonly GrantsDraft[];
  readonly personal: boolean;
  /** Stands for the destinations in comparisons. */
  readonly key: string;
}

/** A filter that was made, with what is needed to make the next one from it. */
interface Made {
  /** The sources of each origin, and for each the first origin with equal ones. */
  readonly texts: readonly SourceText[];
  readonly alike: readonly number[];
  readonly drafts: readonly Draft[];
  /** The drafts of each origin by their places. */
  readonly byOrigin: ReadonlyMap<number, readonly number[]>;
  readonly rules: readonly FilterRule[];
}

/** The packet filter of a device: every rule that it is a destination of, reduced to what concerns it. */
export function createFilterBuilder(input: FilterInput, device: DeviceState): FilterBuilder {
  const template = templateOf(input, device);
  let made: Made | undefined;

  const textsNow = (): SourceText[] => template.origins.map((origin) => origin.now());

  return {
    personal: template.personal,
    key: () => `${template.key}/${textsNow().map(({ id }) => id)}`,
    build() {
      const texts = textsNow();
      made = (made && updated(made, texts)) ?? madeAnew(template, texts);
      return made.rules;
    },
  };
}

function madeAnew(template: Template, texts: readonly SourceText[]): Made {
  const alike = likenessOf(texts);
  const drafts = gathered(template, alike);
  const byOrigin = new Map<number, number[]>();
  drafts.forEach(({ origin }, at) => {
    const places = byOrigin.get(origin) ?? [];
    places.push(at);
    byOrigin.set(origin, places);
  });
  return { texts, alike, drafts, byOrigin, rules: drafts.map((draft) => ruleOf(draft, texts)) };
}

/**
 * The filter with other sources, as far as the same rules become one as before: which do follows from which sources are
 * equal, and that hardly ever changes while devices come and go.
 */
function updated(made: Made, texts: readonly SourceText[]): Made | undefined {
  const { alike, drafts, byOrigin } = made;
  let rules: FilterRule[] | undefined;
  for (let origin = 0; origin < texts.length; origin++) {
    const text = texts[origin];
    if (text === undefined || made.texts[origin] === text) continue;
    if (text.texts.length === 0 || !standsAlone(alike, texts, origin, text.id)) return undefined;
    rules ??= [...made.rules];
    for (const at of byOrigin.get(origin) ?? []) {
      const draft = drafts[at];
      if (draft !== undefined) rules[at] = ruleOf(draft, texts);
    }
  }
  return { ...made, texts, rules: rules ?? made.rules };
}

/** Whether no other origin has, or had, equal sources. */
function standsAlone(
  alike: readonly number[],
  texts: readonly SourceText[],
  origin: number,
  id: number,
): boolean {
  if (alike[origin] !== origin) return false;
  for (let other = 0; other < texts.length; other++) {
    if (other !== origin && (alike[other] === origin || texts[other]?.id === id)) return false;
  }
  return true;
}

function ruleOf(draft: Draft, texts: readonly SourceText[]): FilterRule {
  const SrcIPs = texts[draft.origin]?.texts ?? [];
  if ('grants' in draft) return { SrcIPs, CapGrant: draft.grants };
  const { protocols, ports: DstPorts } = draft;
  return protocols === undefined ? { SrcIPs, DstPorts } : { SrcIPs, DstPorts, IPProto: protocols };
}

const NOBODY = -1;

/** For each list the place of the first equal one; none for an empty one. */
function likenessOf(texts: readonly SourceText[]): number[] {
  const firsts = new Map<number, number>();
  return texts.map(({ id, texts: list }, at) => {
    if (list.length === 0) return NOBODY;
    const first = firsts.get(id);
    if (first === undefined) firsts.set(id, at);
    return first ?? at;
  });
}

/** Destinations gather under equal sources and protocols. */
function gathered({ origins, ports, grants }: Template, alike: readonly number[]): Draft[] {
  const drafts = new Map<string, PortsDraft>();
  const shared = new Set<PortsDraft>();
  for (const part of ports) {
    const origin = alike[part.origin] ?? NOBODY;
    if (origin === NOBODY) continue;
    const same = `${origin}/${part.protocols?.join() ?? ''}`;
    const draft = drafts.get(same);
    if (draft === undefined) drafts.set(same, part);
    else {
      // The list of a draft that stays the only one is the template's own.
      const own = shared.has(draft) ? draft : { ...draft, ports: [...draft.ports] };
      for (const one of part.ports) own.ports.push(one);
      shared.add(own);
      drafts.set(same, own);
    }
  }
  // Capabilities say something without any source too, but to a person's own devices.
  const granted = grants.filter(({ origin }) => alike[origin] !== NOBODY || origins[origin]?.self === false);
  return [...drafts.values(), ...granted];
}

function templateOf(input: FilterInput, device: DeviceState): Template {
  const own = new Set(device.addresses.map(({ text }) => text));
  const places = new Map<string, number>();
  const origins: Origin[] = [];
  const ports: PortsDraft[] = [];
  const grants: GrantsDraft[] = [];
  let personal = false;
  let key = '';
  for (const { spec, slot } of unitsOf(input.program, device)) {
    const self = spec.reach.kind === 'self';
    const place = `${self ? '~' : ''}${spec.source.key}`;
    const origin =
      places.get(place) ?? origins.push({ now: sourceOf(input, device, spec.source, self), self }) - 1;
    places.set(place, origin);
    for (const { dst, allow } of spec.targets) {
      const texts = dst.flatMap((one) => destinationTexts(input, device, one, spec.reach));
      if (texts.length === 0) continue;
      personal ||= texts.some((text) => own.has(text));
      key += `|${texts.join()}`;
      for (const { protocols, ports: ranges } of allow)
        ports.push({ origin, protocols, ports: dstPorts(texts, ranges) });
    }
    const granted = spec.grants
      .map(({ dst, caps }) => capGrant(input, device, dst, spec.reach, caps))
      .filter((grant) => grant !== undefined);
    personal ||= granted.length > 0;
    key += `#${slot}`;
    if (granted.length > 0) grants.push({ origin, grants: granted });
  }
  return { origins, ports, grants, personal, key };
}

/** Rules that the device is a destination of, in policy order. */
export function unitsOf(program: Program, device: DeviceState): Unit[] {
  const { profile } = device;
  const out: Unit[] = [];
  for (const slot of slotsOf(profile.net.dst)) {
    const unit = program.units.get(slot);
    if (unit !== undefined) out.push(unit);
  }
  if (profile.selfUser !== undefined) {
    for (const unit of program.units.values()) if (unit.spec.reach.kind === 'self') out.push(unit);
  }
  return out.sort((a, b) => a.rank - b.rank);
}

function sourceOf(
  input: FilterInput,
  { profile }: DeviceState,
  source: SourceSpec,
  self: boolean,
): () => SourceText {
  if (!self) return input.sources.follow(source);
  const user = profile.selfUser;
  return () => (user === undefined ? NO_SOURCES : input.selfSources(source, user));
}

const NO_SOURCES: SourceText = { id: 0, texts: [] };

const dstPorts = (texts: readonly string[], ports: readonly PortRange[]): DstPort[] =>
  texts.flatMap((IP) => ports.map(({ first, last }) => ({ IP, Ports: { First: first, Last: last } })));

const EVERYTHING = ['*'];
/** A client that is an app connector answers DNS questions of whoever could send a packet to this address. */
const RESOLVER_TEXTS = ['0.0.0.0'];

/** How the filter spells the part of a destination that is this device or behind it. */
export function destinationTexts(
  input: DestinationInput,
  device: DeviceState,
  dst: DstSpec,
  reach: Reach,
): readonly string[] {
  const own = (): string[] => device.addresses.map(({ text }) => text);
  switch (dst.kind) {
    case 'any':
      if (reach.kind === 'self') return own();
      return device.wild && reach.kind === 'anywhere' ? everythingOf(input, device) : [];
    case 'atom':
      return reach.kind === 'anywhere' && input.program.atoms.get(dst.atom)?.devices.has(device.id)
        ? own()
        : [];
    case 'internet':
      return device.exit && device.wild ? INTERNET_TEXTS : [];
    case 'exit':
      return reach.kind === 'network' && device.exitNetworks.includes(reach.network) ? INTERNET_TEXTS : [];
    case 'resolver':
      return reach.kind === 'network' && device.networks.includes(reach.network) ? RESOLVER_TEXTS : [];
    case 'literal':
      return dst.pieces.filter((piece) => concerns(device, piece, reach)).map((piece) => piece.text);
  }
}

/** `*`; on a gateway, what it has outside of resources, for the file's wildcards do not open those. */
function everythingOf(input: DestinationInput, device: DeviceState): readonly string[] {
  if (input.asFile || !device.routes.some((route) => route.layer === 'resource')) return EVERYTHING;
  const others = device.routes.filter((route) => route.layer !== 'resource' && !route.exit);
  return [
    ...device.addresses.map(({ text }) => text),
    ...others.map((route) => route.text),
    ...(device.exit ? INTERNET_TEXTS : []),
  ];
}

function concerns(device: DeviceState, piece: Piece, reach: Reach): boolean {
  if (reach.kind === 'via' || reach.kind === 'network') return routed(device, piece.range);
  const set = setOfRanges([piece.range]);
  if (device.addresses.some(({ addr }) => setContains(set, addr))) return true;
  return routed(device, piece.range) || (device.exit && setCovers(INTERNET, set));
}

/** What each device routes, as one set: a gateway of many resources is asked about each of them. */
const routedSets = new WeakMap<DeviceState, IpSet>();

function routed(device: DeviceState, range: Range): boolean {
  if (device.routes.length === 0) return false;
  let set = routedSets.get(device);
  if (set === undefined) {
    set = setOfRanges(device.routes.filter((route) => !route.exit).map((route) => route.range));
    routedSets.set(device, set);
  }
  return setOverlapsRange(set, range);
}

/** A capability grant: the device's own addresses, and the routes it carries that the rule names. */
function capGrant(
  input: FilterInput,
  device: DeviceState,
  dst: readonly DstSpec[],
  reach: Reach,
  caps: ReadonlyMap<string, ExactValue>,
): CapGrant | undefined {
  const out = new Set<string>();
  const own = (): void => {
    for (const { prefix } of device.addresses) out.add(prefix);
  };
  for (const one of dst) {
    if (one.kind === 'any') {
      if (reach.kind === 'self' || device.wild) own();
    } else if (one.kind === 'atom') {
      if (input.program.atoms.get(one.atom)?.devices.has(device.id)) own();
    } else if (one.kind === 'literal') addLiteral(device, one.set, one.pieces, out);
  }
  if (out.size === 0) return undefined;
  return { Dsts: [...out].sort(), CapMap: Object.fromEntries(caps) };
}

function addLiteral(device: DeviceState, set: IpSet, pieces: readonly Piece[], out: Set<string>): void {
  for (const { addr, prefix } of device.addresses) if (setContains(set, addr)) out.add(prefix);
  for (const { text, range } of pieces) {
    if (routed(device, range))
      out.add(text.includes('/') ? text : `${text}/${range.family === 4 ? 32 : 128}`);
  }
}
