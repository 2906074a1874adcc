/** Where settings come from: flags, then variables, then a file. What none of them knows is an error. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HujsonError, parseValue } from '../kernel/hujson/index.ts';
import { ConfigError } from './config-error.ts';
import { fileKeyOf, type OptionName, optionNames, variableOf } from './options.ts';

/** The text of a setting and what to call it in a sentence. */
export interface Given {
  readonly source: 'flag' | 'variable' | 'file';
  readonly name: string;
  readonly text: string;
}

export type Settings = ReadonlyMap<OptionName, Given>;

/** Flags as the command line gave them; switches are true. */
export type Flags = Readonly<Partial<Record<OptionName | 'config', string | boolean>>>;
export type Environment = Readonly<Record<string, string | undefined>>;

const FILE_NAMES = ['holdfast.json', 'holdfast.hujson'];

/** Read by the launcher and by tests, never a setting. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  'HOLDFAST_CONFIG',
  'HOLDFAST_PARENT_FD',
  'HOLDFAST_LONG',
]);
/** Kubernetes sets these in every pod beside a service called "holdfast". */
const SERVICE_LINK = /^HOLDFAST_(?:SERVICE_(?:HOST|PORT)(?:_.*)?|PORT(?:_.*)?)$/u;

function fromFlags(flags: Flags): Map<OptionName, Given> {
  const found = new Map<OptionName, Given>();
  for (const name of optionNames) {
    const value = flags[name];
    if (value !== undefined) found.set(name, { source: 'flag', name: `--${name}`, text: String(value) });
  }
  return found;
}

function fromEnvironment(environment: Environment): Map<OptionName, Given> {
  const byVariable = new Map(optionNames.map((name) => [variableOf(name), name]));
  const found = new Map<OptionName, Given>();
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('HOLDFAST_') || text === undefined || text === '') continue;
    const name = byVariable.get(variable);
    if (name !== undefined) found.set(name, { source: 'variable', name: variable, text });
    else if (!OTHER_VARIABLES.has(variable) && !SERVICE_LINK.test(variable)) {
      throw new ConfigError(`the variable ${variable} is not known: correct its name or unset it`);
    }
  }
  return found;
}

function fromFile(file: string): Map<OptionName, Given> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${file}: ${(error as Error).message}`);
  }
  let content: unknown;
  try {
    content = parseValue(text);
  } catch (error) {
    if (!(error instanceof HujsonError)) throw error;
    throw new ConfigError(`the configuration file ${file} is not valid JSON: ${error.message}`);
  }
  if (content === null || typeof content !== 'object' || Array.isArray(content)) {
    throw new ConfigError(`the configuration file ${file} must hold one JSON object`);
  }
  const byKey = new Map(optionNames.map((name) => [fileKeyOf(name), name]));
  const found = new Map<OptionName, Given>();
  for (const [key, value] of Object.entries(content)) {
    const name = byKey.get(key);
    if (name === undefined)
      throw new ConfigError(`the key "${key}" in ${file} is not known: correct or remove it`);
    if (typeof value !== 'string' && typeof value !== 'boolean') {
      throw new ConfigError(`the key "${key}" in ${file} must be a text or a boolean`);
    }
    found.set(name, { source: 'file', name: `"${key}" in ${file}`, text: String(value) });
  }
  return found;
}

function configFile(
  flags: Flags,
  environment: Environment,
  dataDirectory: string | undefined,
): string | undefined {
  const named = typeof flags.config === 'string' ? flags.config : environment.HOLDFAST_CONFIG;
  if (named !== undefined && named !== '') return named;
  if (dataDirectory === undefined) return undefined;
  return FILE_NAMES.map((name) => join(dataDirectory, name)).find((file) => existsSync(file));
}

/** `defaultData`: the data directory when nothing names one; its configuration file counts too. */
export function collectSettings(flags: Flags, environment: Environment, defaultData: string): Settings {
  const merged = fromEnvironment(environment);
  for (const [name, given] of fromFlags(flags)) {
    // Data directory and database URL stand for one choice: a flag for one overrules a variable for the other.
    if (name === 'data' && merged.get('database-url')?.source === 'variable') merged.delete('database-url');
    if (name === 'database-url' && merged.get('data')?.source === 'variable') merged.delete('data');
    merged.set(name, given);
  }
  const usesUrl = merged.has('database-url');
  const directory = merged.get('data')?.text ?? (usesUrl ? undefined : defaultData);
  const file = configFile(flags, environment, directory);
  if (file === undefined) return merged;
  const located = merged.has('data') || usesUrl;
  for (const [name, given] of fromFile(file)) {
    if (located && (name === 'data' || name === 'database-url')) continue;
    if (!merged.has(name)) merged.set(name, given);
  }
  return merged;
}
