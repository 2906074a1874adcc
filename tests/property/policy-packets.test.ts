import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Addr,
  isDefaultRoute,
  parseAddr,
  parseAddrOrPrefix,
  parsePrefix,
  prefixContains,
} from '../../src/kernel/netip/index.ts';
import {
  type Change,
  createPolicyEngine,
  DEFAULT_SETTINGS,
  EMPTY_CONTEXT,
  type FilterRule,
  type PolicyEngine,
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
  type Packet,
  resourceRoutes,
} from './policy-naive.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 10_000 : 1_000;
const settings = { ...DEFAULT_SETTINGS, domains: ['a.test'] };

/** What the changes leave, as plain lists; roles are not part of the naive reading. */
function worldAfter(policy: NaiveWorld['policy'], changes: readonly Change[]): NaiveWorld {
  const tables = {
    user: new Map(),
    device: new Map(),
    group: new Map(),
    network: new Map(),
    gateway: new Map(),
    resource: new Map(),
    edge: new Map(),
  } as const;
  for (const change of changes) {
    for (const [kind, table] of Object.entries(tables)) {
      if (change.kind === kind) {
        const subject = (change as unknown as Record<string, { id: number }>)[kind]!;
        table.set(subject.id, subject);
      }
      if (change.kind === `${kind}-removed` && 'id' in change) table.delete(change.id);
    }
  }
  const list = <T>(map: ReadonlyMap<number, T>): T[] => [...map.values()];
  return {
    policy,
    users: list(tables.user),
    devices: list(tables.device),
    groups: list(tables.group),
    networks: list(tables.network),
    gateways: list(tables.gateway),
    resources: list(tables.resource),
    edges: list(tables.edge),
  };
}

/** A client's reading of its filter. */
function filterAccepts(rules: readonly FilterRule[], { from, to, protocol, port }: Packet): boolean {
  return rules.some(({ SrcIPs, DstPorts = [], IPProto = [6, 17, 1, 58] }) => {
    if (!IPProto.includes(protocol) || !SrcIPs.some((text) => covers(text, from))) return false;
    return DstPorts.some(({ IP, Ports }) => covers(IP, to) && port >= Ports.First && port <= Ports.Last);
  });
}

function covers(text: string, addr: Addr): boolean {
  if (text === '*') return true;
  const prefix = parseAddrOrPrefix(text);
  if (prefix !== undefined) return prefixContains(prefix, addr);
  const [from, to] = text.split('-').map((part) => parseAddr(part));
  if (from === undefined || to === undefined) throw new Error(`not an address, prefix or range: ${text}`);
  return from.family === addr.family && addr.value >= from.value && addr.value <= to.value;
}

const OUTSIDE = [
  '10.1.2.9',
  '10.1.77.1',
  '10.2.0.1',
  '10.5.0.7',
  '10.5.0.99',
  '10.9.0.7',
  '8.8.8.8',
  '1.1.1.1',
  'fd00:1::5',
  '2001:db8::1',
  '100.64.0.99',
  '192.168.0.1',
];
const addresses = [
  ...OUTSIDE,
  ...[1, 2, 3, 4, 5, 6, 21, 25].flatMap((n) => [
    `100.64.0.${n}`,
    `100.127.0.${n}`,
    `fd7a:115c:a1e0::${n.toString(16)}`,
  ]),
].map((text) => parseAddr(text)!);
const TRAFFIC = [
  { protocol: 6, port: 22 },
  { protocol: 6, port: 443 },
  { protocol: 6, port: 85 },
  { protocol: 17, port: 53 },
  { protocol: 1, port: 0 },
  { protocol: 47, port: 0 },
];

/** Addresses that packets to this device may carry: its own, and those behind it. */
function reachableOn(world: NaiveWorld, engine: PolicyEngine, id: number): Addr[] {
  const device = world.devices.find((one) => one.id === id)!;
  const own = device.addresses.map((text) => parseAddr(text)!);
  const routes = [...manualRoutes(device), ...resourceRoutes(world, device)];
  const behind = addresses.filter((addr) =>
    routes.some((route) => prefixContains(route, addr) && (!isDefaultRoute(route) || isPublic(addr))),
  );
  // Traffic to devices never goes through a router.
  const tailnet = [parsePrefix('100.64.0.0/10')!, parsePrefix('fd7a:115c:a1e0::/48')!];
  expect(engine.has(id)).toBe(true);
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
            for (const to of reachableOn(world, engine, device.id)) {
              for (const from of addresses) {
                for (const traffic of TRAFFIC) {
                  const packet = { from, to, ...traffic };
                  const expected = accepts(world, device, packet);
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
