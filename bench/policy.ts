/** Figures of the policy engine: node bench/policy.ts */
import { spawnSync } from 'node:child_process';
import { createPolicyEngine, impactOf, type PolicyEngine, parsePolicy } from '../src/policy/index.ts';
import { device, policyText, STANDARD, userChanges, type WorldSize } from './policy-world.ts';

const ms = (from: number): number => performance.now() - from;
const show = (name: string, value: number, unit = 'ms'): void => {
  console.log(`${name.padEnd(72)} ${value < 1 ? value.toFixed(3) : value.toFixed(1)} ${unit}`);
};
const percentile = (values: number[], p: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))] ?? 0;

function filled(size: WorldSize, devices: number): PolicyEngine {
  const engine = createPolicyEngine({ policy: parsePolicy(policyText(size)) });
  engine.applyAll(userChanges(size));
  engine.applyAll(
    Array.from({ length: devices }, (_, i) => ({ kind: 'device' as const, device: device(size, i) })),
  );
  return engine;
}

/** Everything that a device's stream needs at its start. */
function readAll(engine: PolicyEngine, id: number): void {
  engine.filter(id);
  engine.ssh(id);
  engine.self(id);
  for (const peer of engine.peers(id)) engine.view(id, peer);
}

/** One more device: apply, its own full output, and the new filters of those it touches. */
function join(engine: PolicyEngine, size: WorldSize, i: number): number {
  const start = performance.now();
  const input = device(size, i);
  const changes = engine.apply({ kind: 'device', device: input });
  readAll(engine, input.id);
  for (const id of changes.filters) engine.filter(id);
  for (const { subject, viewers } of changes.subjects()) {
    for (const viewer of viewers) if (engine.sees(viewer, subject)) engine.view(viewer, subject);
  }
  return ms(start);
}

function applyOnly(engine: PolicyEngine, size: WorldSize, i: number): number {
  const start = performance.now();
  engine.apply({ kind: 'device', device: device(size, i) });
  return ms(start);
}

/** Runs work once and shows its time, and the processor time beside it: the machine may be busy with other things. */
function timed<T>(name: string, work: () => T): T {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = work();
  const wall = ms(start);
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    `${name.padEnd(72)} ${wall.toFixed(1)} ms (processor ${((user + system) / 1_000).toFixed(1)} ms)`,
  );
  return result;
}

function measure(size: WorldSize, devices: number): void {
  console.log(`\n${devices} devices, ${size.rules} rules, ${size.users} users, ${size.tags} tags`);
  const text = policyText(size);
  const policy = timed('parse and check the policy file', () => parsePolicy(text));
  const engine = timed('load the world', () => filled(size, devices));
  timed('first compile of everything: filters, SSH, peers, views', () => {
    for (const id of engine.core.devices.keys()) readAll(engine, id);
  });

  const rule = '{"action":"accept","src":["group:g01"],"dst":["tag:t05:9999"]},';
  const saved = parsePolicy(text.replace('"acls": [', `"acls": [${rule}`));
  const impact = timed('impact of a one-rule change', () =>
    impactOf(engine, [{ kind: 'policy', policy: saved }]),
  );
  show('  pairs of devices it changes', impact.pairs, '');
  const changes = timed('policy save to the first affected filter', () => {
    const made = engine.apply({ kind: 'policy', policy: saved });
    const [first] = made.filters;
    if (first !== undefined) engine.filter(first);
    return made;
  });
  show('  devices with another filter', changes.filters.size, '');
  timed('  all affected filters', () => {
    for (const id of changes.filters) engine.filter(id);
  });
  engine.apply({ kind: 'policy', policy });
  for (const id of engine.core.devices.keys()) engine.filter(id);

  const applied = Array.from({ length: 50 }, (_, i) => applyOnly(engine, size, devices + i));
  const joins = Array.from({ length: 50 }, (_, i) => join(engine, size, devices + 100 + i));
  show('one join, the change alone: median', percentile(applied, 0.5));
  show('one join, the change alone: p95', percentile(applied, 0.95));
  show('one join with every output it touches: median', percentile(joins, 0.5));
  show('one join with every output it touches: p95', percentile(joins, 0.95));
}

function defaultPolicy(devices: number): void {
  const size = STANDARD;
  const engine = createPolicyEngine();
  engine.applyAll(userChanges(size));
  for (let i = 0; i < devices; i++) engine.apply({ kind: 'device', device: device(size, i * 25 + 1) });
  const times = Array.from({ length: 200 }, (_, i) => applyOnly(engine, size, (devices + i) * 25 + 1));
  console.log(`\nno policy file, ${devices} devices`);
  show('one join, the change alone: median', percentile(times, 0.5) * 1_000, 'us');
}

const MEMORY = '--memory';

/** Prints what an engine holds, in a process that has done nothing else. */
function memory(): void {
  const held = (): number => {
    globalThis.gc?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = held();
  const engine = filled(STANDARD, 1_000);
  for (const id of engine.core.devices.keys()) readAll(engine, id);
  show('memory of an engine with 1000 devices, all outputs held', (held() - before) / 2 ** 20, 'MiB');
  if (engine.size === 0) throw new Error('unreachable');
}

if (process.argv.includes(MEMORY)) {
  memory();
  process.exit();
}

for (const devices of [250, 500, 1_000, 2_500, 5_000]) measure(STANDARD, devices);
measure({ rules: 2_000, users: 800, tags: 100, groups: 120, hosts: 200 }, 5_000);
defaultPolicy(1_000);
console.log('');
spawnSync(process.execPath, ['--expose-gc', import.meta.filename, MEMORY], { stdio: 'inherit' });
