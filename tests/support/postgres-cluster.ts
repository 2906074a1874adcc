// One throwaway PostgreSQL server: its own data directory, a random port of the loopback address, and an end with us.
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';
import { findPostgres } from './postgres-binaries.ts';
import { type UnixUser, unprivilegedUser } from './postgres-user.ts';
import { isRunning } from './program.ts';

const run = promisify(execFile);

const ROLE = 'holdfast';
const MAX_CONNECTIONS = 200;
const START_TIMEOUT_MS = 60_000;
const BACKENDS_GONE_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/**
 * Runs the server as its child and ends when its standard input does: then we are gone, and so is the server with its
 * files. A line there instead lets go of a server that has been killed and keeps the files.
 */
const GUARD = `dir=$1; shift
"$@" >>"$dir/log" 2>&1 &
pid=$!
echo "$pid"
if read -r _; then wait "$pid"; exit 0; fi
kill -QUIT "$pid" 2>/dev/null
wait "$pid"
rm -rf "$dir"`;

export interface PostgresOptions {
  /** False trades every promise of durability for speed; true is PostgreSQL's own default. */
  readonly fsync: boolean;
  /** Where the programs come from; see findPostgres. */
  readonly source?: 'any' | 'machine' | 'package';
}

export interface DatabaseOptions {
  /** Over a Unix socket, which network namespaces do not separate, instead of TCP on the loopback address. */
  readonly overSocket?: boolean;
}

export interface Postgres {
  /** Connection URL of the maintenance database, over TCP on the loopback address. */
  readonly url: string;
  /** Of the postmaster; changes with `restart`. */
  readonly pid: () => number;
  /** Adds an empty database; returns its connection URL. */
  readonly createDatabase: (options?: DatabaseOptions) => Promise<string>;
  /** SIGKILL to the postmaster; resolves when its backends are gone too. */
  readonly kill9: () => Promise<void>;
  /** Starts again on the same files and port after `kill9`; resolves when it accepts connections. */
  readonly restart: () => Promise<void>;
  /** Ends the server and removes its files. */
  readonly stop: () => Promise<void>;
}

type Guard = ChildProcessByStdio<Writable, Readable, null>;

/** Makes a cluster and starts it; throws with the server's log when that fails. */
export async function startPostgres({ fsync, source = 'any' }: PostgresOptions): Promise<Postgres> {
  const user = unprivilegedUser();
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-postgres-'));
  if (user !== undefined) chownSync(directory, user.uid, user.gid);
  const password = randomBytes(16).toString('hex');
  let guard: Guard | undefined;
  let postmaster = 0;
  try {
    const binaries = await reachableBinaries(await findPostgres(source), directory, user);
    await initialise(binaries, directory, user, password);
    const port = await freePort();
    const url = `postgres://${ROLE}:${password}@127.0.0.1:${port}/postgres`;
    const start = async () => {
      const command = serverCommand(binaries, directory, port, fsync);
      guard = spawn('sh', ['-c', GUARD, 'guard', directory, ...command], {
        ...user,
        cwd: directory,
        // In a process group of its own: Ctrl-C at the terminal is for us, and our end is what ends the server.
        detached: true,
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      guard.stdin.on('error', () => {});
      postmaster = await firstNumber(guard.stdout);
      await untilReady(url, postmaster, directory);
    };
    await start();
    return {
      url,
      pid: () => postmaster,
      createDatabase: async ({ overSocket = false } = {}) => {
        const created = await createDatabase(url);
        if (overSocket) created.searchParams.set('host', directory);
        return created.href;
      },
      kill9: async () => {
        const backends = childrenOf(postmaster);
        process.kill(postmaster, 'SIGKILL');
        // The guard collects it: the next one takes even a zombie of that number for a running postmaster.
        await endGuard(guard, 'release\n');
        await untilGone(backends);
      },
      restart: start,
      stop: async () => {
        await endGuard(guard);
        rmSync(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await endGuard(guard);
    const log = readLog(directory);
    rmSync(directory, { recursive: true, force: true });
    throw new Error(`PostgreSQL for the tests did not start${log && `; its log ends:\n${log}`}`, {
      cause: error,
    });
  }
}

/** The user may not be let into our checkout (a home directory of root); then the programs are copied. */
async function reachableBinaries(
  binaries: string,
  directory: string,
  user: UnixUser | undefined,
): Promise<string> {
  try {
    await run(path.join(binaries, 'postgres'), ['--version'], { ...user, cwd: directory });
    return binaries;
  } catch (error) {
    if (user === undefined) throw error;
  }
  const copy = path.join(directory, 'programs');
  cpSync(path.dirname(binaries), copy, { recursive: true, verbatimSymlinks: true });
  await run('chown', ['-R', `${user.uid}:${user.gid}`, copy]);
  return path.join(copy, path.basename(binaries));
}

async function initialise(binaries: string, directory: string, user: UnixUser | undefined, password: string) {
  const passwordFile = path.join(directory, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid);
  const options = [
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--no-locale',
    '--no-sync',
    '--no-instructions',
  ];
  const args = [`--pgdata=${path.join(directory, 'data')}`, `--username=${ROLE}`, `--pwfile=${passwordFile}`];
  await run(path.join(binaries, 'initdb'), [...args, ...options], { ...user, cwd: directory });
  rmSync(passwordFile);
}

function serverCommand(binaries: string, directory: string, port: number, fsync: boolean): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: directory,
    max_connections: MAX_CONNECTIONS,
    ...(fsync ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return [path.join(binaries, 'postgres'), '-D', path.join(directory, 'data'), ...flags];
}

async function firstNumber(stream: Readable): Promise<number> {
  for await (const chunk of stream) return Number(String(chunk).trim());
  throw new Error('the guard of the server ended at once');
}

async function untilReady(url: string, postmaster: number, directory: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (true) {
    try {
      await withClient(url, (client) => client.query('SELECT 1'));
      return;
    } catch (error) {
      if (!isRunning(postmaster))
        throw new Error(`the server ended:\n${readLog(directory)}`, { cause: error });
      if (performance.now() > deadline) throw error;
    }
    await sleep(POLL_MS);
  }
}

async function createDatabase(url: string): Promise<URL> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withClient(url, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE template0`));
  const created = new URL(url);
  created.pathname = `/${name}`;
  return created;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // A server that dies under an idle client is told by an event, and `work` fails by itself.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function childrenOf(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number) : [];
}

/** Backends notice by themselves that the postmaster is gone; until the last has, a new one refuses to start. */
async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + BACKENDS_GONE_TIMEOUT_MS;
  while (pids.some(isRunning)) {
    if (performance.now() > deadline) throw new Error('backends of a killed postmaster did not end');
    await sleep(POLL_MS);
  }
}

async function endGuard(guard: Guard | undefined, lastWord = ''): Promise<void> {
  if (guard === undefined || guard.exitCode !== null || guard.signalCode !== null) return;
  const ended = new Promise((resolve) => guard.once('exit', resolve));
  guard.stdin.end(lastWord);
  await ended;
}

function readLog(directory: string): string {
  const file = path.join(directory, 'log');
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-2000) : '';
}
