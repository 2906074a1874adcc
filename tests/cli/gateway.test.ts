// Letting the agent of a gateway in, and what the agent refuses before it touches the machine.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore } from '../../src/store/open-store.ts';
import { commandLine, newPlace, type Place } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import { insertGateway, insertNetwork, seed } from '../support/seeds.ts';

const ONE_SENTENCE = /^holdfast: [^\n]+\n$/u;

describe.each(ENGINES)('holdfast gateway token on %s', (engine) => {
  let place: Place;
  const run = (...args: string[]) => commandLine('gateway', 'token', ...args, ...place.flags);

  beforeAll(async () => {
    place = await newPlace(engine);
    await commandLine(
      'init',
      '--org',
      'acme',
      '--domain',
      'acme.test',
      '--owner',
      'o@acme.test',
      ...place.flags,
    );
    const [, where = ''] = place.flags;
    const location =
      engine === 'postgres' ? { kind: engine, url: where } : { kind: engine, directory: where };
    const store = await openStore({
      location,
      clock: systemClock,
      onError: (error) => {
        throw error;
      },
    });
    const org = (await store.organizationBy('label', 'acme'))?.id ?? 0;
    await seed(store, org, async (tx) => {
      const one = await insertNetwork(tx, org, { name: 'one' });
      const two = await insertNetwork(tx, org, { name: 'two' });
      await insertGateway(tx, org, { network: one.id, name: 'Berlin' });
      await insertGateway(tx, org, { network: one.id, name: 'Twin' });
      await insertGateway(tx, org, { network: two.id, name: 'Twin' });
    });
    await store.close();
  });
  afterAll(() => place.remove());

  test('prints a token for the gateway of that name, another one each time', async () => {
    const [first, second] = [
      await run('--org', 'acme', '--gateway', 'berlin', '--json'),
      await run('--org', 'acme', '--gateway', 'Berlin', '--json'),
    ];
    const tokens = [first, second].map((outcome) => outcome.json() as { gateway: string; token: string });
    expect(tokens.map(({ gateway }) => gateway)).toEqual(['Berlin', 'Berlin']);
    for (const { token } of tokens) expect(token).toMatch(/^tskey-agent-[A-Za-z0-9]+-[A-Za-z0-9]+$/u);
    expect(tokens[0]?.token).not.toBe(tokens[1]?.token);
  });

  test.each([
    ['nowhere', 'Berlin', 'no organization'],
    ['acme', 'Paris', 'no gateway'],
    ['acme', 'Twin', 'several networks'],
  ])('of %s and %s says: %s', async (org, gateway, said) => {
    const refused = await run('--org', org, '--gateway', gateway);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(ONE_SENTENCE);
    expect(refused.err).toContain(said);
  });
});

describe('holdfast gateway up', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-gateway-'));
  const tokenFile = path.join(directory, 'token');
  writeFileSync(tokenFile, 'tskey-agent-x-y\n');
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const GOOD = ['--server', 'https://vpn.example.com', '--token-file', tokenFile, '--state', directory];

  test.each([
    [['--token-file', tokenFile], '--server'],
    [['--server', 'vpn.example.com', '--token-file', tokenFile], '--server'],
    [['--server', 'https://vpn.example.com'], '--token-file'],
    [[...GOOD, '--interface', 'no/name'], '--interface'],
    [[...GOOD, '--interface', 'a'.repeat(16)], '--interface'],
    [[...GOOD, '--device-interface', 'x"; drop'], '--device-interface'],
    [[...GOOD, '--listen-port', '0'], '--listen-port'],
    [[...GOOD, '--listen-port', '65536'], '--listen-port'],
    [[...GOOD, '--mtu', 'large'], '--mtu'],
  ])('refuses %j by the name of the option', async (args, named) => {
    const refused = await commandLine('gateway', 'up', ...args);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(ONE_SENTENCE);
    expect(refused.err).toContain(named);
  });
});
