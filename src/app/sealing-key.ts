/**
 * Where the sealing key is: in a file that the operator names, else kept by the installation: beside the embedded
 * database in a file of its own, or, where several processes share a PostgreSQL database, in that database.
 */
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SEALING_KEY_BYTES } from '../auth/sealing.ts';
import type { InstallationConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { assertNoExampleSecret } from '../config/example-secrets.ts';
import type { InstallationFacts } from '../domain/ports/installation-facts.ts';
import type { Random } from '../kernel/random.ts';

export const KEY_FILE = 'sealing.key';
export const SEALING_KEY_FACT = 'sealing-key';

const PRIVATE_FILE = 0o600;
const FOR_OTHERS = 0o077;
const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/u;

export interface FoundSealingKey {
  readonly key: Uint8Array;
  /** Kept by the operator: it is in no backup. */
  readonly external: boolean;
}

function decode(text: string, where: string): Uint8Array {
  const trimmed = text.trim();
  if (!BASE64_KEY.test(trimmed)) {
    throw new ConfigError(`${where} must hold 32 bytes in base64, as "openssl rand -base64 32" prints them`);
  }
  assertNoExampleSecret(`the key in ${where}`, trimmed);
  return Buffer.from(trimmed, 'base64');
}

function readKeyFile(file: string): Uint8Array | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigError(`cannot read the key file ${file}: ${(error as Error).message}`);
  }
  if ((statSync(file).mode & FOR_OTHERS) !== 0) {
    throw new ConfigError(`the key file ${file} is open to other users: run "chmod 600 ${file}"`);
  }
  return decode(text, file);
}

/** The key in a file that the operator named. Throws `ConfigError`. */
export function readOperatorKey(file: string): Uint8Array {
  const key = readKeyFile(file);
  if (key === undefined)
    throw new ConfigError(`the key file ${file} does not exist: create it or correct --sealing-key-file`);
  return key;
}

const encode = (key: Uint8Array): string => Buffer.from(key).toString('base64');

/** Makes a file with its whole content or not at all, unless there is one. */
export function keepKeyFile(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${text}\n`, { mode: PRIVATE_FILE, flush: true });
  try {
    linkSync(draft, file);
  } catch (error) {
    // Another process was quicker: its key is the installation's.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

async function keepSealingKey(
  { database }: InstallationConfig,
  facts: InstallationFacts,
  key: Uint8Array,
): Promise<void> {
  if (database.kind === 'postgres') await facts.ensure(SEALING_KEY_FACT, encode(key));
  else keepKeyFile(join(database.directory, KEY_FILE), encode(key));
}

/** The key if there is one. Throws `ConfigError` when it cannot be read or is not one. */
export async function findSealingKey(
  config: InstallationConfig,
  facts: InstallationFacts,
): Promise<FoundSealingKey | undefined> {
  if (config.sealingKeyFile !== undefined)
    return { key: readOperatorKey(config.sealingKeyFile), external: true };
  if (config.database.kind === 'sqlite') {
    const key = readKeyFile(join(config.database.directory, KEY_FILE));
    return key === undefined ? undefined : { key, external: false };
  }
  const text = await facts.get(SEALING_KEY_FACT);
  return text === undefined ? undefined : { key: decode(text, 'the database'), external: false };
}

/** The key, made and kept when there is none yet. Processes that start at the same moment get the same one. */
export async function ensureSealingKey(
  config: InstallationConfig,
  facts: InstallationFacts,
  random: Random,
): Promise<FoundSealingKey> {
  const found = await findSealingKey(config, facts);
  if (found !== undefined) return found;
  await keepSealingKey(config, facts, random.bytes(SEALING_KEY_BYTES));
  const kept = await findSealingKey(config, facts);
  if (kept === undefined) throw new Error('the sealing key was not kept');
  return kept;
}
