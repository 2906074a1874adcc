// Commands of the program, run in this process with surroundings of their own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createProgram } from '../../src/cli/program.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import type { EngineName } from './engines.ts';
import { createTestDatabase } from './postgres.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The output as JSON; throws when it is none. */
  readonly json: <T = Record<string, unknown>>() => T;
}

const ignore = (): void => undefined;

/** All commands, in surroundings of their own. */
export const testProgram = (print: (line: string) => void = ignore, note: (line: string) => void = ignore) =>
  createProgram({
    environment: {},
    programDirectory: path.resolve(import.meta.dirname, '..', '..'),
    clock: systemClock,
    random: systemRandom,
    print,
    note,
  });

/** Runs `holdfast …` to its end, for commands that do not go on until a signal. */
export async function commandLine(...args: readonly string[]): Promise<Outcome> {
  let out = '';
  let err = '';
  const program = testProgram(
    (line) => {
      out += `${line}\n`;
    },
    (line) => {
      err += `${line}\n`;
    },
  );
  const code = await runProgram(program, args, (line) => {
    err += `${line}\n`;
  });
  return { code, out, err, json: <T>() => JSON.parse(out) as T };
}

export interface Place {
  /** The flags that name the installation. */
  readonly flags: readonly string[];
  readonly remove: () => void;
}

/** A place for an installation: an absent directory, or an empty database. */
export async function newPlace(engine: EngineName): Promise<Place> {
  if (engine === 'postgres') {
    return { flags: ['--database-url', await createTestDatabase()], remove: () => undefined };
  }
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-place-'));
  return {
    flags: ['--data', path.join(directory, 'data')],
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
