/** Questions to a database about itself. */
import type { Engine } from '../store/engine.ts';
import type { Finding } from './finding.ts';

const MIN_POSTGRES = 140_000;

async function setting(engine: Engine, name: string): Promise<string> {
  const [row] = await engine.run(`SELECT current_setting('${name}') AS "value"`, []);
  return String(row?.value ?? '');
}

async function sqliteHealth(engine: Engine): Promise<Finding[]> {
  const rows = await engine.run('PRAGMA quick_check', []);
  const problems = rows.map((row) => String(Object.values(row)[0])).filter((text) => text !== 'ok');
  const check = 'integrity';
  return problems.length === 0
    ? [{ check, state: 'ok', says: 'the file is sound' }]
    : [
        {
          check,
          state: 'failure',
          says: `the file is damaged (${problems[0]}): restore a backup into an empty directory`,
        },
      ];
}

async function postgresHealth(engine: Engine): Promise<Finding[]> {
  const version = Number(await setting(engine, 'server_version_num'));
  const [fsync, commit] = [await setting(engine, 'fsync'), await setting(engine, 'synchronous_commit')];
  return [
    version >= MIN_POSTGRES
      ? { check: 'postgres', state: 'ok', says: await setting(engine, 'server_version') }
      : { check: 'postgres', state: 'failure', says: 'older than version 14: upgrade PostgreSQL' },
    fsync === 'on' && commit !== 'off'
      ? { check: 'durability', state: 'ok', says: 'commits are on disk when they return' }
      : {
          check: 'durability',
          state: 'failure',
          says: `fsync is ${fsync} and synchronous_commit is ${commit}: switch both on, or acknowledged writes are lost in a crash`,
        },
  ];
}

export const databaseHealth = (engine: Engine): Promise<Finding[]> =>
  engine.name === 'sqlite' ? sqliteHealth(engine) : postgresHealth(engine);
