// A restore that is killed leaves no half of an installation, and can be begun again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openEngine } from '../../src/store/open-store.ts';
import { commandLine, newPlace } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import { holdfastCommand } from '../support/holdfast.ts';
import { programEnvironment } from '../support/program.ts';
import { isLongRun } from '../support/requirements.ts';

/** Enough rows that a restore takes a while. */
const ROWS = 40_000;
const ROUNDS = isLongRun() ? 12 : 4;
/** From before the first row to long after. */
const KILLED_WITHIN_MS = 3_000;

let directory: string;
let backup: string;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'holdfast-killed-'));
  backup = path.join(directory, 'backup');
  const source = await newPlace('sqlite');
  await commandLine('init', '--org', 'acme', '--owner', 'a@acme.test', ...source.flags);
  const database = openEngine({
    location: { kind: 'sqlite', directory: source.flags[1] ?? '' },
    clock: systemClock,
    onError: () => undefined,
  });
  await database.transaction(async (connection) => {
    for (let seq = 1_000; seq < 1_000 + ROWS; seq += 1) {
      await connection.run(
        `INSERT INTO "change" ("org", "seq", "kind", "key", "before", "after", "at") VALUES (1, ?, 'presence', '1', NULL, NULL, ?)`,
        [seq, seq],
      );
    }
  });
  await database.close();
  expect(await commandLine('backup', backup, ...source.flags)).toMatchObject({ code: 0 });
  source.remove();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.each(ENGINES)('a restore into %s that is killed', (engine) => {
  test('at any moment leaves nothing, or everything', async () => {
    let killedHalfway = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const place = await newPlace(engine);
      const [command = '', ...args] = holdfastCommand('restore', backup, ...place.flags);
      const child = spawn(command, args, { env: programEnvironment(), stdio: 'ignore' });
      const exit = once(child, 'exit');
      // Closer together at the start: a quick machine is done before a slow one has begun.
      await Promise.race([exit, sleep(KILLED_WITHIN_MS * ((round + 1) / ROUNDS) ** 2)]);
      child.kill('SIGKILL');
      const [code] = (await exit) as [number | null];
      if (code === null) {
        killedHalfway += 1;
        const after = await commandLine('audit', 'verify', '--org', 'acme', ...place.flags);
        if (after.code !== 0) {
          if (engine === 'sqlite')
            expect(existsSync(path.join(place.flags[1] ?? '', 'holdfast.db'))).toBe(false);
          const again = await commandLine('restore', backup, ...place.flags);
          expect(again).toMatchObject({ code: 0, err: '' });
        }
      }
      expect(await commandLine('audit', 'verify', '--org', 'acme', ...place.flags)).toMatchObject({
        code: 0,
      });
      place.remove();
    }
    expect(killedHalfway).toBeGreaterThan(0);
  }, 180_000);
});
