/** The measurements of a server: joins, a reconnect storm, one change to all, idle streams, and the list of devices. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createTestDevice, type TestDevice } from '../tests/client/index.ts';
import { initialise, type Server, serve } from '../tests/support/holdfast.ts';
import { startProgram } from '../tests/support/program.ts';
import { createRest, type Rest } from '../tests/support/rest.ts';
import { cpuMs, memoryKb, peakMemoryKb } from './process-costs.ts';

const AT_ONCE = 16;
const CHANGES = 20;
const BETWEEN_CHANGES_MS = 150;
const LIST_REQUESTS = 60;
const LISTS_AT_ONCE = 4;
/** Silence after which a storm counts as over. */
const QUIET_MS = 2_000;
/** The server gives memory back in its maintenance, some seconds after a storm. */
const IDLE_MS = 40_000;
const WAIT_MS = 60_000;

export interface Costs {
  readonly register: { readonly perSecond: number; readonly cpuMs: number };
  readonly reconnect: { readonly p95Ms: number; readonly cpuSeconds: number };
  readonly fanOut: { readonly p50Ms: number; readonly p99Ms: number; readonly cpuMs: number };
  readonly idleKbPerStream: number;
  readonly listCpuMs: number;
  readonly startMs: number;
  readonly cpuSeconds: number;
  readonly peakMb: number;
}

const Key = z.looseObject({ key: z.string() });

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** Runs a task for each item, some at a time. */
async function each<T>(
  items: readonly T[],
  atOnce: number,
  task: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function untilQuiet(devices: readonly TestDevice[]): Promise<void> {
  const told = (): number => devices.reduce((sum, { counters }) => sum + counters.messages, 0);
  for (let before = -1; before !== told(); ) {
    before = told();
    await sleep(QUIET_MS);
  }
}

interface Bench {
  readonly server: Server;
  readonly rest: Rest;
  readonly devices: readonly TestDevice[];
}

async function register({ server, devices }: Bench): Promise<Costs['register']> {
  const [start, cpu] = [performance.now(), cpuMs(server.process.pid)];
  await each(devices, AT_ONCE, async (device) => {
    const { Error: refusal } = await device.register();
    if (refusal !== '') throw new Error(`${device.hostname} was refused: ${refusal}`);
  });
  const seconds = (performance.now() - start) / 1_000;
  return {
    perSecond: devices.length / seconds,
    cpuMs: (cpuMs(server.process.pid) - cpu) / devices.length,
  };
}

async function reconnect({ server, devices }: Bench): Promise<Costs['reconnect']> {
  for (const device of devices) device.drop();
  const [start, cpu] = [performance.now(), cpuMs(server.process.pid)];
  const times: number[] = [];
  await each(devices, devices.length, async (device) => {
    const map = await device.startMap();
    times.push(performance.now() - start);
    if (map.peers.size !== devices.length - 1)
      throw new Error(`${device.hostname} was told of ${map.peers.size} peers`);
  });
  await untilQuiet(devices);
  return { p95Ms: quantile(times, 0.95), cpuSeconds: (cpuMs(server.process.pid) - cpu) / 1_000 };
}

async function fanOut({ server, devices }: Bench): Promise<Costs['fanOut']> {
  const [mover, ...others] = devices;
  if (mover === undefined) throw new Error('there are no devices');
  const id = mover.netmap().self?.ID ?? 0;
  const cpu = cpuMs(server.process.pid);
  const delays: number[] = [];
  for (let change = 1; change <= CHANGES; change += 1) {
    const endpoint = `192.0.2.${change}:41641`;
    const start = performance.now();
    const heard = others.map(async (other) => {
      await other.waitFor((map) => map.peers.get(id)?.Endpoints?.[0] === endpoint, WAIT_MS, 'the change');
      delays.push(performance.now() - start);
    });
    await Promise.all([mover.update({ endpoints: [endpoint] }), ...heard]);
    await sleep(BETWEEN_CHANGES_MS);
  }
  return {
    p50Ms: quantile(delays, 0.5),
    p99Ms: quantile(delays, 0.99),
    cpuMs: (cpuMs(server.process.pid) - cpu) / CHANGES,
  };
}

async function listDevices({ server, rest }: Bench): Promise<number> {
  const requests = Array.from({ length: LIST_REQUESTS }, (_, index) => index);
  const cpu = cpuMs(server.process.pid);
  await each(requests, LISTS_AT_ONCE, () => rest.ask('GET', '/api/v2/tailnet/-/devices'));
  return (cpuMs(server.process.pid) - cpu) / LIST_REQUESTS;
}

/** `database`: the flags that name it. */
export async function measureServer(
  database: readonly string[],
  count: number,
  progress: (line: string) => void,
): Promise<Costs> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-bench-log-'));
  const start = (): Promise<Server> =>
    serve(
      (command) => startProgram(command, path.join(directory, 'log')),
      ...database,
      '--listen',
      '127.0.0.1:0',
    );
  const { api_key: token } = await initialise(database, 'bench');
  const began = performance.now();
  const server = await start();
  const startMs = performance.now() - began;
  const before = memoryKb(server.process.pid);
  const rest = createRest({ url: server.url, token });
  const create = { reusable: true, ephemeral: false, preauthorized: true };
  const key = await rest.ask('POST', '/api/v2/tailnet/-/keys', { capabilities: { devices: { create } } });
  const { key: authKey } = Key.parse(key);
  const devices = Array.from({ length: count }, (_, index) =>
    createTestDevice({ url: server.url, hostname: `bench-${index}`, authKey }),
  );
  const bench: Bench = { server, rest, devices };
  try {
    progress(`registering ${count} devices on ${database[0]}`);
    const registered = await register(bench);
    progress('opening all streams, then again after all connections are cut');
    await each(devices, AT_ONCE, (device) => device.startMap());
    await untilQuiet(devices);
    const reconnected = await reconnect(bench);
    progress(`${CHANGES} changes, each told to all`);
    const changed = await fanOut(bench);
    progress(`idle for ${IDLE_MS / 1_000} s`);
    await sleep(IDLE_MS);
    const idleKbPerStream = (memoryKb(server.process.pid) - before) / count;
    progress(`${LIST_REQUESTS} lists of devices`);
    const listCpuMs = await listDevices(bench);
    return {
      register: registered,
      reconnect: reconnected,
      fanOut: changed,
      idleKbPerStream,
      listCpuMs,
      startMs,
      cpuSeconds: cpuMs(server.process.pid) / 1_000,
      peakMb: peakMemoryKb(server.process.pid) / 1_024,
    };
  } finally {
    for (const device of devices) device.close();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
