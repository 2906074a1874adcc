// `holdfast audit verify` finds every way of tampering with the audit log that leaves the database itself sound.
import { randomInt } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/store/engine.ts';
import { openEngine } from '../../src/store/open-store.ts';
import { commandLine, newPlace, type Outcome, type Place } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';

interface Verdict {
  readonly valid: boolean;
  readonly events: number;
  readonly head: string;
  readonly fault: { readonly seq: number; readonly reason: string } | null;
}

describe.each(ENGINES)('the audit log on %s', (engine) => {
  let place: Place;
  let database: Engine;
  let org: number;
  const verify = (): Promise<Outcome> =>
    commandLine('audit', 'verify', '--org', 'acme', '--json', ...place.flags);
  const change = (sql: string) => database.transaction((connection) => connection.run(sql, []));

  beforeEach(async () => {
    place = await newPlace(engine);
    await commandLine(...['init', '--org', 'acme', '--owner', 'a@acme.test'], ...place.flags);
    for (let i = 0; i < 3; i += 1) {
      await commandLine(...['token', 'create', '--org', 'acme', '--user', 'a@acme.test'], ...place.flags);
    }
    const [, where = ''] = place.flags;
    database = openEngine({
      location: engine === 'sqlite' ? { kind: 'sqlite', directory: where } : { kind: 'postgres', url: where },
      clock: systemClock,
      onError: () => undefined,
    });
    const [row] = await database.run('SELECT "id" FROM "organization"', []);
    org = Number(row?.id);
  });
  afterEach(async () => {
    await database.close();
    place.remove();
  });

  test('is intact as it was written', async () => {
    const report = await verify();
    expect(report).toMatchObject({ code: 0, err: '' });
    const verdict = report.json<Verdict>();
    expect(verdict).toMatchObject({
      valid: true,
      fault: null,
      head: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(verdict.events).toBeGreaterThanOrEqual(5);
  });

  test.each([
    ['objectName', `'somebody else'`],
    ['byName', `'somebody else'`],
    ['at', '"at" + 1'],
    ['after', `'{"role":"admin"}'`],
    ['hash', `'${'0'.repeat(64)}'`],
    ['origin', `'cli2'`],
  ])('an altered %s is found', async (column, value) => {
    const seq = randomInt(1, 5);
    await change(`UPDATE "auditEvent" SET "${column}" = ${value} WHERE "org" = ${org} AND "seq" = ${seq}`);
    const report = await verify();
    expect(report.code).toBe(1);
    expect(report.err).toMatch(/^holdfast: [^\n]+\n$/);
    expect(report.json<Verdict>()).toMatchObject({ valid: false, fault: { seq } });
  });

  test('an event that was taken out is found, wherever it stood', async () => {
    await change(`DELETE FROM "auditEvent" WHERE "org" = ${org} AND "seq" = 2`);
    expect((await verify()).json<Verdict>()).toMatchObject({ valid: false, fault: { seq: 2 } });
  });

  test('events cut off at the end are found', async () => {
    const { events } = (await verify()).json<Verdict>();
    await change(`DELETE FROM "auditEvent" WHERE "org" = ${org} AND "seq" = ${events}`);
    const report = await verify();
    expect(report.json<Verdict>()).toMatchObject({ valid: false, fault: { seq: events } });
  });

  test('two events that changed places are found', async () => {
    await change(`UPDATE "auditEvent" SET "seq" = 1000 WHERE "org" = ${org} AND "seq" = 1`);
    await change(`UPDATE "auditEvent" SET "seq" = 1 WHERE "org" = ${org} AND "seq" = 2`);
    await change(`UPDATE "auditEvent" SET "seq" = 2 WHERE "org" = ${org} AND "seq" = 1000`);
    expect((await verify()).json<Verdict>()).toMatchObject({ valid: false });
  });

  test('without --org every chain is looked at, the installation’s own too', async () => {
    const all = await commandLine('audit', 'verify', '--json', ...place.flags);
    expect(all.json<{ chains: { organization: string | null }[] }>().chains).toMatchObject([
      { organization: null, valid: true },
      { organization: 'acme', valid: true },
    ]);
    await change(`UPDATE "auditEvent" SET "objectName" = 'x' WHERE "org" = 0`);
    expect((await commandLine('audit', 'verify', ...place.flags)).code).toBe(1);
  });
});
