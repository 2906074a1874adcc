// The commands that others script against: what they print, how they end, and what they refuse.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLine, newPlace, type Outcome, type Place } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';

const ONE_SENTENCE = /^holdfast: [^\n]+\n$/;

const OWNER = ['--domain', 'acme.test', '--owner', 'owner@acme.test'];

describe.each(ENGINES)('commands on %s', (engine) => {
  let place: Place;
  let made: Outcome;
  const run = (...args: string[]): Promise<Outcome> => commandLine(...args, ...place.flags);

  beforeAll(async () => {
    place = await newPlace(engine);
    made = await run('init', '--org', 'acme', ...OWNER, '--json');
  });
  afterAll(() => place.remove());

  test('init prints what was made, as JSON of a known shape', () => {
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(made.json()).toEqual({
      organization: {
        id: expect.stringMatching(/^[a-z0-9]{26}$/),
        label: 'acme',
        tailnet: 'acme.test',
        netmaker_tenant: 'acme',
      },
      owner: { id: expect.stringMatching(/^[a-z0-9]{26}$/), email: 'owner@acme.test' },
      api_key: expect.stringMatching(/^tskey-api-[A-Za-z0-9]+-[A-Za-z0-9]+$/),
    });
  });

  test('init refuses a label that exists, and writes nothing', async () => {
    const before = await run('audit', 'verify', '--json');
    const again = await run('init', '--org', 'acme', ...OWNER, '--json');
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toMatch(ONE_SENTENCE);
    expect(again.err).toContain('acme');
    expect((await run('audit', 'verify', '--json')).out).toBe(before.out);
  });

  test.each([
    ['a label of digits', ['--org', '42', ...OWNER], 'label'],
    ['a label with a space', ['--org', 'a b', ...OWNER], 'label'],
    ['an owner without address', ['--org', 'b', '--domain', 'b.test', '--owner', 'nobody'], 'e-mail'],
    ['a domain that is none', ['--org', 'b', '--domain', 'not a domain', '--owner', 'a@b.test'], 'domain'],
  ])('init refuses %s', async (_, args, named) => {
    const refused = await run('init', ...args);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(ONE_SENTENCE);
    expect(refused.err).toContain(named);
  });

  test('a second organization may have the same domain, and is another tailnet', async () => {
    const second = await run('init', '--org', 'second', ...OWNER, '--json');
    const { organization } = second.json<{ organization: { tailnet: string } }>();
    expect(organization.tailnet).not.toBe('acme.test');
  });

  test('init takes the owner’s password from the first line of a file', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-password-'));
    const file = path.join(directory, 'password');
    writeFileSync(file, 'correct staple 77\nignored\n');
    const owner = ['--owner', 'a@third.test', '--password-file', file];
    expect(await run('init', '--org', 'third', ...owner, '--json')).toMatchObject({ code: 0 });
    writeFileSync(file, 'changeme\n');
    const refused = await run('init', '--org', 'fourth', ...owner);
    expect(refused.err).toContain('example from the documentation');
    writeFileSync(file, '\n');
    expect((await run('init', '--org', 'fourth', ...owner)).code).toBe(2);
    rmSync(directory, { recursive: true });
    expect((await run('init', '--org', 'fourth', ...owner)).err).toContain('--password-file');
  });

  test('token create makes a token of the lifetime and scopes that were asked for', async () => {
    const user = ['--org', 'acme', '--user', 'Owner@Acme.test'];
    const created = await run(
      ...['token', 'create', ...user, '--scopes', 'devices:core,dns:read', '--expires', '30d', '--json'],
    );
    expect(created).toMatchObject({ code: 0, err: '' });
    const token = created.json<{ api_key: string; expires_at: string }>();
    expect(token).toMatchObject({
      organization: 'acme',
      user: 'owner@acme.test',
      scopes: ['devices:core', 'dns:read'],
      api_key: expect.stringMatching(/^tskey-api-/),
    });
    const days = (Date.parse(token.expires_at) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);
  });

  test.each([
    ['an unknown organization', ['--org', 'nope', '--user', 'owner@acme.test'], 1, '--org'],
    ['an unknown person', ['--org', 'acme', '--user', 'eve@acme.test'], 1, '--user'],
    ['an unknown scope', ['--org', 'acme', '--user', 'owner@acme.test', '--scopes', 'root'], 1, 'root'],
    [
      'a strange lifetime',
      ['--org', 'acme', '--user', 'owner@acme.test', '--expires', 'soon'],
      2,
      '--expires',
    ],
    [
      'an endless lifetime',
      ['--org', 'acme', '--user', 'owner@acme.test', '--expires', '9999d'],
      1,
      '366 days',
    ],
  ])('token create refuses %s', async (_, args, code, named) => {
    const refused = await run('token', 'create', ...args, '--json');
    expect(refused).toMatchObject({ code, out: '' });
    expect(refused.err).toMatch(ONE_SENTENCE);
    expect(refused.err).toContain(named);
  });

  test('doctor finds nothing wrong with a new installation', async () => {
    const report = await run('doctor', '--json');
    const { healthy, findings } = report.json<{ healthy: boolean; findings: { state: string }[] }>();
    const failures = findings.filter(({ state }) => state === 'failure');
    // The tests' own PostgreSQL trades durability for speed, which is just what doctor is there to find.
    expect(failures).toEqual(
      engine === 'sqlite'
        ? []
        : [expect.objectContaining({ check: 'durability', says: expect.stringContaining('fsync is off') })],
    );
    expect(report.code).toBe(healthy ? 0 : 1);
  });
});

describe('commands without an installation', () => {
  test.each([
    ['token', 'create', '--org', 'a', '--user', 'b'],
    ['audit', 'verify', '--org', 'a'],
    ['backup', '/tmp/never-written'],
  ])('%s %s says that there is none, and makes none', async (...args) => {
    const place = await newPlace('sqlite');
    for (let round = 0; round < 2; round += 1) {
      const refused = await commandLine(...args, ...place.flags);
      expect(refused).toMatchObject({ code: 1, out: '' });
      expect(refused.err).toMatch(ONE_SENTENCE);
      expect(refused.err).toContain('there is no installation');
    }
    place.remove();
  });

  test('doctor says so too, and ends with 1', async () => {
    const place = await newPlace('sqlite');
    const report = await commandLine('doctor', ...place.flags, '--json');
    expect(report.code).toBe(1);
    expect(report.json()).toMatchObject({ healthy: false });
    expect(report.err).toMatch(ONE_SENTENCE);
  });

  test('a database that is not there is named without its password', async () => {
    const url = 'postgres://holdfast:hunter2hunter2@127.0.0.1:1/none';
    const refused = await commandLine('audit', 'verify', '--database-url', url);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(ONE_SENTENCE);
    expect(refused.err).toContain('127.0.0.1:1');
    expect(refused.err).not.toContain('hunter2');
  });
});

describe('wrong usage ends with 2 and one sentence', () => {
  test.each([
    [[]],
    [['nonsense']],
    [['token']],
    [['token', 'nonsense']],
    [['serve', '--nonsense']],
    [['serve', '--listen']],
    [['serve', '--listen', 'nowhere']],
    [['init']],
    [['init', '--org', 'a']],
    [['token', 'create', '--org', 'a']],
    [['backup']],
    [['restore']],
    [['version', 'extra']],
    [['audit', 'verify', '--data', '/d', '--database-url', 'postgres://h/d']],
  ])('%j', async (args) => {
    const refused = await commandLine(...args);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(ONE_SENTENCE);
  });
});

test('help is no error', async () => {
  for (const args of [['help'], ['--help'], ['help', 'serve'], ['serve', '--help']]) {
    const help = await commandLine(...args);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('Usage: holdfast');
  }
});

test('version names the program, and with --json what a script may need', async () => {
  expect((await commandLine('version')).out).toMatch(/^holdfast \d+\.\d+\.\d+\n$/);
  expect((await commandLine('version', '--json')).json()).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    database: expect.any(Number),
    node: process.versions.node,
  });
});
