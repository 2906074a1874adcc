import { setOverlapsRange } from '../../kernel/netip/index.ts';
import { type Bits, hasBit, intersects, isZero, type Slots, setBit, setSlots, slotsOf } from './bits.ts';
import type { DeviceState, RouteInfo } from './device-state.ts';
import { ANY_ATOM, DANGER_ATOM, exitAtom, INTERNET_ATOM, type Program } from './program.ts';

/** Rules in which a routed prefix is a source or a destination. `via` are those among them that name who must carry it. */
export interface RouteBits {
  readonly route: RouteInfo;
  readonly src: Bits;
  readonly dst: Bits;
  readonly via: Bits;
  /** The rules of `dst`, where they are few: a gateway may have thousands of routes, and there may be as many rules. */
  readonly leads: readonly number[] | undefined;
  readonly rivals: readonly Rival[];
}

const NO_BITS: Bits = new Uint32Array(0);

function fewSlots(bits: Bits): number[] | undefined {
  const slots: number[] = [];
  for (const slot of slotsOf(bits)) {
    if (slots.length >= bits.length) return undefined;
    slots.push(slot);
  }
  return slots;
}

const leadsTo = ({ leads, dst }: RouteBits, src: Bits): boolean =>
  leads === undefined ? intersects(src, dst) : leads.some((slot) => hasBit(src, slot));

export function routeBitsOf(program: Program, device: DeviceState, asFile: boolean): RouteBits[] {
  return device.routes.map((route) => {
    const isManual = route.layer === 'manual';
    const src = isManual ? new Uint32Array(program.words.net) : NO_BITS;
    const dst = new Uint32Array(program.words.net);
    const via = program.viaUnits.length > 0 ? new Uint32Array(program.words.net) : NO_BITS;
    const any = program.atoms.get(ANY_ATOM);
    const coveredByAny = device.wild && (asFile || route.layer !== 'resource');
    if (any !== undefined && coveredByAny) {
      setSlots(dst, any.rules.netDst);
      if (isManual && !route.exit) setSlots(src, any.rules.netSrc);
    }
    // Every address is a source of such a rule, so those behind a router are: whoever they may reach needs the way back.
    const danger = program.atoms.get(DANGER_ATOM);
    if (danger !== undefined && isManual && !route.exit) setSlots(src, danger.rules.netSrc);
    if (route.exit) {
      const own = route.layer === 'resource';
      const internet = program.atoms.get(own ? exitAtom(route.network) : INTERNET_ATOM);
      if (internet !== undefined && (own || device.wild)) setSlots(dst, internet.rules.netDst);
    } else {
      for (const atom of program.literals.touching(route.range)) {
        if (atom.network === 0 || atom.network === route.network || device.networks.includes(atom.network)) {
          setSlots(dst, atom.rules.netDst);
        }
        if (isManual) setSlots(src, atom.rules.netSrc);
      }
    }
    for (const unit of program.viaUnits) {
      const { reach, targets } = unit.spec;
      if (reach.kind !== 'via' || !reach.tags.some((tag) => device.tags.includes(tag))) continue;
      const leads = targets.some((target) =>
        target.dst.some((one) =>
          one.kind === 'internet'
            ? route.exit
            : one.kind === 'literal' && !route.exit && setOverlapsRange(one.set, route.range),
        ),
      );
      if (leads) setBit(via, unit.slot);
    }
    return {
      route,
      src: isZero(src) ? NO_BITS : src,
      dst,
      via: isZero(via) ? NO_BITS : via,
      leads: fewSlots(dst),
      rivals: rivalsOf(program, route),
    };
  });
}

/** Rules that lead to a prefix in another network, by which it competes with this route. */
export interface Rival {
  readonly network: number;
  readonly dst: Slots;
}

/**
 * The networks of lower id that have resources in the prefix. Equal prefixes of two networks are two places, and a client
 * takes one peer for a prefix: whoever may reach both gets the network that was there first.
 */
function rivalsOf(program: Program, route: RouteInfo): Rival[] {
  if (route.layer !== 'resource' || route.exit) return [];
  return [...program.literals.touching(route.range)]
    .filter(({ network }) => network !== 0 && network < route.network)
    .map(({ network, rules }) => ({ network, dst: rules.netDst }));
}

export interface CarrierQuestion {
  readonly viewer: DeviceState;
  readonly peer: DeviceState;
  readonly bits: RouteBits;
  /** Whether the peer is the prefix's primary. */
  readonly primary: boolean;
  /** Whether the peer is the first choice among those that carry the prefix and one of the tags. */
  firstWithTags(tags: readonly string[]): boolean;
}

/**
 * Whether a viewer gets a prefix from a peer. The primary carries it for everybody whom a rule lets in, in either
 * direction, and for its own standbys. A rule with `via` lets the viewer use the first tagged carrier, unless a plain
 * rule already leads through the primary.
 */
export function carriesFor(program: Program, question: CarrierQuestion): boolean {
  const { viewer, peer, bits, primary } = question;
  const { net } = viewer.profile;
  const plain = leadsTo(bits, net.src) || intersects(bits.src, net.dst);
  const usable = bits.route.exit || primary;
  if (usable && (plain || intersects(bits.via, net.src))) return true;
  if (primary && viewer.routes.some((route) => !route.exit && route.text === bits.route.text)) return true;
  if (usable || plain) return false;
  for (const unit of program.viaUnits) {
    const { reach } = unit.spec;
    if (reach.kind !== 'via' || !hasBit(bits.via, unit.slot) || !hasBit(net.src, unit.slot)) continue;
    if (reach.tags.some((tag) => peer.tags.includes(tag)) && question.firstWithTags(reach.tags)) return true;
  }
  return false;
}
