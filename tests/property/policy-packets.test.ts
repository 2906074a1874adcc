import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Addr,
  isDefaultRoute,
  parseAddr,
  parsePrefix,
  prefixContains,
} from '../../src/kernel/netip/index.ts';
import {
  createPolicyEngine,
  DEFAULT_SETTINGS,
  EMPTY_CONTEXT,
  parsePolicy,
  validatePolicy,
} from '../../src/policy/index.ts';
import { deviceChange, networkChange, policyText, startChanges } from './policy-arbitraries.ts';
import {
  accepts,
  inForce,
  isPublic,
  manualRoutes,
  type NaiveWorld,
  resourceRoutes,
  worldAfter,
} from './policy-naive.ts';
import { ADDRESSES, filterAccepts, TRAFFIC } from './policy-packet.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 10_000 : 1_000;
const settings = { ...DEFAULT_SETTINGS, domains: ['a.test'] };

/** Addresses that packets to this device may carry: its own, and those behind it. */
function reachableOn(world: NaiveWorld, id: number): Addr[] {
  const device = world.devices.find((one) => one.id === id)!;
  const own = device.addresses.map((text) => parseAddr(text)!);
  const routes = [...manualRoutes(device), ...resourceRoutes(world, device)];
  const behind = ADDRESSES.filter((addr) =>
    routes.some((route) => prefixContains(route, addr) && (!isDefaultRoute(route) || isPublic(addr))),
  );
  // Traffic to devices never goes through a router.
  const tailnet = [parsePrefix('100.64.0.0/10')!, parsePrefix('fd7a:115c:a1e0::/48')!];
  return [...own, ...behind.filter((addr) => !tailnet.some((block) => prefixContains(block, addr)))];
}

describe('compiled filters and the language by its definition', () => {
  it('let the same packets pass', () => {
    let passed = 0;
    let dropped = 0;
    fc.assert(
      fc.property(
        policyText,
        startChanges,
        fc.array(fc.oneof(deviceChange, networkChange), { maxLength: 8 }),
        (text, start, more) => {
          const policy = parsePolicy(text);
          validatePolicy(policy, EMPTY_CONTEXT);
          const changes = [...start, ...more].filter((change) => !change.kind.startsWith('role'));
          const engine = createPolicyEngine({ settings, policy });
          engine.applyAll(changes);
          const world = worldAfter(policy, changes);
          for (const device of world.devices) {
            if (!inForce(world, device)) expect(engine.filter(device.id).rules).toEqual([]);
            const { rules } = engine.filter(device.id);
            for (const to of reachableOn(world, device.id)) {
              for (const from of ADDRESSES) {
                for (const traffic of TRAFFIC) {
                  const packet = { from, to, ...traffic };
                  const expected = accepts(world, device, packet);
                  if (expected === undefined) continue;
                  if (expected) passed++;
                  else dropped++;
                  if (filterAccepts(rules, packet) === expected) continue;
                  expect.fail(
                    `${JSON.stringify({ ...packet, from: show(from), to: show(to) })} at ${device.id}: want ${expected}; filter ${JSON.stringify(rules)}`,
                  );
                }
              }
            }
          }
        },
      ),
      { numRuns: RUNS },
    );
    expect(passed).toBeGreaterThan(RUNS);
    expect(dropped).toBeGreaterThan(RUNS);
  }, 1_800_000);
});

const show = (addr: Addr): string => `${addr.family}:${addr.value.toString(addr.family === 4 ? 10 : 16)}`;
