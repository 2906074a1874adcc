/**
 * `npm run bench`: what the server costs its devices and administrators, in its own process and with the flags of a plain
 * `holdfast serve`, driven by the project's own client with at most 300 devices, on SQLite and on PostgreSQL.
 * Options: `--json`, `--devices N` (at most 300), `--engine sqlite|postgres`. docs/benchmarks.md says how to read it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findPostgres } from '../tests/support/postgres-binaries.ts';
import { startPostgres } from '../tests/support/postgres-cluster.ts';
import { measureServer } from './server-costs.ts';
import { describeCosts, type EngineCosts } from './server-report.ts';

const MAX_DEVICES = 300;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    devices: { type: 'string', default: String(MAX_DEVICES) },
    engine: { type: 'string' },
  },
});
const devices = Math.min(Math.max(Number(options.devices) || MAX_DEVICES, 10), MAX_DEVICES);
const progress = (line: string): void => console.error(line);

async function onSqlite(): Promise<EngineCosts> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-bench-'));
  try {
    return { engine: 'SQLite', ...(await measureServer(['--data', directory], devices, progress)) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function onPostgres(): Promise<EngineCosts | undefined> {
  try {
    await findPostgres('machine');
  } catch {
    progress('PostgreSQL is left out: this machine has no initdb');
    return undefined;
  }
  const postgres = await startPostgres({ fsync: true });
  try {
    const database = ['--database-url', await postgres.createDatabase()];
    return { engine: 'PostgreSQL', ...(await measureServer(database, devices, progress)) };
  } finally {
    await postgres.stop();
  }
}

const costs: EngineCosts[] = [];
if (options.engine !== 'postgres') costs.push(await onSqlite());
const postgres = options.engine === 'sqlite' ? undefined : await onPostgres();
if (postgres !== undefined) costs.push(postgres);
if (options.json) console.log(JSON.stringify({ devices, costs }, null, 2));
else for (const one of costs) console.log(describeCosts(one, devices));
