/** `holdfast policy …`. */
import { createReadStream } from 'node:fs';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './exit.ts';
import { compileJsonl } from './policy-compile.ts';

/** Lines end at \n alone: readline would also end them at U+2028, which JSON may hold. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const input: NodeJS.ReadableStream = file === '-' ? process.stdin : createReadStream(file);
  input.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of input) {
      const pieces = (rest + String(chunk)).split('\n');
      rest = pieces.pop() ?? '';
      yield* pieces;
    }
  } catch (error) {
    throw new CommandError(`cannot read ${file}: ${(error as Error).message}; correct the name`);
  }
  if (rest !== '') yield rest;
}

/** Compiles the cases of a file, `-` for stdin; one result line a case. */
export const policyCompile = (context: CommandContext, file: string): Promise<void> =>
  compileJsonl(linesOf(file), context.print);
