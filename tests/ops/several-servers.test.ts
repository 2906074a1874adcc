// Processes that share one database from its first moment: they agree on its keys, and nothing is made twice.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDevice } from '../client/index.ts';
import { commandLine, newPlace, type Place } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import { initialise, serve } from '../support/holdfast.ts';
import { ask, startServer } from '../support/installation.ts';
import { startProgram } from '../support/program.ts';
import { createRest } from '../support/rest.ts';

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

test('a device at one server hears when another one runs the relay from now on', async () => {
  const place = await newPlace('postgres');
  const { api_key: token } = await initialise(place.flags, 'acme');
  const start = (name: string, ...flags: readonly string[]) =>
    serve(
      (command) => startProgram(command, path.join(directory, name)),
      ...[...place.flags, '--listen', '127.0.0.1:0', ...flags],
    );
  const relay = ['--derp', '--derp-listen', '127.0.0.1:0'];
  const relaying = await start('relay-one', ...relay);
  const asking = await start('asking');
  const create = { reusable: false, ephemeral: false, preauthorized: true };
  const { key } = (await createRest({ url: asking.url, token }).ask('POST', '/api/v2/tailnet/-/keys', {
    capabilities: { devices: { create } },
  })) as { key: string };
  const device = createTestDevice({ url: asking.url, hostname: 'web', authKey: key });
  await device.join();
  const port = (): number | undefined =>
    Object.values(device.netmap().derpMap?.Regions ?? {})[0]?.Nodes[0]?.DERPPort;
  const before = port();
  expect(before).toBeGreaterThan(0);
  await relaying.stop();
  const next = await start('relay-two', ...relay);
  await device.waitFor(() => port() !== undefined && port() !== before, 20_000, 'the other relay');
  device.close();
  await Promise.all([asking.stop(), next.stop()]);
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
