/** `holdfast version`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SCHEMA_VERSION } from '../store/migrator.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, wantsJson } from './command-options.ts';

export function programVersion(programDirectory: string): string {
  const content: unknown = JSON.parse(readFileSync(join(programDirectory, 'package.json'), 'utf8'));
  const version = (content as { readonly version?: unknown }).version;
  return typeof version === 'string' ? version : 'unknown';
}

export function version(context: CommandContext, options: ParsedOptions): void {
  const found = programVersion(context.programDirectory);
  if (!wantsJson(options)) context.print(`holdfast ${found}`);
  else
    context.print(JSON.stringify({ version: found, database: SCHEMA_VERSION, node: process.versions.node }));
}
