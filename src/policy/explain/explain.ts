/**
 * Why one place may (or may not) reach another: the rules that let it, or those that came closest and what each lacks.
 * The answer is that of the receiving device's filter, so it is what a packet will meet.
 */
import {
  type Addr,
  formatAddr,
  type IpSet,
  isEmptySet,
  parseAddrOrPrefix,
  setOfAddrs,
  setOverlapsPrefix,
} from '../../kernel/netip/index.ts';
import type { Origin } from '../compile/unit.ts';
import { hasBit } from '../engine/bits.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';
import type { PolicyEngine } from '../engine/engine.ts';
import { destinationTexts } from '../engine/filter.ts';
import { openedTo, sharesExit } from '../engine/guests.ts';
import type { Unit } from '../engine/program.ts';
import type { Endpoint } from '../evaluate/endpoint.ts';
import {
  allows,
  failedConditions,
  namesDestination,
  namesSource,
  postureHolds,
  type Traffic,
} from '../evaluate/match.ts';
import { lookUp } from '../posture.ts';
import type { UserInput } from '../world.ts';
import { isForeign, lacksTowardsSharedIn, problemAcross } from './across.ts';
import { distance, type Lack } from './lack.ts';
import { type Path, type Place, pathsTo, type Resolution, resolvePlace } from './places.ts';

export interface Question {
  readonly source: Place;
  readonly target: Place;
  readonly protocol: number;
  readonly port: number;
}

/** A rule seen from the question: all is well when it lacks nothing. */
export interface RuleReport {
  readonly origin: Origin;
  readonly lacks: readonly Lack[];
  /** Which sources of the rule fit, or, if none does, what it has. */
  readonly source: string;
  readonly destination: string;
  /** Conditions that the source fails, with the value that it has. */
  readonly posture: readonly { readonly condition: string; readonly actual: string | undefined }[];
}

/** The answer for one pair. */
export interface Verdict {
  readonly source: string;
  readonly sourceDevice: number | undefined;
  readonly target: string;
  readonly targetDevice: number | undefined;
  readonly allowed: boolean;
  /** Rules that let it pass. */
  readonly by: readonly RuleReport[];
  /** If none does: the closest ones, closest first. */
  readonly closest: readonly RuleReport[];
  readonly path: PathReport | undefined;
  /** Other reasons that nothing passes: a device that is not authorized, a prefix that nobody carries. */
  readonly problems: readonly string[];
}

export interface PathReport {
  readonly receiver: number;
  readonly route: string | undefined;
  readonly network: number | undefined;
  readonly gateways: readonly number[];
  /** An exit node carries it only if the source chose it as such. */
  readonly exit: boolean;
}

export interface Explanation {
  readonly source: Resolution;
  readonly target: Resolution;
  readonly verdicts: readonly Verdict[];
  /** Whether every pair is allowed (and there is one). */
  readonly allowed: boolean;
}

const MAX_CLOSEST = 5;

export function explain(engine: PolicyEngine, question: Question): Explanation {
  const { core } = engine;
  const source = resolvePlace(core, question.source);
  const target = resolvePlace(core, question.target);
  const verdicts = source.endpoints.flatMap((from) =>
    target.endpoints
      .filter((to) => from.device === undefined || from.device !== to.device)
      .map((to) => verdict(engine, from, to, question)),
  );
  return {
    source: source.resolution,
    target: target.resolution,
    verdicts,
    allowed: verdicts.length > 0 && verdicts.every((one) => one.allowed),
  };
}

function verdict(engine: PolicyEngine, from: Endpoint, to: Endpoint, traffic: Traffic): Verdict {
  const { core } = engine;
  const addr = addressOf(from, to);
  const paths = addr === undefined ? [] : pathsTo(core, addr, from.device);
  const path = paths.find((one) => usable(engine, from, one)) ?? paths[0];
  const problems = problemsOf(core, from, to, addr, path);
  const source = addr === undefined ? from : ofFamily(from, addr.family);
  const sharedIn = path !== undefined && isForeign(path.receiver) && !isForeign(from.device);
  const reports = [...core.program().units.values()]
    .sort((a, b) => a.rank - b.rank)
    .map((unit) =>
      sharedIn
        ? report(unit, from, lacksTowardsSharedIn(unit, from, path))
        : report(unit, source, lacksOf(core, unit, source, to, addr, path, traffic)),
    );
  const by = reports.filter((one) => one.lacks.length === 0);
  const carried = path === undefined || path.route === undefined || usable(engine, from, path);
  const allowed = by.length > 0 && problems.length === 0;
  const closest = allowed ? [] : reports.filter((one) => one.lacks.length > 0 && one.lacks.length < 3);
  return {
    source: from.label,
    sourceDevice: from.device?.id,
    target: to.label,
    targetDevice: to.device?.id,
    allowed,
    by,
    closest: closest.sort((a, b) => distance(a.lacks) - distance(b.lacks)).slice(0, MAX_CLOSEST),
    path: path && pathReport(core, path),
    problems: allowed && !carried ? [...problems, 'the source does not get this route'] : problems,
  };
}

/** The destination address that is asked about: IPv4 if both sides have it. */
function addressOf(from: Endpoint, to: Endpoint): Addr | undefined {
  const v4 = to.addresses.v4[0];
  const v6 = to.addresses.v6[0];
  const speaks4 = isEmptySet(from.addresses) || from.addresses.v4.length > 0;
  if (v4 !== undefined && (speaks4 || v6 === undefined)) return { family: 4, value: v4 };
  return v6 === undefined ? undefined : { family: 6, value: v6 };
}

function ofFamily(endpoint: Endpoint, family: 4 | 6): Endpoint {
  const { v4, v6 } = endpoint.addresses;
  const addresses: IpSet = family === 4 ? { v4, v6: [] } : { v4: [], v6 };
  return { ...endpoint, addresses };
}

/** Whether the source's map has the route (always so for addresses of devices, and for sources that are no device). */
function usable(engine: PolicyEngine, from: Endpoint, path: Path): boolean {
  if (path.route === undefined || from.device === undefined) return true;
  if (!engine.sees(from.device.id, path.receiver.id)) return false;
  return engine.view(from.device.id, path.receiver.id).allowedIPs.includes(path.route);
}

function problemsOf(
  core: Core,
  from: Endpoint,
  to: Endpoint,
  addr: Addr | undefined,
  path: Path | undefined,
): string[] {
  const out: string[] = [];
  const stopped = (endpoint: Endpoint, what: string): void => {
    const { device } = endpoint;
    if (device === undefined || device.active) return;
    const owner =
      device.input.owner.kind === 'membership' ? core.world.users.get(device.input.owner.id) : undefined;
    out.push(
      `the ${what} is cut off: ${isForeign(device) ? 'its own organization, or its key' : whyCut(device, owner)}`,
    );
  };
  stopped(from, 'source');
  stopped(to, 'destination');
  const across = path && problemAcross(from, path);
  if (across !== undefined) out.push(across);
  if (addr !== undefined && path === undefined && to.device === undefined) {
    out.push(`${formatAddr(addr)} is no device's address, and no device carries a route to it`);
  }
  return out;
}

function whyCut(device: DeviceState, owner: UserInput | undefined): string {
  if (!device.input.authorized) return 'it is not authorized';
  if (device.input.expired) return 'its key has expired';
  return owner?.suspended ? 'its owner is suspended' : 'it has no owner';
}

function report(unit: Unit, from: Endpoint, lacks: readonly Lack[]): RuleReport {
  const { spec } = unit;
  const failed =
    lacks.includes('source') || guestOf(from) !== undefined
      ? []
      : failedConditions(spec.source.posture, from);
  return {
    origin: spec.origin,
    lacks,
    source: sourceText(unit),
    destination:
      spec.targets.flatMap(({ dst }) => dst.map(destinationText)).join(', ') || 'capabilities only',
    posture: failed.map(({ attribute, text }) => ({ condition: text, actual: actualValue(from, attribute) })),
  };
}

function lacksOf(
  core: Core,
  unit: Unit,
  from: Endpoint,
  to: Endpoint,
  addr: Addr | undefined,
  path: Path | undefined,
  traffic: Traffic,
): Lack[] {
  const { spec } = unit;
  const lacks: Lack[] = [];
  if (!namesSource(spec.source, from)) lacks.push('source');
  // Conditions are not asked of devices of other organizations (contract: "not applied to shared sources").
  else if (guestOf(from) === undefined && !postureHolds(spec.source, from)) lacks.push('posture');
  const fitting = spec.targets.filter(({ dst }) =>
    dst.some((one) => {
      if (!namesDestination(one, spec.reach, from, to)) return false;
      if (path === undefined || addr === undefined) return spec.reach.kind !== 'via';
      return spelledOn(core, unit, one, path, addr, guestOf(from));
    }),
  );
  if (fitting.length === 0) {
    const elsewhere = spec.targets.some(({ dst }) =>
      dst.some((one) => namesDestination(one, spec.reach, from, to)),
    );
    lacks.push(elsewhere ? 'carrier' : 'destination');
  } else if (!fitting.some(({ allow }) => allows(allow, traffic))) lacks.push('protocol-or-port');
  return lacks;
}

/** The source, where it is a device of another organization: rules open less to it. */
const guestOf = ({ device }: Endpoint): DeviceState | undefined => (isForeign(device) ? device : undefined);

/** Whether the receiver's filter has the address under this rule. */
function spelledOn(
  core: Core,
  unit: Unit,
  dst: Parameters<typeof destinationTexts>[2],
  path: Path,
  addr: Addr,
  guest: DeviceState | undefined,
): boolean {
  if (guest !== undefined) {
    const exit = sharesExit(path.receiver, guest);
    return openedTo(core.program(), path.receiver, dst, unit.spec.reach, exit).some((text) =>
      covers(text, addr),
    );
  }
  const { profile } = path.receiver;
  const self = unit.spec.reach.kind === 'self';
  if (self ? profile.selfUser === undefined : !hasBit(profile.net.dst, unit.slot)) return false;
  const input = { program: core.program(), asFile: core.asFile() };
  const texts = destinationTexts(input, path.receiver, dst, unit.spec.reach);
  return texts.some((text) => covers(text, addr));
}

function covers(text: string, addr: Addr): boolean {
  if (text === '*') return true;
  const prefix = parseAddrOrPrefix(text);
  if (prefix !== undefined) return setOverlapsPrefix(setOfAddrs([addr]), prefix);
  const [from, to] = text.split('-').map((part) => parseAddrOrPrefix(part)?.addr);
  return (
    from?.family === addr.family &&
    to?.family === addr.family &&
    addr.value >= from.value &&
    addr.value <= to.value
  );
}

function sourceText({ spec }: Unit): string {
  const { any, danger, atoms, spelled } = spec.source;
  return [...(any ? ['*'] : []), ...(danger ? ['autogroup:danger-all'] : []), ...atoms, ...spelled].join(
    ', ',
  );
}

function destinationText(dst: Unit['spec']['targets'][number]['dst'][number]): string {
  switch (dst.kind) {
    case 'any':
      return '*';
    case 'internet':
      return 'autogroup:internet';
    case 'exit':
      return 'the internet behind the network';
    case 'resolver':
      return 'names in the network';
    case 'atom':
      return dst.atom;
    case 'literal':
      return dst.pieces.map((piece) => piece.text).join(', ');
  }
}

function actualValue(endpoint: Endpoint, attribute: string): string | undefined {
  const value = lookUp(endpoint.attributes, attribute);
  return value === undefined ? undefined : String(value);
}

function pathReport(core: Core, { receiver, route, network, exit }: Path): PathReport {
  const gateways = (core.index().gatewaysOfDevice.get(receiver.id) ?? []).map((gateway) => gateway.id);
  return { receiver: receiver.id, route, network: network === 0 ? undefined : network, gateways, exit };
}
