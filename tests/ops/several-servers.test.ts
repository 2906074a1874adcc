// Processes that share one database from its first moment: they agree on its keys, and nothing is made twice.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLine, newPlace, type Place } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import { ask, startServer } from '../support/installation.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'holdfast-several-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('servers started at once on an empty database have the same keys, and each a link that works', async () => {
  const place = await newPlace('postgres');
  const servers = await Promise.all(
    [1, 2, 3].map((number) => startServer(path.join(directory, `log-${number}`), ...place.flags)),
  );
  const keys = await Promise.all(servers.map(({ url }) => ask(`${url}/key?v=142`)));
  expect(new Set(keys.map(({ text }) => text)).size).toBe(1);
  expect(keys[0]?.text).toContain('mkey:');

  const answers = await Promise.all(
    servers.map(({ url, process }, index) =>
      ask(`${url}/app/api/first-run`, undefined, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          secret: /#first-run=(\S+)/.exec(process.log())?.[1],
          label: `acme-${index}`,
          email: 'a@acme.test',
        }),
      }),
    ),
  );
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409]);
  await Promise.all(servers.map((server) => server.stop()));
  expect(await commandLine('audit', 'verify', ...place.flags)).toMatchObject({ code: 0 });
}, 60_000);

describe.each(ENGINES)('commands at once on %s', (engine) => {
  let place: Place;
  beforeAll(async () => {
    place = await newPlace(engine);
  });
  afterAll(() => place.remove());

  test('of many that make the same organization one succeeds, from nothing at all', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () =>
        commandLine('init', '--org', 'acme', '--owner', 'a@acme.test', ...place.flags),
      ),
    );
    expect(outcomes.map(({ code }) => code).toSorted()).toEqual([0, 1, 1, 1, 1, 1]);
    for (const { err } of outcomes.filter(({ code }) => code === 1)) {
      expect(err).toMatch(/^holdfast: [^\n]*(?:exists|already in use)[^\n]*\n$/);
    }
    expect(await commandLine('audit', 'verify', ...place.flags)).toMatchObject({ code: 0 });
    const report = await commandLine('doctor', '--json', ...place.flags);
    expect(report.json<{ findings: object[] }>().findings).toContainEqual(
      expect.objectContaining({ check: 'server keys', state: 'ok' }),
    );
  });
});
