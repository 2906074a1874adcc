// One device: a real tailscaled with a kernel interface in a host of the world, and the CLI that steers it.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { World } from './namespaces.ts';
import type { Program } from './program.ts';
import type { RealClients } from './real-clients.ts';

const execute = promisify(execFile);

const SOCKET_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 60_000;
const UP_TIMEOUT_SECONDS = 30;
const POLL_MS = 20;

const PeerStatus = z.looseObject({
  ID: z.string(),
  HostName: z.string(),
  DNSName: z.string(),
  TailscaleIPs: z.array(z.string()).nullable(),
  AllowedIPs: z.array(z.string()).nullish(),
  PrimaryRoutes: z.array(z.string()).nullish(),
  Online: z.boolean(),
  CurAddr: z.string(),
  Relay: z.string(),
});

const Status = z.looseObject({
  BackendState: z.string(),
  Health: z.array(z.string()).nullish(),
  Self: PeerStatus,
  Peer: z.record(z.string(), PeerStatus).nullish(),
});

export type PeerStatus = z.infer<typeof PeerStatus>;
export type Status = z.infer<typeof Status>;

export interface UpOptions {
  readonly loginServer: string;
  readonly authKey: string;
  /** More flags of `tailscale up`, for instance `--accept-routes`. */
  readonly flags?: readonly string[];
}

export interface RealDevice {
  /** The host it runs in, which is its hostname too. */
  readonly host: string;
  /** Joins; resolves when the client says that it is running. */
  readonly up: (options: UpOptions) => Promise<void>;
  readonly status: () => Promise<Status>;
  /** The peers of `status`. */
  readonly peers: () => Promise<PeerStatus[]>;
  /** What `tailscale status` prints for people. */
  readonly statusText: () => Promise<string>;
  /** One `tailscale ping`, direct or relayed; resolves with what it prints, throws when nothing answers. */
  readonly ping: (target: string) => Promise<string>;
  /** Any other command of the CLI, for instance `cli('set', '--hostname=x')`, `cli('logout')`. */
  readonly cli: (...args: string[]) => Promise<string>;
  /** The address in the network, of the family that is asked for. */
  readonly address: (family?: 4 | 6) => Promise<string>;
  readonly log: () => string;
  /** SIGKILL to tailscaled; `start` runs it again on the same state. */
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

export interface DeviceOptions {
  /** The client may send logs; then it trusts the certificates in that file alone. */
  readonly logs?: { readonly trust: string };
  /** More of the environment of tailscaled. */
  readonly env?: Readonly<Record<string, string>>;
  /** More of the environment of the CLI. */
  readonly cliEnv?: Readonly<Record<string, string>>;
}

/** Starts tailscaled in a host that exists; it joins nothing yet. */
export async function startDevice(
  world: World,
  clients: RealClients,
  host: string,
  { logs, env = {}, cliEnv = {} }: DeviceOptions = {},
): Promise<RealDevice> {
  const directory = path.join(world.directory, `device-${host}`);
  mkdirSync(directory, { recursive: true });
  const socket = path.join(directory, 'socket');
  let daemon: Program | undefined;

  const cli = async (...args: string[]) => {
    const options = {
      timeout: COMMAND_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...cliEnv },
    } as const;
    const { stdout } = await execute(clients.tailscale, [`--socket=${socket}`, ...args], options);
    return stdout;
  };
  const status = async () => Status.parse(JSON.parse(await cli('status', '--json')));

  const device: RealDevice = {
    host,
    up: async ({ loginServer, authKey, flags = [] }) => {
      const where = [`--login-server=${loginServer}`, `--auth-key=${authKey}`, `--hostname=${host}`];
      await cli('up', ...where, `--timeout=${UP_TIMEOUT_SECONDS}s`, ...flags);
    },
    status,
    peers: async () => Object.values((await status()).Peer ?? {}),
    statusText: () => cli('status'),
    ping: async (target) =>
      (await cli('ping', '--c=1', '--until-direct=false', '--timeout=5s', target)).trim(),
    cli,
    address: async (family = 4) => (await cli('ip', `-${family}`)).trim(),
    log: () => daemon?.log() ?? '',
    kill: async () => {
      if (daemon === undefined) return;
      process.kill(daemon.pid, 'SIGKILL');
      await daemon.ended;
      daemon = undefined;
    },
    start: async () => {
      const state = [
        `--statedir=${directory}`,
        `--state=${path.join(directory, 'state')}`,
        `--socket=${socket}`,
      ];
      daemon = await world.start(
        host,
        [
          ...[clients.tailscaled, ...state, '--tun=tailscale0'],
          ...(logs === undefined ? ['--no-logs-no-support'] : []),
        ],
        {
          // A test that loses its login server must not end up at the vendor's.
          env: {
            TS_PANIC_IF_HIT_MAIN_CONTROL: '1',
            TS_LOGS_DIR: directory,
            ...(logs === undefined ? {} : { SSL_CERT_FILE: logs.trust }),
            ...env,
          },
        },
      );
      await untilAnswering(socket, cli, daemon);
    },
  };
  await device.start();
  return device;
}

async function untilAnswering(socket: string, cli: RealDevice['cli'], daemon: Program): Promise<void> {
  const deadline = performance.now() + SOCKET_TIMEOUT_MS;
  while (true) {
    try {
      if (existsSync(socket)) {
        await cli('status', '--json');
        return;
      }
    } catch {
      // Not answering yet, or a socket that an earlier daemon left.
    }
    if (performance.now() > deadline)
      throw new Error(`tailscaled does not answer:\n${daemon.log().slice(-2000)}`);
    await sleep(POLL_MS);
  }
}
