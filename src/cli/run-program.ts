/** Runs a command line to its exit code. Every failure is one sentence on stderr. */
import { type Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { AppError } from '../kernel/errors.ts';
import { CommandError, EXIT_FAILED, EXIT_OK, EXIT_USAGE, UsageError } from './exit.ts';

function describe(error: unknown): { readonly code: number; readonly sentence: string } {
  if (error instanceof CommanderError) {
    const sentence = error.message.replace(/^error: /u, '').split('\n')[0] ?? '';
    return { code: EXIT_USAGE, sentence: `${sentence}; "holdfast help" shows what there is` };
  }
  if (error instanceof UsageError || error instanceof ConfigError) {
    return { code: EXIT_USAGE, sentence: error.message };
  }
  if (error instanceof CommandError) return { code: EXIT_FAILED, sentence: error.message };
  if (error instanceof AppError && error.code !== 'internal') {
    return { code: EXIT_FAILED, sentence: error.message };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: EXIT_FAILED, sentence: `a defect of the program, please report it: ${text}` };
}

/** Resolves with the exit code. */
export async function runProgram(
  program: Command,
  args: readonly string[],
  note: (line: string) => void,
): Promise<number> {
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    // Asked for help or version: written already.
    if (error instanceof CommanderError && error.exitCode === EXIT_OK) return EXIT_OK;
    const { code, sentence } = describe(error);
    note(`holdfast: ${sentence}`);
    return code;
  }
}
