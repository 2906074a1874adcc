/**
 * Devices of other organizations on the filter of a device that is shared with their people. Rules of the policy decide
 * about them as about anybody, but what they open to a guest is the device itself: not what it routes, and the internet
 * behind it only where that was shared too.
 */
import {
  type Addr,
  FULL_SET,
  formatAddr,
  formatSet,
  type IpSet,
  parseAddr,
  parsePrefix,
  setContains,
  setOfAddrs,
  setOfPrefix,
  setOfRanges,
  setsOverlap,
  subtractSets,
} from '../../kernel/netip/index.ts';
import type { DstSpec, Reach } from '../compile/unit.ts';
import { INTERNET_TEXTS } from '../ranges.ts';
import { hasBit } from './bits.ts';
import type { Core } from './core.ts';
import type { DeviceState } from './device-state.ts';
import { unitsOf } from './filter.ts';
import type { FilterRule } from './output.ts';
import type { Program, Unit } from './program.ts';
import { reachesAcross } from './visibility.ts';
import { externalPrincipals } from './world-state.ts';

/** The guests that may reach a device, in order of their ids. */
export function guestsOf(core: Core, device: DeviceState): DeviceState[] {
  const out: DeviceState[] = [];
  for (const profile of core.profiles().all) {
    if (profile.external === undefined || !reachesAcross(profile, device.profile)) continue;
    for (const id of profile.members) {
      const guest = core.devices.get(id);
      if (guest !== undefined) out.push(guest);
    }
  }
  return out.sort((a, b) => a.id - b.id);
}

/** The filter with its own rules narrowed to whoever is no guest, and with rules for the guests after them. */
export function withGuests(
  core: Core,
  device: DeviceState,
  rules: readonly FilterRule[],
  guests: readonly DeviceState[],
): FilterRule[] {
  const addresses = guests.flatMap((guest) => guest.addresses.map(({ addr }) => addr));
  const narrowed = rules
    .map((rule) => ({ ...rule, SrcIPs: without(rule.SrcIPs, addresses) }))
    .filter((rule, index) => rule.SrcIPs.length > 0 || rules[index]?.SrcIPs.length === 0);
  return [...narrowed, ...rulesFor(core, device, guests)];
}

function setOfText(text: string): IpSet | undefined {
  if (text === '*') return FULL_SET;
  const [from, to] = text.split('-').map(parseAddr);
  if (from !== undefined && to !== undefined) {
    return from.family === 4 && to.family === 4
      ? setOfRanges([{ family: 4, from: from.value, to: to.value }])
      : from.family === 6 && to.family === 6
        ? setOfRanges([{ family: 6, from: from.value, to: to.value }])
        : undefined;
  }
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return setOfPrefix(prefix);
  return from === undefined ? undefined : setOfAddrs([from]);
}

/** Sources as they are spelled, but where one holds a guest's address, which is cut out of it. */
function without(texts: readonly string[], addresses: readonly Addr[]): readonly string[] {
  const cut = setOfAddrs(addresses);
  return texts.flatMap((text) => {
    const set = setOfText(text);
    if (set === undefined || !setsOverlap(set, cut)) return [text];
    return formatSet(subtractSets(set, cut));
  });
}

/** The addresses with which a guest is a source: a literal source may name only one of its two. */
export function guestSources(core: Core, guest: DeviceState, { spec: { source } }: Unit): Addr[] {
  const names = externalPrincipals(core.index(), guest.input);
  const whole = source.any || source.danger || source.atoms.some((atom) => names.includes(atom));
  return guest.addresses
    .filter(({ addr }) => whole || source.literals.some((set) => setContains(set, addr)))
    .map(({ addr }) => addr);
}

function rulesFor(core: Core, device: DeviceState, guests: readonly DeviceState[]): FilterRule[] {
  const program = core.program();
  const units = unitsOf(program, device);
  const out: FilterRule[] = [];
  for (const unit of units) {
    const sources = guests.filter((guest) => hasBit(guest.profile.net.src, unit.slot));
    for (const exit of [false, true]) {
      const texts = sources
        .filter((guest) => sharesExit(device, guest) === exit)
        .flatMap((guest) => guestSources(core, guest, unit).map(formatAddr));
      if (texts.length > 0) out.push(...rulesOf(program, device, unit, texts, exit));
    }
  }
  return out;
}

function rulesOf(
  program: Program,
  device: DeviceState,
  { spec }: Unit,
  sources: readonly string[],
  exit: boolean,
): FilterRule[] {
  const out: FilterRule[] = [];
  for (const { dst, allow } of spec.targets) {
    const texts = [...new Set(dst.flatMap((one) => openedTo(program, device, one, spec.reach, exit)))];
    if (texts.length === 0) continue;
    for (const { protocols, ports } of allow) {
      out.push({
        SrcIPs: sources,
        DstPorts: texts.flatMap((IP) =>
          ports.map(({ first, last }) => ({ IP, Ports: { First: first, Last: last } })),
        ),
        ...(protocols === undefined ? {} : { IPProto: protocols }),
      });
    }
  }
  for (const { dst, caps } of spec.grants) {
    const own = new Set(dst.flatMap((one) => openedTo(program, device, one, spec.reach, false)));
    const Dsts = device.addresses.filter(({ text }) => own.has(text)).map(({ prefix }) => prefix);
    if (Dsts.length > 0)
      out.push({ SrcIPs: sources, CapGrant: [{ Dsts, CapMap: Object.fromEntries(caps) }] });
  }
  return out;
}

/** Whether the internet behind a device was shared with a guest too. */
export const sharesExit = (device: DeviceState, guest: DeviceState): boolean =>
  device.profile.audience?.get(guest.profile.recipient ?? 0) === true;

/** What a destination of a rule is to a guest. */
export function openedTo(
  program: Program,
  device: DeviceState,
  dst: DstSpec,
  reach: Reach,
  exit: boolean,
): readonly string[] {
  const internet = exit && device.exit && device.wild ? INTERNET_TEXTS : [];
  if (reach.kind !== 'anywhere') return reach.kind === 'via' && dst.kind === 'internet' ? internet : [];
  const own = device.addresses.map(({ text }) => text);
  switch (dst.kind) {
    case 'any':
      return device.wild ? [...own, ...internet] : [];
    case 'atom':
      return program.atoms.get(dst.atom)?.devices.has(device.id) ? own : [];
    case 'internet':
      return internet;
    case 'resolver':
    case 'exit':
      return [];
    case 'literal':
      return device.addresses.filter(({ addr }) => setContains(dst.set, addr)).map(({ text }) => text);
  }
}
