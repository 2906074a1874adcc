/**
 * What many people who sign in at once cost everybody else: the time of API reads with nobody else there, and with 300
 * password sign-ins in flight (who is told to come back later does). `node bench/password-logins.ts [logins] [seconds]`
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdfast, serve } from '../tests/support/holdfast.ts';
import { startProgram } from '../tests/support/program.ts';
import { cpuMs } from './process-costs.ts';

const DEFAULT_LOGINS = 300;
const DEFAULT_SECONDS = 15;
const WARM_UP_MS = 3_000;
const PASSWORD = 'correct horse battery';
const LOGIN = 'ada@acme.test';
const TOO_MANY = 429;
const OK = 200;

interface Order {
  readonly url: string;
  readonly logins: number;
}
interface Tally {
  readonly done: number;
  readonly refused: number;
}

interface Answered {
  readonly status: number;
  readonly retryAfterSeconds: number;
}

const ask = (url: string, agent: Agent, headers: Record<string, string>, body?: string): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { agent, method: body === undefined ? 'GET' : 'POST', headers },
      (answer) => {
        answer.resume();
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            retryAfterSeconds: Number(answer.headers['retry-after'] ?? 1),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });

/** The people, in a process of their own: each signs in again and again until the process is told to stop. */
async function signIn({ url, logins }: Order, stopped: () => boolean): Promise<Tally> {
  const agent = new Agent({ keepAlive: true });
  const body = JSON.stringify({ username: LOGIN, password: PASSWORD });
  const headers = { 'content-type': 'application/json' };
  let done = 0;
  let refused = 0;
  const person = async (): Promise<void> => {
    while (!stopped()) {
      const { status, retryAfterSeconds } = await ask(url, agent, headers, body);
      if (status === OK) done += 1;
      else if (status === TOO_MANY) {
        refused += 1;
        await sleep(retryAfterSeconds * 1_000);
      } else throw new Error(`status ${status}`);
    }
  };
  await Promise.all(Array.from({ length: logins }, person));
  agent.destroy();
  return { done, refused };
}

function startPeople(order: Order): { readonly stop: () => Promise<Tally> } {
  const child = fork(import.meta.filename, ['--people']);
  const tally = new Promise<Tally>((resolve, reject) => {
    child.on('message', (message) => resolve(message as Tally));
    child.on('exit', (code) => code !== 0 && reject(new Error(`the people ended with ${code}`)));
  });
  child.send(order);
  return {
    stop: () => {
      child.send('stop');
      return tally;
    },
  };
}

/** One read after the other; the times in ms, in order of length. */
async function read(url: string, token: string, ms: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const begin = performance.now();
    const { status } = await ask(url, agent, { authorization: `Bearer ${token}` });
    if (status !== OK) throw new Error(`a read answered ${status}`);
    times.push(performance.now() - begin);
  }
  agent.destroy();
  return times.sort((a, b) => a - b);
}

const at = (times: readonly number[], share: number): number => times[Math.floor(times.length * share)] ?? 0;

async function main(logins: number, seconds: number): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-bench-'));
  const password = path.join(directory, 'password');
  writeFileSync(password, PASSWORD, { mode: 0o600 });
  const data = ['--data', path.join(directory, 'data')];
  const made = JSON.parse(
    await holdfast(
      ...['init', ...data, '--org', 'acme', '--domain', 'acme.test', '--owner', LOGIN],
      ...['--password-file', password, '--json'],
    ),
  ) as { api_key: string };
  const server = await serve(
    (command) => startProgram(command, path.join(directory, 'log')),
    ...[...data, '--listen', '127.0.0.1:0', '--no-derp'],
  );
  try {
    const url = `${server.url}/api/v2/tailnet/-/users`;
    await read(url, made.api_key, WARM_UP_MS);
    const cpu = cpuMs(server.process.pid);
    const alone = await read(url, made.api_key, seconds * 1_000);
    const between = cpuMs(server.process.pid);
    const people = startPeople({ url: `${server.url}/api/users/adm/authenticate`, logins });
    await sleep(WARM_UP_MS);
    const before = cpuMs(server.process.pid);
    const crowded = await read(url, made.api_key, seconds * 1_000);
    const after = cpuMs(server.process.pid);
    const { done, refused } = await people.stop();
    const line = (name: string, times: readonly number[], spent: number): string =>
      `${name.padEnd(30)} ${String(times.length).padStart(6)} reads   p50 ${at(times, 0.5).toFixed(2)} ms   p95 ${at(times, 0.95).toFixed(2)} ms   server ${(spent / 1_000).toFixed(1)} CPU s`;
    console.log(line('nobody signs in', alone, between - cpu));
    console.log(line(`${logins} sign-ins in flight`, crowded, after - before));
    console.log(
      `median: ${(at(crowded, 0.5) / at(alone, 0.5)).toFixed(2)} times; signed in ${done}, told to come back ${refused}`,
    );
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[2] === '--people') {
  let over = false;
  process.on('message', (message) => {
    if (message === 'stop') {
      over = true;
      return;
    }
    void signIn(message as Order, () => over).then((tally) => {
      process.send?.(tally, undefined, {}, () => process.disconnect());
    });
  });
} else {
  await main(Number(process.argv[2] ?? DEFAULT_LOGINS), Number(process.argv[3] ?? DEFAULT_SECONDS));
}
