/** Entry of the program. bin/launch.mjs runs it with a Node that is new enough. */
import { dirname } from 'node:path';
import { createProgram } from './cli/program.ts';
import { runProgram } from './cli/run-program.ts';
import { systemClock } from './kernel/clock.ts';
import { systemRandom } from './kernel/random.ts';

const context = {
  environment: process.env,
  programDirectory: dirname(import.meta.dirname),
  clock: systemClock,
  random: systemRandom,
  print: (line: string) => void process.stdout.write(`${line}\n`),
  note: (line: string) => void process.stderr.write(`${line}\n`),
};

process.exitCode = await runProgram(createProgram(context), process.argv.slice(2), context.note);
