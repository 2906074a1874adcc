// Backups: complete, consistent while servers write, portable between the engines, and refused when anything is wrong.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDevice } from '../client/index.ts';
import { commandLine, newPlace, type Place } from '../support/command-line.ts';
import { ENGINES, type EngineName } from '../support/engines.ts';
import type { Server } from '../support/holdfast.ts';
import { ask, createInstallation, startServer, type TestInstallation } from '../support/installation.ts';

const ONE_SENTENCE = /^holdfast: [^\n]+\n$/;
const DEVICES = 3;

/** What a restored server must answer as the old one did. */
const QUESTIONS = [
  '/api/v2/tailnet/-/devices?fields=all',
  '/api/v2/tailnet/-/keys?all=true',
  '/api/v2/tailnet/-/acl',
  '/key?v=142',
];

let directory: string;
const within = (name: string): string => path.join(directory, name);
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'holdfast-backup-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Presence depends on who is connected just now. */
const settled = (text: string): string =>
  text.replaceAll(/"connectedToControl":(?:true|false)/g, '').replaceAll(/,?"lastSeen":"[^"]*"/g, '');

async function answers(server: Server, key: string): Promise<string[]> {
  const found: string[] = [];
  for (const question of QUESTIONS) {
    const { status, text } = await ask(`${server.url}${question}`, key);
    expect([question, status]).toEqual([question, 200]);
    found.push(settled(text));
  }
  return found;
}

async function fill(server: Server, apiKey: string): Promise<void> {
  const created = await ask(`${server.url}/api/v2/tailnet/-/keys`, apiKey, {
    method: 'POST',
    body: JSON.stringify({ capabilities: { devices: { create: { reusable: true, preauthorized: true } } } }),
  });
  const { key } = JSON.parse(created.text) as { key: string };
  for (let i = 0; i < DEVICES; i += 1) {
    const device = createTestDevice({ url: server.url, hostname: `laptop-${i}`, authKey: key });
    await device.join();
    device.close();
  }
  await reportsWritten(server, apiKey);
}

/** What devices report of themselves is written in batches, a moment later. */
async function reportsWritten(server: Server, apiKey: string): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 50) {
    const { text } = await ask(`${server.url}/api/v2/tailnet/-/devices?fields=all`, apiKey);
    if (!text.includes('"endpoints":[]')) return;
    await sleep(50);
  }
  throw new Error('the reports of devices were never written');
}

describe.each(ENGINES)('a backup of %s', (from) => {
  let installation: TestInstallation;
  let server: Server;
  let expected: string[];
  const backup = (): string => within(`${from}.backup`);

  beforeAll(async () => {
    installation = await createInstallation(from);
    server = await installation.start();
    await fill(server, installation.apiKey);
    expected = await answers(server, installation.apiKey);
    const made = await commandLine('backup', backup(), ...installation.flags, '--json');
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(made.json()).toMatchObject({
      file: backup(),
      tables: expect.any(Number),
      rows: expect.any(Number),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });
  afterAll(() => installation.end());

  test('is for its owner’s eyes alone, and leaves nothing else behind', () => {
    expect(statSync(backup()).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  test('never overwrites a file', async () => {
    const before = readFileSync(backup());
    const again = await commandLine('backup', backup(), ...installation.flags);
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toMatch(ONE_SENTENCE);
    expect(readFileSync(backup()).equals(before)).toBe(true);
  });

  test.each(ENGINES)('restored into %s serves the same answers', async (to: EngineName) => {
    const place = await newPlace(to);
    const restored = await commandLine('restore', backup(), ...place.flags, '--json');
    expect(restored).toMatchObject({ code: 0, err: '' });
    expect(restored.json()).toMatchObject({ rows: expect.any(Number), chains: 2 });
    const copy = await startServer(within(`${from}-${to}.log`), ...place.flags);
    expect(await answers(copy, installation.apiKey)).toEqual(expected);
    expect(copy.process.log()).not.toContain('first-run');
    // It is alive, not a picture: it takes writes, and its audit log goes on where the old one stood.
    await fill(copy, installation.apiKey);
    await copy.stop();
    expect(await commandLine('audit', 'verify', ...place.flags)).toMatchObject({ code: 0 });
    const report = await commandLine('doctor', '--json', ...place.flags);
    expect(report.json<{ findings: object[] }>().findings).toContainEqual(
      expect.objectContaining({ check: 'server keys', state: 'ok' }),
    );
    place.remove();
  });

  test('is not restored over an installation, which stays as it is', async () => {
    const refused = await commandLine('restore', backup(), ...installation.flags);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(ONE_SENTENCE);
    expect(await answers(server, installation.apiKey)).toEqual(expected);
  });

  test('taken in a storm of writes holds one moment: every chain in it is whole', async () => {
    let writing = true;
    const write = async (): Promise<void> => {
      while (writing) {
        await ask(`${server.url}/api/v2/tailnet/-/keys`, installation.apiKey, {
          method: 'POST',
          body: JSON.stringify({ capabilities: { devices: { create: {} } } }),
        });
      }
    };
    const writers = [write(), write(), write()];
    for (let round = 0; round < 3; round += 1) {
      const file = within(`${from}-storm-${round}`);
      expect(await commandLine('backup', file, ...installation.flags)).toMatchObject({ code: 0 });
      const place = await newPlace('sqlite');
      expect(await commandLine('restore', file, ...place.flags)).toMatchObject({ code: 0, err: '' });
      expect(await commandLine('audit', 'verify', ...place.flags)).toMatchObject({ code: 0 });
      place.remove();
    }
    writing = false;
    await Promise.all(writers);
  });
});

describe.each(ENGINES)('a damaged backup, for %s', (to) => {
  let good: Buffer;
  let place: Place;
  beforeAll(async () => {
    const source = await newPlace('sqlite');
    await commandLine('init', '--org', 'acme', '--owner', 'a@acme.test', ...source.flags);
    const file = within(`good-${to}`);
    await commandLine('backup', file, ...source.flags);
    good = readFileSync(file);
    source.remove();
    place = await newPlace(to);
  });
  afterAll(() => place.remove());

  const restoreOf = async (content: Uint8Array) => {
    const file = within(`damaged-${to}`);
    writeFileSync(file, content);
    return commandLine('restore', file, ...place.flags);
  };

  test('is refused wherever it is cut off, and wherever a byte was changed', async () => {
    for (let sample = 0; sample < 12; sample += 1) {
      const at = Math.floor((good.length * (sample + 0.5)) / 12);
      const altered = Buffer.from(good);
      altered[at] = (altered[at] ?? 0) ^ 0xff;
      for (const content of [good.subarray(0, at), altered]) {
        const refused = await restoreOf(content);
        expect(refused).toMatchObject({ code: 1, out: '' });
        expect(refused.err).toMatch(ONE_SENTENCE);
      }
    }
  });

  test('is refused when it never was a backup', async () => {
    for (const content of [Buffer.alloc(0), randomBytes(5_000), Buffer.from('{"holdfastBackup":1}')]) {
      expect(await restoreOf(content)).toMatchObject({ code: 1, out: '' });
    }
  });

  test('leaves a place in which the good one is restored afterwards', async () => {
    if (to === 'sqlite') expect(existsSync(path.join(place.flags[1] ?? '', 'holdfast.db'))).toBe(false);
    expect(await restoreOf(good)).toMatchObject({ code: 0, err: '' });
    expect(await commandLine('audit', 'verify', ...place.flags)).toMatchObject({ code: 0 });
  });
});

describe.each(ENGINES)('an installation on %s whose sealing key its operator keeps', (engine) => {
  test('gives backups without the key, which are restored with it and not without', async () => {
    const key = within(`${engine}-operator.key`);
    const text = randomBytes(32).toString('base64');
    writeFileSync(key, `${text}\n`, { mode: 0o600 });
    const sealed = ['--sealing-key-file', key];
    const source = await newPlace(engine);
    await commandLine('init', '--org', 'acme', '--owner', 'a@acme.test', ...source.flags, ...sealed);
    const file = within(`${engine}-sealed`);
    expect(await commandLine('backup', file, ...source.flags, ...sealed)).toMatchObject({ code: 0 });

    const place = await newPlace(engine);
    const without = await commandLine('restore', file, ...place.flags);
    expect(without.err).toContain('--sealing-key-file');
    const other = within(`${engine}-other.key`);
    writeFileSync(other, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    const wrong = await commandLine('restore', file, ...place.flags, '--sealing-key-file', other);
    expect(wrong.err).toMatch(ONE_SENTENCE);
    expect(wrong.code).not.toBe(0);
    expect(await commandLine('restore', file, ...place.flags, ...sealed)).toMatchObject({ code: 0, err: '' });
    source.remove();
    place.remove();
  });
});
