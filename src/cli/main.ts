/** The program on its real surroundings. */
import { systemClock } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import type { CommandContext } from './command-context.ts';
import { createProgram } from './program.ts';
import { runProgram } from './run-program.ts';

/** Whoever reads what is printed may stop, as `head` does: what is under way goes on to its end and its exit code. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

/** Resolves with the exit code. */
export function main(programDirectory: string, args: readonly string[]): Promise<number> {
  outliveReaders();
  const context: CommandContext = {
    environment: process.env,
    programDirectory,
    clock: systemClock,
    random: systemRandom,
    print: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
  };
  return runProgram(createProgram(context), args, context.note);
}
