// A world of its own for real programs: network namespaces with hosts and links between them, inside one pid and one
// mount namespace. Its first process waits for the end of a pipe that
// we hold, so whatever way this process ends, the
// world ends with it: the kernel kills every process in it, and nothing was ever visible outside.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Program, programEnvironment } from './program.ts';

const execute = promisify(execFile);

const COMMAND_TIMEOUT_MS = 60_000;
const POLL_MS = 5;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** The world's first process. A private /run keeps namespace names and lock files apart from the machine's. */
const INIT = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/etc
echo ready
read -r _ || true
rm -rf "$1"`;

/** Runs a program with the host's own /etc: clients rewrite resolv.conf, and keep a copy beside it. */
const WITH_OWN_ETC = 'mount --bind "$0" /etc && exec "$@"';
const etcOf = (host: string) => `/run/etc/${host}`;

const ROUTER_SETTINGS = {
  '/proc/sys/net/ipv4/ip_forward': '1',
  '/proc/sys/net/ipv6/conf/all/forwarding': '1',
  // Each "unreachable" is told, so that a connection that cannot be fails at once and not after retries.
  '/proc/sys/net/ipv4/icmp_ratelimit': '0',
};

export interface World {
  /** A directory for state and logs, reachable from inside and outside alike; removed with the world. */
  readonly directory: string;
  /** Adds a host: a network namespace with its loopback interface up and, with `forwarding`, a router. */
  readonly addHost: (name: string, options?: { readonly forwarding?: boolean }) => Promise<void>;
  /** Joins two hosts by a cable; addresses with prefix length, one for each end. */
  readonly link: (a: LinkEnd, b: LinkEnd) => Promise<void>;
  /** Runs a short command to its end in a host; throws with what it wrote when it fails. */
  readonly run: (host: string, command: readonly string[], options?: RunOptions) => Promise<string>;
  /** Starts a program in a host and leaves it running. */
  readonly start: (host: string, command: readonly string[], options?: StartOptions) => Promise<Program>;
  /** Kills everything in the world and removes its directory. */
  readonly end: () => Promise<void>;
}

export interface LinkEnd {
  readonly host: string;
  readonly address: string;
}

export interface RunOptions {
  readonly timeoutMs?: number;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Names the log file. */
  readonly name?: string;
}

/** @returns undefined when worlds can be made here, else what they lack */
export async function whyNoNamespaces(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!existsSync('/dev/net/tun')) return 'this machine has no /dev/net/tun';
  try {
    await execute('unshare', ['--mount', '--net', '--pid', '--fork', 'ip', 'netns', 'list']);
    return undefined;
  } catch (error) {
    return `network namespaces cannot be made here: ${error instanceof Error ? error.message.trim() : error}`;
  }
}

export async function createWorld(): Promise<World> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-world-'));
  const flags = ['--mount', '--net', '--pid', '--fork', '--mount-proc', '--kill-child=KILL'];
  const keeper = spawn('unshare', [...flags, 'sh', '-c', INIT, 'init', directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // In a process group of its own: Ctrl-C is for us, and our end is what ends the world.
    detached: true,
  });
  keeper.stdin.on('error', () => {});
  const ended = new Promise<void>((resolve) => keeper.once('exit', () => resolve()));
  const ready = await Promise.race([new Promise((resolve) => keeper.stdout.once('data', resolve)), ended]);
  if (ready === undefined) {
    rmSync(directory, { recursive: true, force: true });
    throw new Error('the world of namespaces ended while it was being made');
  }
  const init = onlyChild(keeper.pid);
  const enter = ['--target', String(init), '--mount', '--net', '--pid', '--'];
  let links = 0;
  let started = 0;

  const outside = async (command: readonly string[], timeoutMs = COMMAND_TIMEOUT_MS) => {
    const { stdout } = await execute('nsenter', [...enter, ...command], {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
      cwd: directory,
    });
    return stdout;
  };
  const inside = (host: string, command: readonly string[]) => [
    ...['ip', 'netns', 'exec', host],
    ...['sh', '-c', WITH_OWN_ETC, etcOf(host), ...command],
  ];
  const run: World['run'] = (host, command, { timeoutMs } = {}) => outside(inside(host, command), timeoutMs);

  return {
    directory,
    run,
    addHost: async (name, { forwarding = false } = {}) => {
      await outside(['ip', 'netns', 'add', name]);
      await outside(['cp', '-a', '/etc', etcOf(name)]);
      await run(name, ['sh', '-c', ': >/etc/resolv.conf']);
      await run(name, ['ip', 'link', 'set', 'lo', 'up']);
      if (!forwarding) return;
      for (const [file, value] of Object.entries(ROUTER_SETTINGS)) {
        await run(name, ['sh', '-c', `echo ${value} >${file}`]);
      }
    },
    link: async (a, b) => {
      links += 1;
      // Interface names are unique in the whole world, so that either end can be named anywhere.
      const ends = [
        { ...a, device: `link${links}a` },
        { ...b, device: `link${links}b` },
      ] as const;
      const [left, right] = ends;
      const pair = ['ip', 'link', 'add', left.device, 'netns', left.host, 'type', 'veth'];
      await outside([...pair, 'peer', 'name', right.device, 'netns', right.host]);
      for (const { host, device, address } of ends) {
        await run(host, ['ip', 'address', 'add', address, 'dev', device]);
        await run(host, ['ip', 'link', 'set', device, 'up']);
      }
    },
    start: async (host, command, { env = {}, name = path.basename(command[0] ?? '') } = {}) => {
      started += 1;
      const logFile = path.join(directory, `${host}-${name}-${started}.log`);
      writeFileSync(logFile, '');
      const output = openSync(logFile, 'a');
      const child = spawn('nsenter', [...enter, ...inside(host, command)], {
        cwd: directory,
        env: { ...programEnvironment(), ...env },
        stdio: ['ignore', output, output],
      });
      closeSync(output);
      return {
        pid: await programUnder(child),
        ended: new Promise((resolve) =>
          child.once('exit', (code, signal) => resolve(code ?? signal ?? 'gone')),
        ),
        log: () => readFileSync(logFile, 'utf8'),
      };
    },
    end: async () => {
      keeper.stdin.end();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function childrenOf(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return []; // it has ended
  }
}

function onlyChild(pid: number | undefined): number {
  const [child] = childrenOf(pid);
  if (child === undefined) throw new Error(`process ${pid} has no child`);
  return child;
}

/** nsenter stays in between, since only a child of it can enter a pid namespace; what it
 * starts replaces itself until it is the program. */
async function programUnder(nsenter: ChildProcess): Promise<number> {
  while (nsenter.exitCode === null && nsenter.signalCode === null) {
    const [child] = childrenOf(nsenter.pid);
    if (child !== undefined) return child;
    await sleep(POLL_MS);
  }
  throw new Error('a program in the world ended as soon as it was started');
}
