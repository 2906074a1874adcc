import type { JsonValue } from '../../kernel/hujson/index.ts';
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

/** What a device's filter says apart from who the sources are; good until the device or the rules change. */
export interface FilterTemplate {
  readonly parts: readonly TemplatePart[];
  /** Whether it holds the device's own addresses, so that no other device's filter can be equal. */
  readonly personal: boolean;
  /** Stands for the destinations in comparisons. */
  readonly key: string;
}

interface TemplatePart {
  readonly unit: Unit;
  /** One for each port list, in policy order. */
  readonly rules: readonly {
    readonly protocols: readonly number[] | undefined;
    readonly ports: readonly DstPort[];
  }[];
  readonly grants: readonly CapGrant[];
}

/** A rule under construction: destinations gather under equal sources and protocols. */
interface Draft {
  readonly source: SourceText;
  readonly protocols: readonly number[] | undefined;
  /** The list of the only part, or one that is this draft's own. */
  ports: readonly DstPort[];
  gathered: DstPort[] | undefined;
}

/** The packet filter of a device: every rule that it is a destination of, reduced to what concerns it. */
export function buildFilter(
  input: FilterInput,
  device: DeviceState,
  template: FilterTemplate,
): { rules: FilterRule[]; key: string } {
  const drafts = new Map<string, Draft>();
  const grants: FilterRule[] = [];
  let key = template.key;
  for (const part of template.parts) {
    const source = sourceOf(input, device, part.unit);
    if (source === undefined) continue;
    key += `/${source.id}`;
    if (source.texts.length > 0) {
      for (const { protocols, ports } of part.rules) {
        const same = `${source.id}/${protocols?.join() ?? ''}`;
        const draft = drafts.get(same);
        if (draft === undefined) drafts.set(same, { source, protocols, ports, gathered: undefined });
        else {
          draft.gathered ??= [...draft.ports];
          for (const port of ports) draft.gathered.push(port);
          draft.ports = draft.gathered;
        }
      }
    }
    if (part.grants.length > 0) grants.push({ SrcIPs: source.texts, CapGrant: part.grants });
  }
  const rules = [...drafts.values()].map(
    ({ source, protocols, ports }): FilterRule => ({
      SrcIPs: source.texts,
      DstPorts: ports,
      ...(protocols === undefined ? {} : { IPProto: protocols }),
    }),
  );
  return { rules: [...rules, ...grants], key };
}

export function filterTemplate(input: FilterInput, device: DeviceState): FilterTemplate {
  const own = new Set(device.addresses.map(({ text }) => text));
  let personal = false;
  let key = '';
  const parts: TemplatePart[] = [];
  for (const unit of unitsOf(input.program, device)) {
    const { spec } = unit;
    const rules: TemplatePart['rules'][number][] = [];
    for (const { dst, allow } of spec.targets) {
      const texts = dst.flatMap((one) => destinationTexts(input, device, one, spec.reach));
      if (texts.length === 0) continue;
      personal ||= texts.some((text) => own.has(text));
      key += `|${texts.join()}`;
      for (const { protocols, ports } of allow) rules.push({ protocols, ports: dstPorts(texts, ports) });
    }
    const grants = spec.grants
      .map(({ dst, caps }) => capGrant(input, device, dst, spec.reach, caps))
      .filter((grant) => grant !== undefined);
    personal ||= grants.length > 0;
    key += `#${unit.slot}`;
    if (rules.length + grants.length > 0) parts.push({ unit, rules, grants });
  }
  return { parts, personal, key };
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

function sourceOf(input: FilterInput, device: DeviceState, unit: Unit): SourceText | undefined {
  const { spec } = unit;
  if (spec.reach.kind !== 'self') return input.sources.of(spec.source);
  const user = device.profile.selfUser;
  if (user === undefined) return undefined;
  const source = input.selfSources(spec.source, user);
  return source.texts.length === 0 ? undefined : source;
}

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
  caps: ReadonlyMap<string, JsonValue>,
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
