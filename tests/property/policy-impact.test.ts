import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Addr, formatAddr, formatSet, setContains, unionSets } from '../../src/kernel/netip/index.ts';
import { reachesAcross } from '../../src/policy/engine/visibility.ts';
import { setOfText } from '../../src/policy/impact/flows.ts';
import {
  type Change,
  createPolicyEngine,
  createThings,
  DEFAULT_SETTINGS,
  type DeviceInput,
  type FlowText,
  impactOf,
  type PolicyEngine,
  parsePolicy,
  type Things,
} from '../../src/policy/index.ts';
import { INTERNET } from '../../src/policy/ranges.ts';
import { deviceChange, networkChange, policyText, primary, startChanges } from './policy-arbitraries.ts';
import type { Packet } from './policy-naive.ts';
import { ADDRESSES, covers, filterAccepts, TRAFFIC } from './policy-packet.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 2_000 : 300;
const settings = { ...DEFAULT_SETTINGS, domains: ['a.test'] };

const PUBLIC = ADDRESSES.filter((addr) => setContains(INTERNET, addr));

/** A policy travels as text, so that a counterexample can be read. */
type Step = Change | { readonly kind: 'policy-text'; readonly text: string };
const changeOf = (step: Step): Change =>
  step.kind === 'policy-text' ? { kind: 'policy', policy: parsePolicy(step.text) } : step;
const policyChange: fc.Arbitrary<Step> = policyText.map((text) => ({ kind: 'policy-text', text }));

/** Own addresses of a device, and those of the sample that it routes, the internet over the families that it offers. */
function addressesOn(engine: PolicyEngine, id: number): Addr[] {
  const device = engine.core.devices.get(id);
  if (device === undefined || !device.active) return [];
  const own = device.addresses.map(({ addr }) => addr);
  const routed = ADDRESSES.filter((addr) =>
    device.routes.some(
      (route) =>
        (!route.exit || (device.profile.external === undefined && setContains(INTERNET, addr))) &&
        route.range.family === addr.family &&
        covers(route.text, addr),
    ),
  );
  return [...own, ...routed];
}

function holds(flows: readonly FlowText[], to: Addr, own: boolean, protocol: number, port: number): boolean {
  return flows.some(
    (flow) =>
      flow.protocol === protocol &&
      port >= flow.first &&
      port <= flow.last &&
      ((own && flow.own.includes(to.family)) || flow.behind.some((text) => covers(text, to))),
  );
}

/** Devices of other organizations are nobody's peers but of those that they are shared with. */
function meet(engine: PolicyEngine, source: number, target: number): boolean {
  const [from, to] = [source, target].map((id) => engine.core.devices.get(id)?.profile);
  if (from === undefined || to === undefined) return false;
  return from.external === undefined || (to.external === undefined && reachesAcross(from, to));
}

/** What is shared in lets in what its own organization does: all that there is to decide here is who sees it. */
function letsIn(engine: PolicyEngine, source: number, target: number, packet: Packet): boolean {
  const [from, to] = [source, target].map((id) => engine.core.devices.get(id)?.profile);
  if (to?.external === undefined) return filterAccepts(engine.filter(target).rules, packet);
  if (from?.recipient === undefined || !to.audience?.has(from.recipient)) return false;
  return engine.sees(source, target) && ANY_PROTOCOL.includes(packet.protocol);
}
const ANY_PROTOCOL = [6, 17, 1, 58];

/**
 * Whether the source's map leads packets to an address to this target: as the one that has it, as the carrier of the longest
 * prefix, or, where there is none, as an exit node that it may choose. Maps of other organizations are not known here.
 */
function leads(engine: PolicyEngine, source: number, target: number, to: Addr): boolean {
  const { devices } = engine.core;
  if (devices.get(source)?.profile.external !== undefined) return true;
  if (devices.get(target)?.addresses.some(({ text }) => text === formatAddr(to))) return true;
  const held = [...devices.keys()]
    .filter((peer) => engine.sees(source, peer))
    .flatMap((peer) =>
      engine
        .view(source, peer)
        .allowedIPs.filter((prefix) => covers(prefix, to))
        .map((prefix) => ({ peer, bits: Number(prefix.split('/')[1]) }))
        .filter(({ bits }) => bits > 0 || setContains(INTERNET, to)),
    );
  const longest = Math.max(...held.map(({ bits }) => bits));
  return held.some(({ peer, bits }) => peer === target && bits === longest);
}

/** Of all things that addresses behind devices are said to be. */
const addressesOf = (things: Things, devices: readonly number[], texts: readonly string[]): string[] => {
  const found = things.among(devices, texts);
  return formatSet(unionSets(found.flatMap(({ addresses }) => addresses.map(setOfText))));
};

/** Tries packets between all pairs of devices, before and after: nothing else may be told, and nothing less. */
function check(before: readonly Change[], proposed: readonly Change[]): void {
  const engine = createPolicyEngine({ settings });
  engine.applyAll(before);
  const impact = impactOf(engine, proposed);
  const after = createPolicyEngine({ settings });
  after.applyAll([...before, ...proposed]);
  const ids = [...new Set([...engine.core.devices.keys(), ...after.core.devices.keys()])];
  const pairs = new Set<string>();
  for (const target of ids) {
    for (const source of ids) {
      if (source === target) continue;
      // A moved device is another place: compare devices only while their addresses are the same.
      const [was, is] = [engine.core.devices.get(source), after.core.devices.get(source)];
      const [on, off] = [engine.core.devices.get(target), after.core.devices.get(target)];
      if (was && is && was.addressKey !== is.addressKey) continue;
      if (on && off && on.addressKey !== off.addressKey) continue;
      const told = impact.routes.filter(
        ({ viewers, carrier }) => carrier === target && viewers.includes(source),
      );
      const [had, has] = [engine, after].map((one) => new Set(one.routes(source, target)));
      const gained = told.flatMap((one) => one.gained);
      expect(new Set(gained), `routes of ${target} for ${source}`).toEqual(has!.difference(had!));
      expect(new Set(told.flatMap((one) => one.lost))).toEqual(had!.difference(has!));
      const groups = impact.flows.filter(
        (group) => group.sources.includes(source) && group.targets.includes(target),
      );
      const tos = new Map(
        [
          ...addressesOn(engine, target),
          ...addressesOn(after, target),
          ...([on, off].some((one) => one?.profile.external) ? [] : PUBLIC),
        ].map((to) => [formatAddr(to), to]),
      );
      for (const to of tos.values()) {
        const from = (was ?? is)?.addresses.find(({ addr }) => addr.family === to.family)?.addr;
        if (from === undefined) continue;
        for (const traffic of TRAFFIC) {
          const passes = (one: PolicyEngine): boolean =>
            one.core.devices.get(source)?.active === true &&
            meet(one, source, target) &&
            addressesOn(one, target).some((addr) => formatAddr(addr) === formatAddr(to)) &&
            leads(one, source, target, to) &&
            letsIn(one, source, target, { from, to, ...traffic });
          const [before, now] = [passes(engine), passes(after)];
          const own = ((on ?? off)?.addresses ?? []).some(({ text }) => text === formatAddr(to));
          const told = {
            gained: groups.some((group) => holds(group.gained, to, own, traffic.protocol, traffic.port)),
            lost: groups.some((group) => holds(group.lost, to, own, traffic.protocol, traffic.port)),
          };
          if (before !== now) pairs.add(`${source}>${target}`);
          expect(told, `${source} to ${formatAddr(to)} on ${target}, ${JSON.stringify(traffic)}`).toEqual({
            gained: !before && now,
            lost: before && !now,
          });
        }
      }
    }
  }
  expect(impact.pairs).toBeGreaterThanOrEqual(pairs.size);
  const [was, is] = [createThings(engine.core), createThings(after.core)];
  for (const { targets, gained, lost } of impact.flows) {
    for (const { behind } of gained) expect(addressesOf(is, targets, behind)).toEqual(behind);
    for (const { behind } of lost) expect(addressesOf(was, targets, behind)).toEqual(behind);
  }
}

/** Routers whose prefixes are the same, or lie in each other's, so that one carries what others stand by for. */
const CONTESTED = ['10.1.0.0/16', '10.1.2.0/24', '8.8.8.0/24', '0.0.0.0/0'];
const ROUTERS = 3;
const election: fc.Arbitrary<Change> = fc
  .record({
    prefix: fc.constantFrom(...CONTESTED.slice(0, -1)),
    device: fc.integer({ min: 1, max: ROUTERS }),
  })
  .map((one) => ({ kind: 'primary', primary: { network: 0, ...one } }));
const router: fc.Arbitrary<Change> = fc
  .record({
    id: fc.integer({ min: 1, max: ROUTERS }),
    routes: fc.subarray(CONTESTED, { minLength: 1 }),
    tags: fc.subarray(['tag:x', 'tag:y'], { minLength: 1 }),
  })
  .map(({ id, routes, tags }) => ({
    kind: 'device',
    device: { ...routerOf(id), tags, advertised: routes, approved: routes },
  }));
const routerOf = (id: number): DeviceInput => ({
  ...{ id, owner: { kind: 'tags' }, tags: ['tag:x'], addresses: [`100.64.0.${id}`] },
  ...{ advertised: CONTESTED, approved: CONTESTED, attributes: {}, class: 'normal', authorized: true },
});
const among = (...names: readonly string[]): fc.Arbitrary<string[]> =>
  fc.subarray([...names], { minLength: 1, maxLength: 2 });
const routedPolicy: fc.Arbitrary<Step> = fc
  .array(
    fc.record(
      {
        src: among('*', 'tag:x', 'tag:y', 'ann@a.test', 'bob@a.test', 'autogroup:member'),
        dst: among(
          '10.1.0.0/16',
          '10.1.2.0/24',
          '10.1.2.9',
          '10.0.0.0/8',
          '8.8.8.0/24',
          'autogroup:internet',
        ),
        ip: among('*', 'tcp:443', '22'),
        via: among('tag:x', 'tag:y'),
      },
      { requiredKeys: ['src', 'dst', 'ip'] },
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((grants) => {
    const tagOwners = { 'tag:x': [], 'tag:y': [] };
    const any = { src: ['*'], dst: ['*'], ip: ['udp:53'] };
    const valid = grants.filter(({ dst, via }) => via === undefined || !dst.includes('10.1.2.9'));
    const text = JSON.stringify({ tagOwners, grants: grants.length > 2 ? valid : [any, ...valid] });
    return { kind: 'policy-text', text };
  });

describe('the impact of a change', () => {
  it('is exactly the difference between what maps lead to and filters let pass, before and after', () => {
    fc.assert(
      fc.property(
        policyChange,
        startChanges,
        fc.array(fc.oneof(networkChange, primary), { maxLength: 8 }),
        fc.array(
          fc.oneof(
            { weight: 3, arbitrary: policyChange },
            { weight: 2, arbitrary: deviceChange as fc.Arbitrary<Step> },
            { weight: 1, arbitrary: networkChange as fc.Arbitrary<Step> },
          ),
          { minLength: 1, maxLength: 2 },
        ),
        (policy, start, networks, steps) => {
          check([changeOf(policy), ...start, ...networks], steps.map(changeOf));
        },
      ),
      { numRuns: RUNS },
    );
  }, 600_000);

  it('is so where routers stand by for each other, and routes lie in wider ones', () => {
    fc.assert(
      fc.property(
        routedPolicy,
        startChanges,
        fc.array(router, { maxLength: 3 }),
        fc.array(election, { minLength: 2, maxLength: 6 }),
        fc.array(fc.oneof(routedPolicy, election as fc.Arbitrary<Step>, router as fc.Arbitrary<Step>), {
          minLength: 1,
          maxLength: 2,
        }),
        (policy, start, routers, elections, steps) => {
          const standing = Array.from(
            { length: ROUTERS },
            (_, i): Change => ({
              kind: 'device',
              device: routerOf(i + 1),
            }),
          );
          const before = [changeOf(policy), ...start, ...standing, ...routers, ...elections];
          check(before, steps.map(changeOf));
        },
      ),
      { numRuns: RUNS },
    );
  }, 600_000);
});
