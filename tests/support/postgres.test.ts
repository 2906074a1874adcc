import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type Postgres, startPostgres } from './postgres.ts';
import { isRunning } from './program.ts';

describe('a test database', () => {
  test('is empty and apart from every other one', async () => {
    const [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    await query(first, 'CREATE TABLE thing (id integer)');
    const [row] = await query(second, "SELECT to_regclass('thing') AS found");
    expect(row).toEqual({ found: null });
  });
});

describe('a cluster of its own', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres({ fsync: true });
  });
  afterAll(() => postgres.stop());

  test('syncs what it commits, and keeps it through a SIGKILL of the postmaster', async () => {
    expect(await query(postgres.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
    await query(postgres.url, 'CREATE TABLE thing AS SELECT 42 AS id');
    const pid = postgres.pid();
    await postgres.kill9();
    await expect(query(postgres.url, 'SELECT 1')).rejects.toThrow();
    await postgres.restart();
    expect(postgres.pid()).not.toBe(pid);
    expect(await query(postgres.url, 'SELECT id FROM thing')).toEqual([{ id: 42 }]);
  });

  test('is reached over its socket as well', async () => {
    expect(await query(await postgres.createDatabase({ overSocket: true }), 'SELECT 1 AS one')).toEqual([
      { one: 1 },
    ]);
  });
});

test('a cluster ends, and leaves no files, when the process that started it is killed', async () => {
  const script = `
    const { startPostgres } = await import(${JSON.stringify(new URL('./postgres-cluster.ts', import.meta.url).href)});
    console.log((await startPostgres({ fsync: false })).pid());
    setInterval(() => {}, 1000);`;
  const runner = execFile(process.execPath, ['--input-type=module', '--eval', script]);
  const pid = await new Promise<number>((resolve) =>
    runner.stdout?.once('data', (text) => resolve(Number(text))),
  );
  const directory = readFileSync(`/proc/${pid}/cwd/postmaster.pid`, 'utf8').split('\n')[1] ?? '';
  expect(existsSync(directory)).toBe(true);
  runner.kill('SIGKILL');
  await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  await expect.poll(() => existsSync(directory), { timeout: 10_000 }).toBe(false);
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
