// A real Tailscale client whose person signs in at the page that it shows.
import { execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { realClients } from './real-clients.ts';

const execute = promisify(execFile);
const UP_TIMEOUT_MS = 60_000;

const Status = z.looseObject({
  BackendState: z.string(),
  Self: z.looseObject({ ID: z.string(), DNSName: z.string(), TailscaleIPs: z.array(z.string()).nullable() }),
});

export interface InteractiveClient {
  readonly cli: (...args: string[]) => Promise<string>;
  /** `tailscale up`, which waits for the person: the page's path, and the end of the command. */
  readonly up: (...flags: string[]) => Promise<{ readonly page: string; readonly ended: Promise<string> }>;
  readonly status: () => Promise<z.infer<typeof Status>>;
  /** Where its daemon listens for commands. */
  readonly socket: string;
  readonly end: () => Promise<void>;
}

/**
 * A client in user space with a state of its own under `directory`.
 * @param loginServer where `up` signs in
 */
export async function startInteractiveClient(
  directory: string,
  loginServer: string,
  name: string,
  hostname = name,
): Promise<InteractiveClient> {
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
      env: { ...process.env, TS_PANIC_IF_HIT_MAIN_CONTROL: '1', TS_LOGS_DIR: state },
      stdio: ['ignore', output, output],
    },
  );
  closeSync(output);
  const gone = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
  const cli: InteractiveClient['cli'] = async (...args) => {
    const options = { timeout: UP_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
    const { stdout } = await execute(tailscale, [`--socket=${socket}`, ...args], options);
    return stdout;
  };
  const until = async (what: () => Promise<boolean> | boolean): Promise<void> => {
    const deadline = performance.now() + UP_TIMEOUT_MS;
    while (!(await what())) {
      if (performance.now() > deadline)
        throw new Error(`${name}: ${readFileSync(path.join(state, 'log'), 'utf8').slice(-3000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await until(() =>
    cli('status', '--json').then(
      () => true,
      () => false,
    ),
  );
  return {
    cli,
    socket,
    status: async () => Status.parse(JSON.parse(await cli('status', '--json'))),
    up: async (...flags) => {
      const up = spawn(
        'setpriv',
        [
          ...['--pdeathsig=KILL', tailscale, `--socket=${socket}`, 'up', `--login-server=${loginServer}`],
          ...[`--hostname=${hostname}`, `--timeout=${UP_TIMEOUT_MS / 1000}s`, ...flags],
        ],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      let said = '';
      for (const stream of [up.stdout, up.stderr]) {
        stream.setEncoding('utf8');
        stream.on('data', (text: string) => {
          said += text;
        });
      }
      const ended = new Promise<string>((resolve) => up.once('close', (code) => resolve(`${code}\n${said}`)));
      const link = () => /(http\S+)(\/login\/device\/\S+)/.exec(said);
      await until(() => link() !== null || up.exitCode !== null);
      const [, origin, page] = link() ?? [];
      if (origin !== loginServer || page === undefined) throw new Error(`no link: ${said}`);
      return { page, ended };
    },
    end: () => {
      daemon.kill('SIGKILL');
      return gone;
    },
  };
}
