import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatPrefix } from '../../src/kernel/netip/index.ts';
import {
  type Change,
  createPolicyEngine,
  DEFAULT_SETTINGS,
  EMPTY_CONTEXT,
  parsePolicy,
  validatePolicy,
} from '../../src/policy/index.ts';
import { deviceChange, policyText, startChanges } from './policy-arbitraries.ts';
import { manualRoutes, type NaiveWorld, worldAfter } from './policy-naive.ts';
import { sightOf } from './policy-naive-sight.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 20_000 : 2_000;
const settings = { ...DEFAULT_SETTINGS, domains: ['a.test'] };

/** Devices of this organization, wherever they are: others and regions have definitions of their own. */
function plain(change: Change): Change[] {
  if (change.kind === 'primary') return [];
  if (change.kind !== 'device') return [change];
  const { external, audience, recipient, regions, online, ...device } = change.device;
  return external === undefined ? [{ kind: 'device', device }] : [];
}

/** Somebody is elected for each prefix that has carriers: which of them, the draws say. */
function election(world: NaiveWorld, draws: readonly number[]): Map<string, number> {
  const carriers = new Map<string, number[]>();
  for (const device of world.devices) {
    for (const route of manualRoutes(device).map(formatPrefix))
      carriers.set(route, [...(carriers.get(route) ?? []), device.id]);
  }
  return new Map(
    [...carriers].map(([route, ids], i) => [route, ids[(draws[i] ?? 0) % ids.length] ?? 0] as const),
  );
}

/** Half of them route the same, so that there is somebody to choose from. */
const CARRIERS = 3;
const contested = (change: Change): Change =>
  change.kind !== 'device' || change.device.id > CARRIERS
    ? change
    : {
        kind: 'device',
        device: { ...change.device, advertised: CONTESTED, approved: CONTESTED },
      };
const CONTESTED = ['10.1.0.0/16', '0.0.0.0/0'];

it('devices see whom they reach or who reaches them, and get the routes that lead there', () => {
  let seen = 0;
  let routed = 0;
  fc.assert(
    fc.property(
      policyText,
      startChanges,
      fc.array(deviceChange, { maxLength: 10 }),
      fc.boolean(),
      fc.array(fc.nat(5), { minLength: 6, maxLength: 6 }),
      (text, start, more, contest, draws) => {
        const policy = parsePolicy(text);
        validatePolicy(policy, EMPTY_CONTEXT);
        const changes = [...start, ...more].flatMap(plain).map((one) => (contest ? contested(one) : one));
        const engine = createPolicyEngine({ settings, policy });
        engine.applyAll(changes);
        const world = worldAfter(policy, changes);
        const primaries = election(world, draws);
        for (const [prefix, device] of primaries)
          engine.apply({ kind: 'primary', primary: { network: 0, prefix, device } });
        const sight = sightOf(world, (prefix) => primaries.get(formatPrefix(prefix)));
        for (const viewer of world.devices) {
          const peers = world.devices.filter((peer) => sight.sees(viewer, peer)).sort((a, b) => a.id - b.id);
          const ids = peers.map(({ id }) => id);
          expect(engine.peers(viewer.id), `peers of ${viewer.id}`).toEqual(ids);
          seen += ids.length;
          for (const peer of peers) {
            const own = new Set(peer.addresses.map((one) => `${one}/${one.includes(':') ? 128 : 32}`));
            const view = engine.view(viewer.id, peer.id);
            const expected = sight.routes(viewer, peer).map(formatPrefix).sort();
            const got = (view?.allowedIPs ?? []).filter((one) => !own.has(one)).sort();
            expect(got, `routes of ${peer.id} for ${viewer.id}`).toEqual(expected);
            routed += expected.length;
          }
        }
      },
    ),
    { numRuns: RUNS },
  );
  expect(seen).toBeGreaterThan(RUNS);
  expect(routed).toBeGreaterThan(RUNS / 2);
}, 600_000);
