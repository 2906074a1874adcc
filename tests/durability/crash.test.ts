// What was acknowledged is there after a crash, on both engines. A killed process shows nothing about power loss: the page
// cache outlives it. That each engine syncs what it commits is asserted with the stores.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { holdfast, initialise, type Server, serve } from '../support/holdfast.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { startProgram } from '../support/program.ts';
import { isLongRun } from '../support/requirements.ts';
import { createRest } from '../support/rest.ts';
import { listKeys, startStorm } from './storm.ts';

const ROUNDS = isLongRun() ? 20 : 2;
const ROUND_TIMEOUT_MS = 60_000;

/** The crash comes at a random moment after this many answers, so that every round has something to lose. */
const MIN_ACKNOWLEDGED = 20;
const MAX_EXTRA_MS = 300;
const STORM_TIMEOUT_MS = 20_000;

const LABEL = 'acme';

/** Of `holdfast audit verify --json`; the creation of the organization is an event as well. */
const AuditVerdict = z.looseObject({ valid: z.literal(true), events: z.number() });

let postgres: Postgres;
let directory: string;
/** Ended after a test that failed before it did so itself. */
let running: Server | undefined;
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'holdfast-durability-'));
  postgres = await startPostgres({ fsync: true });
});
afterEach(() => running?.kill9());
afterAll(async () => {
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const ENGINES = [
  { engine: 'SQLite', database: async () => ['--data', path.join(directory, 'data')] },
  { engine: 'PostgreSQL', database: async () => ['--database-url', await postgres.createDatabase()] },
];

describe.each(ENGINES)('the server on $engine, killed in a storm of writes', ({ engine, database }) => {
  test(`has every acknowledged write after each of ${ROUNDS} crashes`, {
    timeout: ROUNDS * ROUND_TIMEOUT_MS,
  }, async () => {
    const installation = await install(await database());
    const acknowledged: string[] = [];
    let server = await installation.start();
    for (let round = 1; round <= ROUNDS; round++) {
      const storm = startStorm(installation.rest(server), `${engine}-${round}`);
      await untilWorthACrash(storm);
      await server.kill9();
      acknowledged.push(...(await storm.stop()));
      expect(await installation.verifyAudit()).toBeGreaterThan(acknowledged.length);
      server = await installation.start();
      await expectAll(installation.rest(server), acknowledged);
    }
    expect(await server.stop()).toBe(0);
    tell(`server on ${engine}`, acknowledged);
  });
});

describe('PostgreSQL, killed in a storm of writes', () => {
  test(`has every acknowledged write after each of ${ROUNDS} crashes, and the server goes on by itself`, {
    timeout: ROUNDS * ROUND_TIMEOUT_MS,
  }, async () => {
    const installation = await install(['--database-url', await postgres.createDatabase()]);
    const acknowledged: string[] = [];
    const server = await installation.start();
    for (let round = 1; round <= ROUNDS; round++) {
      const storm = startStorm(installation.rest(server), `postmaster-${round}`);
      await untilWorthACrash(storm);
      await postgres.kill9();
      await postgres.restart();
      await storm.more(1, STORM_TIMEOUT_MS);
      acknowledged.push(...(await storm.stop()));
      await expectAll(installation.rest(server), acknowledged);
      expect(await installation.verifyAudit()).toBeGreaterThan(acknowledged.length);
    }
    expect(await server.stop()).toBe(0);
    tell('postmaster', acknowledged);
  });
});

function tell(what: string, acknowledged: readonly string[]): void {
  console.log(`${what}: ${ROUNDS} crashes, ${acknowledged.length} acknowledged writes, all there`);
}

async function install(database: readonly string[]) {
  const { api_key: token } = await initialise(database, LABEL);
  let starts = 0;
  return {
    start: async (): Promise<Server> => {
      starts += 1;
      const log = path.join(directory, `server-${starts}.log`);
      running = await serve((command) => startProgram(command, log), ...database, '--listen', '127.0.0.1:0');
      return running;
    },
    rest: ({ url }: Server) => createRest({ url, token }),
    /** Throws with what the command says when the chain does not hold; resolves with the number of its events. */
    verifyAudit: async () => {
      const printed = await holdfast('audit', 'verify', ...database, '--org', LABEL, '--json');
      return AuditVerdict.parse(JSON.parse(printed)).events;
    },
  };
}

async function untilWorthACrash(storm: ReturnType<typeof startStorm>): Promise<void> {
  await storm.more(MIN_ACKNOWLEDGED, STORM_TIMEOUT_MS);
  await sleep(Math.random() * MAX_EXTRA_MS);
}

async function expectAll(
  rest: ReturnType<typeof createRest>,
  acknowledged: readonly string[],
): Promise<void> {
  const present = await listKeys(rest);
  expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
}
