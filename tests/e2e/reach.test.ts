// What explain says is what a TCP connection does: every source, destination and port of the reach world, asked and dialled.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explainAccess } from '../../src/effective-policy/explain-access.ts';
import { loadOrganizationPolicy } from '../../src/effective-policy/organization-policy.ts';
import { policyImpact } from '../../src/effective-policy/policy-impact.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore } from '../../src/store/open-store.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { unless } from '../support/requirements.ts';
import { RESOURCES } from './reach-seed.ts';
import {
  createReachWorld,
  LAN_HOSTS,
  POLICY,
  PORTS,
  POSTURE_PORTS,
  type ReachWorld,
  SOURCES,
} from './reach-world.ts';

const TCP = 6;
const SETTLE_MS = 30_000;
const TEST_TIMEOUT_MS = 240_000;

interface Pair {
  readonly source: string;
  readonly target: string;
  readonly port: number;
}

const missing = unless(await whyNoRealClients());

describe('explain, beside real connections', missing, () => {
  let world: ReachWorld;
  beforeAll(async () => {
    world = await createReachWorld();
  }, BUILD_TIMEOUT_MS);
  afterAll(() => world?.end());

  const load = async () => {
    const onError = (error: unknown): void => {
      throw error;
    };
    const location = { kind: 'sqlite', directory: world.directory } as const;
    const store = await openStore({ location, clock: systemClock, onError });
    const organization = await store.organizationBy('label', 'acme');
    if (organization === undefined) throw new Error('there is no organization acme');
    const loaded = await loadOrganizationPolicy(store, systemClock, organization);
    await store.close();
    return loaded;
  };
  const pairsOf = (source: string): Pair[] => {
    const own = SOURCES.filter((name) => name !== source).map((name) => world.addresses.get(name) ?? '');
    return [...own, ...LAN_HOSTS, ...RESOURCES].flatMap((target) =>
      PORTS.map((port) => ({ source, target, port })),
    );
  };
  const dial = async (): Promise<Map<string, boolean>> => {
    const found = new Map<string, boolean>();
    for (const source of SOURCES) {
      const pairs = pairsOf(source);
      const open = await world.probe(
        source,
        pairs.map(({ target, port }) => `${target}:${port}`),
      );
      for (const [index, pair] of pairs.entries()) found.set(JSON.stringify(pair), open[index] === true);
    }
    return found;
  };
  const explained = async (): Promise<Map<string, boolean>> => {
    const loaded = await load();
    return new Map(
      SOURCES.flatMap(pairsOf).map((pair) => [
        JSON.stringify(pair),
        explainAccess(loaded, { ...pair, protocol: TCP }).allowed,
      ]),
    );
  };
  const different = (a: ReadonlyMap<string, boolean>, b: ReadonlyMap<string, boolean>): string[] =>
    [...a]
      .filter(([pair, open]) => b.get(pair) !== open)
      .map(([pair, open]) => `${pair}: explain ${open}, TCP ${b.get(pair)}`);

  it('agrees with TCP on every pair and port', { timeout: TEST_TIMEOUT_MS }, async () => {
    const expected = await explained();
    const deadline = performance.now() + SETTLE_MS;
    // Clients take a moment to find each other; what is closed stays closed all the same.
    let got = await dial();
    while (different(expected, got).length > 0 && performance.now() < deadline) got = await dial();
    expect(different(expected, got)).toEqual([]);

    const pairs = [...expected].map(([text, open]) => ({ ...(JSON.parse(text) as Pair), open }));
    const byEdge = pairs.filter(({ target }) => RESOURCES.includes(target));
    const byPosture = pairs.filter(({ source, port, target }) => {
      const people = source === 'laptop' || source === 'phone';
      const named = [world.addresses.get('web'), world.addresses.get('db'), ...LAN_HOSTS].includes(target);
      return people && named && POSTURE_PORTS.includes(port);
    });
    expect(pairs.length).toBeGreaterThanOrEqual(200);
    expect(pairs.filter(({ open }) => !open).length).toBeGreaterThanOrEqual(80);
    expect(pairs.filter(({ target }) => LAN_HOSTS.includes(target)).length).toBeGreaterThanOrEqual(40);
    expect(byEdge.length).toBeGreaterThanOrEqual(20);
    expect(byEdge.filter(({ open }) => open)).toHaveLength(8);
    expect(byPosture.length).toBeGreaterThanOrEqual(20);
    expect(byPosture.filter(({ open }) => open)).toHaveLength(12);
  });

  it('foretells what a new policy changes', { timeout: TEST_TIMEOUT_MS }, async () => {
    const before = await dial();
    const next = {
      ...POLICY,
      grants: [...POLICY.grants.slice(1), { src: ['tag:db'], dst: ['tag:web'], ip: ['tcp:22'] }],
    };
    const impact = policyImpact(await load(), JSON.stringify(next));
    const opens = impact.traffic.flatMap(({ sources, targets, opens: flows }) =>
      sources.flatMap((s) => targets.flatMap((t) => flows.map(({ first }) => `${s} ${t} ${first}`))),
    );
    const closes = impact.traffic.flatMap(({ sources, targets, closes: flows }) =>
      sources.flatMap((s) => targets.flatMap((t) => flows.map(({ first }) => `${s} ${t} ${first}`))),
    );
    expect(opens.sort()).toEqual(['db web 22']);
    expect(closes.sort()).toEqual(['laptop web 443', 'laptop web 80', 'phone web 443', 'phone web 80']);

    await world.rest.ask('POST', '/api/v2/tailnet/-/acl', next);
    const nameOf = (address: string): string =>
      [...world.addresses].find(([, own]) => own === address)?.[0] ?? address;
    const changes = (after: ReadonlyMap<string, boolean>): string[] =>
      [...after]
        .filter(([pair, open]) => before.get(pair) !== open)
        .map(([text, open]) => {
          const { source, target, port } = JSON.parse(text) as Pair;
          return `${open ? 'opens' : 'closes'} ${source} ${nameOf(target)} ${port}`;
        })
        .sort();
    const expected = [
      ...opens.map((text) => `opens ${text}`),
      ...closes.map((text) => `closes ${text}`),
    ].sort();
    const deadline = performance.now() + SETTLE_MS;
    let seen = changes(await dial());
    while (seen.join() !== expected.join() && performance.now() < deadline) seen = changes(await dial());
    expect(seen).toEqual(expected);
  });
});
