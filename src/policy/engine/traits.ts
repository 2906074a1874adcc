import { rangeOfAddr, type rangesOf, setCovers, setOverlapsRange } from '../../kernel/netip/index.ts';
import type { UnitSpec } from '../compile/unit.ts';
import { conditionHolds } from '../posture.ts';
import { INTERNET } from '../ranges.ts';
import type { DeviceInput } from '../world.ts';
import type { Atom, LiteralAtom } from './atoms.ts';
import type { DeviceState, RouteInfo } from './device-state.ts';
import {
  ANY_ATOM,
  DANGER_ATOM,
  exitAtom,
  INTERNET_ATOM,
  type PostureGate,
  type Program,
  resolverAtom,
} from './program.ts';

/** The part of a device's state that its traits follow from. */
export type Basics = Omit<DeviceState, 'profile'> & { readonly principals: readonly string[] };

/** What rules can tell a device by. Devices with equal keys share a profile. */
export interface Traits {
  readonly key: string;
  readonly src: readonly Atom[];
  readonly dst: readonly Atom[];
  readonly via: readonly number[];
  readonly failed: readonly PostureGate[];
}

const NO_TRAITS: Traits = { key: '', src: [], dst: [], via: [], failed: [] };

export function traitsOf(program: Program, device: Basics): Traits {
  if (!device.active) return NO_TRAITS;
  const src: Atom[] = [];
  const dst: Atom[] = [];
  // A guest only reaches in; its own organization decides what reaches it. What is shared in is only reached.
  const { external } = device.input;
  const asSource = external !== 'shared-in';
  // A client behind a gateway is reached as a part of that gateway's routes.
  const asTarget = external !== 'guest' && device.input.behind === undefined;
  for (const key of device.principals) {
    const atom = program.atoms.get(key);
    if (atom === undefined) continue;
    if (asSource) src.push(atom);
    if (asTarget) dst.push(atom);
  }
  // Filters spell it as every address, so whoever has one is a source, inside of wildcards or not.
  if (asSource) pushAtom(program, DANGER_ATOM, src);
  if (device.wild && asSource) pushAtom(program, ANY_ATOM, src);
  if (device.wild && asTarget) {
    pushAtom(program, ANY_ATOM, dst);
    if (device.exit) pushAtom(program, INTERNET_ATOM, dst);
  }
  if (asTarget) for (const network of device.networks) pushAtom(program, resolverAtom(network), dst);
  if (asTarget) for (const network of device.exitNetworks) pushAtom(program, exitAtom(network), dst);
  addLiterals(program, device, asSource ? src : [], asTarget ? dst : []);
  const via = program.viaUnits.filter((unit) => carries(unit.spec, device)).map((unit) => unit.slot);
  // Nothing is known here of the state of others' devices: conditions are not asked of them.
  const failed = external ? [] : program.gates.filter((gate) => !passes(gate, device.input));
  return { key: keyOf(src, dst, via, failed), src, dst, via, failed };
}

function pushAtom(program: Program, key: string, into: Atom[]): void {
  const atom = program.atoms.get(key);
  if (atom !== undefined) into.push(atom);
}

/** Literal selectors match a device by its addresses, and by the prefixes that it routes. */
function addLiterals(program: Program, device: Basics, src: Atom[], dst: Atom[]): void {
  if (program.literals.all.length === 0) return;
  const asSrc = new Set<Atom>();
  const asDst = new Set<Atom>();
  for (const { addr } of device.addresses) {
    for (const atom of program.literals.touching(rangeOfAddr(addr))) {
      asSrc.add(atom);
      if (atom.network === 0 || device.networks.includes(atom.network)) asDst.add(atom);
    }
  }
  for (const route of device.routes) {
    if (route.exit) continue;
    for (const atom of program.literals.touching(route.range)) {
      if (route.layer === 'manual') asSrc.add(atom);
      if (atom.network === 0 || device.networks.includes(atom.network)) asDst.add(atom);
    }
  }
  if (device.exit) for (const atom of program.literals.all) if (isPublic(atom)) asDst.add(atom);
  src.push(...asSrc);
  dst.push(...asDst);
}

/** A destination on the internet is reached through exit nodes. */
const isPublic = (atom: LiteralAtom): boolean => atom.network === 0 && setCovers(INTERNET, atom.set);

/** Whether a rule with `via` leads through the device: it has one of the tags, and routes one of the destinations. */
function carries(spec: UnitSpec, device: Basics): boolean {
  const { reach } = spec;
  if (reach.kind !== 'via' || !reach.tags.some((tag) => device.tags.includes(tag))) return false;
  return spec.targets.some((target) =>
    target.dst.some((dst) => {
      if (dst.kind === 'internet') return device.exit;
      return dst.kind === 'literal' && device.routes.some((route) => carriesPiece(dst.set, route));
    }),
  );
}

const carriesPiece = (set: Parameters<typeof rangesOf>[0], route: RouteInfo): boolean =>
  !route.exit && setOverlapsRange(set, route.range);

function passes(gate: PostureGate, input: DeviceInput): boolean {
  return gate.spec.anyOf.some((all) => all.every((condition) => conditionHolds(condition, input.attributes)));
}

function keyOf(
  src: readonly Atom[],
  dst: readonly Atom[],
  via: readonly number[],
  failed: readonly PostureGate[],
): string {
  const ids = (atoms: readonly Atom[]): string =>
    atoms
      .map((atom) => atom.id)
      .sort((a, b) => a - b)
      .join();
  return `${ids(src)}|${ids(dst)}|${via.join()}|${failed.map((gate) => gate.spec.key).join('\n')}`;
}
