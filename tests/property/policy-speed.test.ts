/** The stated times, asserted at five times their value, in processor time; bench/policy.ts measures them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { device, policyText, STANDARD, userChanges } from '../../bench/policy-world.ts';
import {
  type Change,
  createPolicyEngine,
  impactOf,
  type PolicyEngine,
  parsePolicy,
} from '../../src/policy/index.ts';
import { processorTime } from '../support/processor-time.ts';

const SLACK = 5;
const text = policyText(STANDARD);
const changed = text.replace(
  '"acls": [',
  '"acls": [{"action":"accept","src":["group:g01"],"dst":["tag:t05:9999"]},',
);

function filled(devices: number): PolicyEngine {
  const engine = createPolicyEngine({ policy: parsePolicy(text) });
  engine.applyAll(userChanges(STANDARD));
  engine.applyAll(
    Array.from({ length: devices }, (_, i): Change => ({ kind: 'device', device: device(STANDARD, i) })),
  );
  return engine;
}

function readAll(engine: PolicyEngine, id: number): void {
  engine.filter(id);
  engine.ssh(id);
  engine.self(id);
  for (const peer of engine.peers(id)) engine.view(id, peer);
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Medians, so that a busy moment of the machine does not decide. */
function joinTime(engine: PolicyEngine, from: number): number {
  return median(
    Array.from({ length: 31 }, (_, i) => {
      const input = device(STANDARD, from + i);
      return processorTime(() => {
        engine.apply({ kind: 'device', device: input });
        engine.filter(input.id);
      });
    }),
  );
}

describe('1,000 devices under 500 rules', () => {
  let engine: PolicyEngine;
  beforeAll(() => {
    engine = filled(1_000);
  });

  it('compile for the first time in 1.5 s', () => {
    const time = processorTime(() => {
      for (const id of engine.core.devices.keys()) readAll(engine, id);
    });
    expect(time).toBeLessThan(1_500 * SLACK);
  });

  it('take one more device in 2 ms', () => {
    expect(joinTime(engine, 1_000)).toBeLessThan(2 * SLACK);
  });

  it('have the first changed filter 200 ms after a save, and the impact before it', () => {
    const policy = parsePolicy(changed);
    expect(processorTime(() => impactOf(engine, [{ kind: 'policy', policy }]))).toBeLessThan(1_000 * SLACK);
    const time = processorTime(() => {
      const [first] = engine.apply({ kind: 'policy', policy }).filters;
      expect(first).toBeDefined();
      engine.filter(first!);
    });
    expect(time).toBeLessThan(200 * SLACK);
  });
});

describe('the cost of one more device', () => {
  it('is microseconds where everything may reach everything', () => {
    const engine = createPolicyEngine();
    engine.applyAll(userChanges(STANDARD));
    const plain = (i: number): Change => ({
      kind: 'device',
      device: { ...device(STANDARD, i), advertised: [], approved: [] },
    });
    for (let i = 0; i < 1_000; i++) engine.apply(plain(i));
    const times = Array.from({ length: 200 }, (_, i) => processorTime(() => engine.apply(plain(1_000 + i))));
    expect(median(times)).toBeLessThan(0.1 * SLACK);
  });
});

describe('the impact of closing everything', () => {
  it.each([
    ['*', '*'],
    ['tag:a', 'tag:a'],
  ])('from %s to %s is one group, however many devices there are', (src, dst) => {
    const acls = [{ action: 'accept', src: [src], dst: [`${dst}:*`] }];
    const engine = createPolicyEngine({
      policy: parsePolicy(JSON.stringify({ tagOwners: { 'tag:a': [] }, acls })),
    });
    const plain = (i: number): Change => {
      const made = { ...device(STANDARD, i), owner: { kind: 'tags' as const }, tags: ['tag:a'] };
      return { kind: 'device', device: { ...made, attributes: {}, advertised: [], approved: [] } };
    };
    engine.applyAll(Array.from({ length: 1_000 }, (_, i) => plain(i)));
    const policy = parsePolicy('{"acls": []}');
    const time = processorTime(() => {
      const impact = impactOf(engine, [{ kind: 'policy', policy }]);
      expect(impact.flows).toHaveLength(1);
      expect(impact.pairs).toBe(1_000 * 999);
    });
    expect(time).toBeLessThan(1_000 * SLACK);
  });
});
