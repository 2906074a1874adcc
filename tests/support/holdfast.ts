// The product as a person runs it: `bin/holdfast`, its commands and its server.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { endProgram, type Program, programEnvironment, untilLogged } from './program.ts';

const execute = promisify(execFile);

const BIN = path.resolve(import.meta.dirname, '..', '..', 'bin', 'holdfast');
const START_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 60_000;

/** The command line of `holdfast …`, run by our own Node, so that the process is the server and no launcher. */
export function holdfastCommand(...args: readonly string[]): string[] {
  return [process.execPath, BIN, ...args];
}

/** Runs a command to its end and returns what it printed; throws with its error output when it fails. */
export async function holdfast(...args: readonly string[]): Promise<string> {
  const [command = '', ...rest] = holdfastCommand(...args);
  const { stdout } = await execute(command, rest, {
    env: programEnvironment(),
    timeout: COMMAND_TIMEOUT_MS,
  });
  return stdout;
}

const Installation = z.looseObject({
  organization: z.looseObject({
    id: z.unknown(),
    label: z.string(),
    tailnet: z.string(),
    netmaker_tenant: z.string(),
  }),
  owner: z.looseObject({ id: z.unknown(), email: z.string() }),
  api_key: z.string(),
});

/**
 * `holdfast init --json`.
 * @param database the flags that name it: `--data DIR` or `--database-url URL`
 */
export async function initialise(
  database: readonly string[],
  label: string,
): Promise<z.infer<typeof Installation>> {
  const domain = `${label}.test`;
  const about = ['--org', label, '--domain', domain, '--owner', `owner@${domain}`];
  return Installation.parse(JSON.parse(await holdfast('init', ...database, ...about, '--json')));
}

export interface Server {
  readonly process: Program;
  /** Origin that it says it listens on. */
  readonly url: string;
  /** SIGKILL, as a crash. */
  readonly kill9: () => Promise<void>;
  /** SIGTERM; returns the exit code. */
  readonly stop: () => Promise<number | string>;
}

/**
 * Starts `holdfast serve` by `start` (here, or in a host of a world) and waits until it accepts requests.
 * @param start is given the command line
 */
export async function serve(
  start: (command: readonly string[]) => Program | Promise<Program>,
  ...args: readonly string[]
): Promise<Server> {
  const program = await start(holdfastCommand('serve', ...args));
  const [, url = ''] = await untilLogged(program, /^listening on (http\S+)$/m, START_TIMEOUT_MS);
  return {
    process: program,
    url,
    kill9: async () => {
      await endProgram(program, 'SIGKILL');
    },
    stop: () => endProgram(program, 'SIGTERM'),
  };
}
