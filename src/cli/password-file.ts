/** A password from a file, as the hash that is kept. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createPasswords } from '../auth/password.ts';
import { assertNoExampleSecret } from '../config/example-secrets.ts';
import type { Random } from '../kernel/random.ts';
import { CommandError, UsageError } from './exit.ts';

/** The hash of the file's first line; undefined without a file. */
export async function readPasswordFile(
  file: string | undefined,
  random: Random,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`cannot read ${file}: ${(error as Error).message}; correct --password-file`);
  }
  const password = text.split(/\r?\n/u, 1)[0] ?? '';
  if (password === '') throw new UsageError(`the first line of ${file} must be the password`);
  assertNoExampleSecret(`the password in ${file}`, password);
  return createPasswords({ random, cores: availableParallelism() }).hash(password);
}
