// Real clients without privileges on this machine, and the product as it starts by default: nothing else runs.
import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { initialise, type Server, serve } from '../support/holdfast.ts';
import { startProgram } from '../support/program.ts';
import { BUILD_TIMEOUT_MS, realClients, whyNoRealClients } from '../support/real-clients.ts';
import { unless } from '../support/requirements.ts';
import { createRest } from '../support/rest.ts';
import { NewKey } from './wire.ts';

const execute = promisify(execFile);
const TEST_TIMEOUT_MS = 120_000;
const START_TIMEOUT_MS = 30_000;
const PING_TIMEOUT_MS = 60_000;
/** Without UDP a client spends three seconds on finding that out; promised is a second more. */
const UP_PROMISED_MS = 4000;
const SLACK = 5;

interface Client {
  readonly cli: (...args: string[]) => Promise<string>;
  readonly end: () => Promise<void>;
}

const missing = unless(await whyNoRealClients());

describe('real clients and the embedded relay', missing, () => {
  let directory: string;
  let server: Server;
  let authKey: string;
  const clients: Client[] = [];

  beforeAll(async () => {
    await realClients();
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-relay-'));
    const data = ['--data', path.join(directory, 'data')];
    const { api_key: token } = await initialise(data, 'acme');
    server = await serve(
      (command) => startProgram(command, path.join(directory, 'holdfast.log')),
      // It is started again at the same one.
      ...[...data, '--listen', `127.0.0.1:${await freePort()}`],
    );
    const create = { reusable: true, ephemeral: false, preauthorized: true };
    const made = await createRest({ url: server.url, token }).ask('POST', '/api/v2/tailnet/-/keys', {
      capabilities: { devices: { create } },
    });
    authKey = NewKey.parse(made).key;
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await Promise.all(clients.map(({ end }) => end()));
    await server?.stop();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  /** A client without a kernel interface; `env` are variables of tailscaled. */
  async function startClient(name: string, env: NodeJS.ProcessEnv = {}): Promise<Client> {
    const { tailscale, tailscaled } = await realClients();
    const state = path.join(directory, name);
    mkdirSync(state);
    const socket = path.join(state, 'socket');
    const output = openSync(path.join(state, 'log'), 'w');
    // The kernel ends it with us, however we end.
    const daemon = spawn(
      'setpriv',
      [
        ...['--pdeathsig=KILL', tailscaled, '--tun=userspace-networking', '--no-logs-no-support', '--port=0'],
        ...[`--statedir=${state}`, `--socket=${socket}`],
      ],
      {
        env: { ...process.env, ...env, TS_PANIC_IF_HIT_MAIN_CONTROL: '1', TS_LOGS_DIR: state },
        stdio: ['ignore', output, output],
      },
    );
    closeSync(output);
    const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
    const client: Client = {
      end: () => {
        daemon.kill('SIGKILL');
        return ended;
      },
      cli: async (...args) => {
        const { stdout } = await execute(tailscale, [`--socket=${socket}`, ...args], { timeout: 60_000 });
        return stdout.trim();
      },
    };
    clients.push(client);
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!existsSync(socket)) {
      if (performance.now() > deadline)
        throw new Error(readFileSync(path.join(state, 'log'), 'utf8').slice(-2000));
      await sleep(20);
    }
    return client;
  }

  async function up(client: Client, name: string): Promise<number> {
    const started = performance.now();
    const login = [`--login-server=${server.url}`, `--auth-key=${authKey}`, `--hostname=${name}`];
    await client.cli('up', ...login, '--timeout=30s');
    const milliseconds = performance.now() - started;
    const { BackendState } = JSON.parse(await client.cli('status', '--json')) as { BackendState: string };
    expect(BackendState).toBe('Running');
    return milliseconds;
  }

  /** What the first ping that is answered says; nothing when none is in time. */
  async function ponged(from: Client, to: Client): Promise<string> {
    const address = await to.cli('ip', '-4');
    const deadline = performance.now() + PING_TIMEOUT_MS;
    let pong = '';
    while (!pong.includes(' via ') && performance.now() < deadline) {
      pong = await from.cli('ping', '--c=1', '--until-direct=false', '--timeout=2s', address).catch(() => '');
    }
    return pong;
  }

  test(
    '"tailscale up" reaches Running within seconds of the first start of the server',
    async () => {
      const client = await startClient('first');
      const milliseconds = await up(client, 'first');
      process.stdout.write(`"tailscale up" took ${Math.round(milliseconds)} ms\n`);
      expect(milliseconds).toBeLessThan(UP_PROMISED_MS * SLACK);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'a client finds by STUN that the relay is near',
    async () => {
      const report = await clients[0]!.cli('netcheck');
      expect(report).toMatch(/\* UDP: true/);
      expect(report).toMatch(/\* Nearest DERP: Holdfast/);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'two clients without any direct path ping each other through the relay',
    async () => {
      const relayed = { TS_DEBUG_ALWAYS_USE_DERP: '1' };
      const [a, b] = [await startClient('a', relayed), await startClient('b', relayed)];
      for (const [client, name] of [
        [a, 'a'],
        [b, 'b'],
      ] as const) {
        expect(await up(client, name)).toBeLessThan(UP_PROMISED_MS * SLACK);
      }
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        // A device that has just joined is known to the other a moment later.
        const pong = await ponged(from, to);
        expect(pong).toMatch(/via DERP\(holdfast\)/);
        expect(pong).not.toMatch(/via [0-9[]/);
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'clients come back to the relay of a server that was killed and started again',
    async () => {
      const [, a, b] = clients as [Client, Client, Client];
      const { port } = new URL(server.url);
      await server.kill9();
      server = await serve(
        (command) => startProgram(command, path.join(directory, 'holdfast.log')),
        ...['--data', path.join(directory, 'data'), '--listen', `127.0.0.1:${port}`],
      );
      expect(await ponged(a, b)).toMatch(/via DERP\(holdfast\)/);
    },
    TEST_TIMEOUT_MS,
  );
});
