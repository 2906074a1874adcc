/**
 * Why one place may (or may not) reach another: the rules that let it, or those that came closest and what each lacks.
 * The answer is that of the receiving device's filter, so it is what a packet will meet.
 */
import {
  type Addr,
  formatAddr,
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
  closestConditions,
  namesDestination,
  namesSource,
  postureHolds,
  type Traffic,
} from '../evaluate/match.ts';
import { conditionHolds, lookUp } from '../posture.ts';
import type { ResourceInput, UserInput } from '../world.ts';
import { isForeign, lacksTowardsSharedIn, problemAcross } from './across.ts';
import { distance, type Lack, lacksSource } from './lack.ts';
import { type Path, type Place, type Resolution, resolvePlace } from './places.ts';
import { ruleText } from './rule-text.ts';
import { addressOf, isCarried, ofFamily, secondAddressOf, wayOf, whyNotCarried } from './way.ts';

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
  /** Sources, destinations, protocols and ports of the rule, as its author wrote them. */
  readonly source: string;
  readonly destination: string;
  readonly ports: string;
  /** The conditions on a source that it names, with the value that the source has; of several lists, the one that comes closest. */
  readonly posture: readonly PostureReport[];
}

export interface PostureReport {
  readonly condition: string;
  readonly actual: string | undefined;
  readonly holds: boolean;
}

/** The answer for one pair. */
export interface Verdict {
  readonly source: string;
  readonly sourceDevice: number | undefined;
  readonly target: string;
  readonly targetDevice: number | undefined;
  readonly allowed: boolean;
  /** Rules that let it pass, the first of them. */
  readonly by: readonly RuleReport[];
  /** How many more do. */
  readonly more: number;
  /** If none does: the closest ones, closest first. */
  readonly closest: readonly RuleReport[];
  /** The source is the destination, or carries the route to it: the network is not asked. */
  readonly itself: boolean;
  readonly path: PathReport | undefined;
  /** Other reasons that nothing passes: a device that is not authorized, a prefix that nobody carries. */
  readonly problems: readonly string[];
}

export interface PathReport {
  /** The destination's address that was asked about: IPv4 where both sides have it. */
  readonly address: string;
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

const ICMP = 1;
const MAX_CLOSEST = 3;
const MAX_BY = 10;

export function explain(engine: PolicyEngine, question: Question): Explanation {
  const { core } = engine;
  const source = resolvePlace(core, question.source);
  const target = resolvePlace(core, question.target);
  const units = [...core.program().units.values()].sort((a, b) => a.rank - b.rank);
  const asked: Asked = { engine, units, traffic: question, resource: target.resource };
  // One of many is not asked about itself; whoever asks about one alone gets an answer.
  const isOne = source.endpoints.length === 1 && target.endpoints.length === 1;
  const verdicts = source.endpoints.flatMap((from) =>
    target.endpoints
      .filter((to) => isOne || from.device === undefined || from.device !== to.device)
      .map((to) => verdict(asked, from, to)),
  );
  return {
    source: source.resolution,
    target: target.resolution,
    verdicts,
    allowed: verdicts.length > 0 && verdicts.every((one) => one.allowed),
  };
}

/** What is the same for all pairs of a question. */
interface Asked {
  readonly engine: PolicyEngine;
  /** In policy order. */
  readonly units: readonly Unit[];
  readonly traffic: Traffic;
  readonly resource: ResourceInput | undefined;
}

/** A rule may name one address of a device alone: what passes over IPv6 is no refusal. */
function verdict(asked: Asked, from: Endpoint, to: Endpoint): Verdict {
  const addr = addressOf(from, to);
  const first = verdictAt(asked, from, to, addr);
  // ICMP is another protocol over IPv6: whoever asks about one does not mean the other.
  const second =
    first.allowed || asked.traffic.protocol === ICMP ? undefined : secondAddressOf(from, to, addr);
  const other = second && verdictAt(asked, from, to, second);
  return other?.allowed ? other : first;
}

function verdictAt(asked: Asked, from: Endpoint, to: Endpoint, addr: Addr | undefined): Verdict {
  const { engine, resource } = asked;
  const { core } = engine;
  const path = addr && wayOf(engine, from, addr, resource?.network);
  const sides = {
    ...{ source: from.label, sourceDevice: from.device?.id },
    ...{ target: to.label, targetDevice: to.device?.id },
    path: addr && path && pathReport(core, addr, path),
  };
  if (path !== undefined && path.receiver === from.device) {
    return { ...sides, allowed: true, by: [], more: 0, closest: [], problems: [], itself: true };
  }
  const held = heldRules(asked, from, to, addr, path);
  const by = held.filter(({ lacks }) => lacks.length === 0);
  const reported = (some: readonly Held[]): RuleReport[] => some.map((one) => report(core, one));
  const problems = problemsOf(core, from, to, addr, path, resource);
  const isOpen = by.length > 0 && problems.length === 0;
  const isClient = from.device?.input.behind !== undefined;
  if ((isOpen || isClient) && addr && path && !isCarried(engine, from, addr, path)) {
    problems.push(whyNotCarried(from, path));
  }
  return {
    ...sides,
    allowed: by.length > 0 && problems.length === 0,
    by: reported(by.slice(0, MAX_BY)),
    more: Math.max(0, by.length - MAX_BY),
    closest: by.length > 0 ? [] : reported(closestOf(held, problems.length > 0)),
    problems,
    itself: false,
  };
}

/** A rule held against the question. It is put into words only where it is told of: rules are many. */
interface Held {
  readonly unit: Unit;
  readonly lacks: readonly Lack[];
  /** The source, with the addresses that are asked about. */
  readonly from: Endpoint;
}

/** Every rule, in policy order, and of one that stands in several parts the part that comes closest. */
function heldRules(
  { engine: { core }, units, traffic }: Asked,
  from: Endpoint,
  to: Endpoint,
  addr: Addr | undefined,
  path: Path | undefined,
): Held[] {
  const source = addr === undefined ? from : ofFamily(from, addr.family);
  const sharedIn = path !== undefined && isForeign(path.receiver) && !isForeign(from.device);
  const best = new Map<string, Held>();
  for (const unit of units) {
    const one: Held = sharedIn
      ? { unit, from, lacks: lacksTowardsSharedIn(unit, from, path) }
      : { unit, from: source, lacks: lacksOf(core, unit, source, to, addr, path, traffic) };
    const key = JSON.stringify(unit.spec.origin);
    const known = best.get(key);
    if (known === undefined || distance(one.lacks) < distance(known.lacks)) best.set(key, one);
  }
  return [...best.values()];
}

/** Rules that at least lead to the destination; where none does and nothing else keeps packets off, others of the source. */
function closestOf(held: readonly Held[], isKeptOff: boolean): Held[] {
  const lacking = held.filter(
    ({ unit, lacks }) => opensSomething(unit) && lacks.length > 0 && lacks.length < 3,
  );
  const near = lacking.filter(({ lacks }) => !lacks.includes('destination'));
  const rest = isKeptOff ? [] : lacking.filter(({ lacks }) => lacks.length === 1);
  return (near.length > 0 ? near : rest)
    .sort((a, b) => distance(a.lacks) - distance(b.lacks))
    .slice(0, MAX_CLOSEST);
}

/** Rules with nothing but capabilities let no packet pass, whoever they name. */
const opensSomething = ({ spec }: Unit): boolean => spec.targets.some(({ allow }) => allow.length > 0);

function problemsOf(
  core: Core,
  from: Endpoint,
  to: Endpoint,
  addr: Addr | undefined,
  path: Path | undefined,
  resource: ResourceInput | undefined,
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
    out.push(
      resource === undefined
        ? `${formatAddr(addr)} is no device's address, and no device carries a route to it`
        : `no gateway of its network carries it: ${whyNoGateway(core, resource)}`,
    );
  }
  return out;
}

function whyNoGateway({ world, devices }: Core, { network, active }: ResourceInput): string {
  if (world.networks.get(network)?.active !== true) return 'the network is not active';
  if (!active) return 'the resource is not active';
  const gateways = [...world.gateways.values()].filter((gateway) => gateway.network === network);
  if (gateways.length === 0) return 'there is no gateway';
  const serving = gateways.flatMap(({ device }) => (device === undefined ? [] : [devices.get(device)]));
  if (serving.length === 0) return 'none of the gateways has a device: one joins with its token';
  if (!serving.some((device) => device?.active === true)) {
    return 'the devices of the gateways are cut off: they are not authorized, or their keys have expired';
  }
  return 'nobody has access to it';
}

function whyCut(device: DeviceState, owner: UserInput | undefined): string {
  if (!device.input.authorized) return 'it is not authorized';
  if (device.input.expired) return 'its key has expired';
  return owner?.suspended ? 'its owner is suspended' : 'it has no owner';
}

function report(core: Core, { unit: { spec }, lacks, from }: Held): RuleReport {
  const isAsked = !lacksSource(lacks) && guestOf(from) === undefined;
  const conditions = isAsked ? closestConditions(spec.source.posture, from) : [];
  return {
    origin: spec.origin,
    lacks,
    ...ruleText(core, spec),
    posture: conditions.map((condition) => ({
      condition: condition.text,
      actual: actualValue(from, condition.attribute),
      holds: conditionHolds(condition, from.attributes),
    })),
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
  if (!namesSource(spec.source, from)) lacks.push(spec.source.any ? 'source-wildcard' : 'source');
  // Conditions are not asked of devices of other organizations (contract: "not applied to shared sources").
  else if (guestOf(from) === undefined && !postureHolds(spec.source, from)) lacks.push('posture');
  const fitting = spec.targets.filter(({ dst }) =>
    dst.some((one) => {
      if (!namesDestination(one, spec.reach, from, to)) return false;
      if (path === undefined || addr === undefined || isCutOff(path)) return spec.reach.kind !== 'via';
      return spelledOn(core, unit, one, path, addr, guestOf(from));
    }),
  );
  if (fitting.length === 0) {
    const all = spec.targets.flatMap(({ dst }) => dst);
    const isWild = spec.reach.kind === 'anywhere' && all.some((one) => one.kind === 'any');
    const isNamed = all.some((one) => namesDestination(one, spec.reach, from, to));
    // What lies behind a network's gateways is an address like others, and covered by no wildcard.
    const isOutside = !isNamed || (path !== undefined && path.network !== 0);
    lacks.push(isWild && isOutside ? 'destination-wildcard' : isNamed ? 'carrier' : 'destination');
  } else if (!fitting.some(({ allow }) => allows(allow, traffic))) lacks.push('protocol-or-port');
  return lacks;
}

/** No rule leads to a device that is out: it is told what would if it were not. */
const isCutOff = ({ receiver, route }: Path): boolean =>
  route === undefined && !receiver.active && !isForeign(receiver);

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

function actualValue(endpoint: Endpoint, attribute: string): string | undefined {
  const value = lookUp(endpoint.attributes, attribute);
  return value === undefined ? undefined : String(value);
}

function pathReport(core: Core, addr: Addr, { receiver, route, network, exit }: Path): PathReport {
  const gateways = (core.index().gatewaysOfDevice.get(receiver.id) ?? []).map((gateway) => gateway.id);
  const address = formatAddr(addr);
  return {
    address,
    receiver: receiver.id,
    route,
    network: network === 0 ? undefined : network,
    gateways,
    exit,
  };
}
