/** Relay maps from outside: the operator's, in a file, or another process's. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { DerpMap } from '../control/wire/index.ts';
import { AppError } from '../kernel/errors.ts';
import { parseValue } from '../kernel/hujson/index.ts';

const node = z.looseObject({ Name: z.string(), RegionID: z.int().positive(), HostName: z.string() });
const region = z.looseObject({
  RegionID: z.int().positive(),
  RegionCode: z.string(),
  RegionName: z.string(),
  Nodes: z.array(node),
});
const derpMap = z.looseObject({ Regions: z.record(z.string(), region) });

/** Throws an error that tells what is wrong with it. */
export const parseDerpMap = (value: unknown): DerpMap => derpMap.parse(value);

/** Throws `invalid` with a sentence that says what to do. */
export function readDerpMap(file: string): DerpMap {
  const invalid = (why: string): AppError =>
    new AppError('invalid', `the relay map ${file} ${why}: correct it or --derp-map`, { field: 'derp-map' });
  let value: unknown;
  try {
    value = parseValue(readFileSync(file, 'utf8'));
  } catch (error) {
    throw invalid(`cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  const result = derpMap.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(`is not a map of relays ("${issue?.path.join('.')}": ${issue?.message})`);
}
