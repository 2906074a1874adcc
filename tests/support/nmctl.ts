// The vendor's command line for the Netmaker API, as a person runs it.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { programEnvironment } from './program.ts';

const execute = promisify(execFile);

/** Names the program. It is built outside of this checkout: `go build ./cli` in gravitl/netmaker, 1.5.1. */
const PROGRAM_VARIABLE = 'HOLDFAST_NMCTL';
const TIMEOUT_MS = 30_000;

const program = process.env[PROGRAM_VARIABLE];

export const whyNoNmctl = (): string | undefined =>
  program !== undefined && existsSync(program)
    ? undefined
    : `nmctl is not here (build it with Go from gravitl/netmaker, and name it in ${PROGRAM_VARIABLE})`;

export interface Nmctl {
  /** What it printed; rejects when it fails, with what it said. */
  readonly run: (...args: readonly string[]) => Promise<string>;
  /** What it said as it failed; throws when it does not. */
  readonly fail: (...args: readonly string[]) => Promise<string>;
  /** What it printed with `-o json`, read. */
  readonly json: <T>(...args: readonly string[]) => Promise<T>;
}

/** @param home of its own, in which it keeps contexts and tokens */
export function startNmctl(home: string): Nmctl {
  mkdirSync(home, { recursive: true });
  const env = { ...programEnvironment(), HOME: home };
  const run: Nmctl['run'] = async (...args) =>
    (await execute(program ?? 'nmctl', args, { env, timeout: TIMEOUT_MS })).stdout;
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
