// The vendor's command line for the Netmaker API, of one pinned release, as a person runs it.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { type GoTools, goCommand, goTools, isBuilt } from './go-tools.ts';
import { programEnvironment } from './program.ts';

const execute = promisify(execFile);

const VERSION = '1.5.1';
const TOOLS: GoTools = {
  folder: `nmctl-${VERSION}`,
  title: `nmctl ${VERSION}`,
  packages: [`github.com/gravitl/netmaker/cli@v${VERSION}`],
  // Go names it for its folder.
  programs: ['cli'],
};
/** Names the program, where there is one already. */
const PROGRAM_VARIABLE = 'HOLDFAST_NMCTL';
const TIMEOUT_MS = 30_000;

export async function whyNoNmctl(): Promise<string | undefined> {
  if (process.env[PROGRAM_VARIABLE] !== undefined || isBuilt(TOOLS)) return undefined;
  if ((await goCommand()) !== undefined) return undefined;
  return `nmctl is built with Go, which this machine has not (or name the program in ${PROGRAM_VARIABLE})`;
}

export interface Nmctl {
  /** What it printed; rejects when it fails, with what it said. */
  readonly run: (...args: readonly string[]) => Promise<string>;
  /** What it said as it failed; throws when it does not. */
  readonly fail: (...args: readonly string[]) => Promise<string>;
  /** What it printed with `-o json`, read. */
  readonly json: <T>(...args: readonly string[]) => Promise<T>;
}

/** The program with a home of its own, in which it keeps contexts and tokens. */
export async function startNmctl(home: string): Promise<Nmctl> {
  mkdirSync(home, { recursive: true });
  const program = process.env[PROGRAM_VARIABLE] ?? path.join(await goTools(TOOLS), 'cli');
  const env = { ...programEnvironment(), HOME: home };
  const run: Nmctl['run'] = async (...args) =>
    (await execute(program, args, { env, timeout: TIMEOUT_MS })).stdout;
  return {
    run,
    fail: async (...args) => {
      const failure = await run(...args).then(
        () => undefined,
        (error: { stderr?: string; stdout?: string }) => `${error.stderr ?? ''}${error.stdout ?? ''}`,
      );
      if (failure === undefined) throw new Error(`nmctl ${args.join(' ')} did not fail`);
      return failure;
    },
    json: async (...args) => JSON.parse(await run(...args, '-o', 'json')),
  };
}
