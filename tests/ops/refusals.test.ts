// What a server refuses to start on: each by one sentence that says what to do, and exit code 1 or 2.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTlsFiles } from '../../src/app/tls.ts';
import { DAY, systemClock } from '../../src/kernel/clock.ts';
import { openEngine } from '../../src/store/open-store.ts';
import { createCertificate, whyNoCertificates } from '../support/certificates.ts';
import { newPlace } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import { holdfastCommand, initialise } from '../support/holdfast.ts';
import { startServer } from '../support/installation.ts';
import { programEnvironment } from '../support/program.ts';
import { unless } from '../support/requirements.ts';

const ONE_SENTENCE = /^holdfast: [^\n]+\n$/;
const ANY_PORT = ['--listen', '127.0.0.1:0', '--no-derp'];

interface Refusal {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Starts a server that should not start; gives up on one that does. */
function refused(...args: readonly string[]): Promise<Refusal> {
  const [command = '', ...rest] = holdfastCommand('serve', ...args);
  const options = { env: programEnvironment(), timeout: 20_000, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    execFile(command, rest, options, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : -1, out, err }),
    );
  });
}

let directory: string;
const within = (name: string): string => path.join(directory, name);
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'holdfast-refusals-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('a port in use', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const answer = await refused('--data', within('port'), '--listen', `127.0.0.1:${port}`, '--no-derp');
  other.close();
  expect(answer).toMatchObject({ code: 1, out: '' });
  expect(answer.err).toMatch(ONE_SENTENCE);
  expect(answer.err).toContain(`127.0.0.1:${port}`);
  expect(answer.err).toContain('--listen');
});

test('an address that this machine has not', async () => {
  const answer = await refused('--data', within('address'), '--listen', '203.0.113.9:8484', '--no-derp');
  expect(answer).toMatchObject({ code: 1, out: '' });
  expect(answer.err).toMatch(ONE_SENTENCE);
});

test('a data directory that a running server owns; and after kill -9 it is free at once', async () => {
  const data = within('owned');
  const server = await startServer(within('owned.log'), '--data', data);
  const answer = await refused('--data', data, ...ANY_PORT);
  expect(answer).toMatchObject({ code: 1, out: '' });
  expect(answer.err).toMatch(ONE_SENTENCE);
  expect(answer.err).toContain(String(server.process.pid));
  await server.kill9();
  const next = await startServer(within('owned-2.log'), '--data', data);
  expect(await next.stop()).toBe(0);
});

describe.each(ENGINES)('on %s', (engine) => {
  test('a database that is newer than the program, which stays as it was', async () => {
    const place = await newPlace(engine);
    await initialise(place.flags, 'acme');
    const [, where = ''] = place.flags;
    const database = openEngine({
      location: engine === 'sqlite' ? { kind: 'sqlite', directory: where } : { kind: 'postgres', url: where },
      clock: systemClock,
      onError: () => undefined,
    });
    await database.transaction((c) => c.run('UPDATE "schemaVersion" SET "version" = 999', []));
    const answer = await refused(...place.flags, ...ANY_PORT);
    expect(answer).toMatchObject({ code: 1, out: '' });
    expect(answer.err).toMatch(ONE_SENTENCE);
    expect(answer.err).toContain('999');
    expect(await database.run('SELECT "version" FROM "schemaVersion"', [])).toEqual([{ version: 999 }]);
    await database.close();
    place.remove();
  });

  test('secrets sealed with another key than the one that is there', async () => {
    const place = await newPlace(engine);
    const key = within(`${engine}.key`);
    writeFileSync(key, `${Buffer.alloc(32, 1).toString('base64')}\n`, { mode: 0o600 });
    await initialise([...place.flags, '--sealing-key-file', key], 'acme');
    writeFileSync(key, `${Buffer.alloc(32, 2).toString('base64')}\n`);
    const answer = await refused(...place.flags, '--sealing-key-file', key, ...ANY_PORT);
    expect(answer).toMatchObject({ code: 1, out: '' });
    expect(answer.err).toMatch(ONE_SENTENCE);
    expect(answer.err).toContain('sealing key');
    place.remove();
  });
});

describe('a certificate', unless(whyNoCertificates()), () => {
  const withFiles = (cert: string, key: string): Promise<Refusal> =>
    refused('--data', within('tls'), ...ANY_PORT, '--tls-cert', cert, '--tls-key', key);

  test.each<[string, () => Promise<readonly [string, string]>, string]>([
    ['that is not there', async () => [within('none.crt'), within('none.key')], '--tls-cert'],
    [
      'that is none',
      async () => {
        writeFileSync(within('text.crt'), 'not a certificate');
        const { keyFile } = await createCertificate(directory, 'good');
        return [within('text.crt'), keyFile];
      },
      'PEM',
    ],
    [
      'whose key is none',
      async () => {
        const { certFile } = await createCertificate(directory, 'good');
        return [certFile, certFile];
      },
      '--tls-key',
    ],
    [
      'with another one’s key',
      async () => {
        const { certFile } = await createCertificate(directory, 'one');
        const { keyFile } = await createCertificate(directory, 'two');
        return [certFile, keyFile];
      },
      'does not belong',
    ],
  ])('%s', async (_, make, named) => {
    const answer = await withFiles(...(await make()));
    expect(answer).toMatchObject({ code: 1, out: '' });
    expect(answer.err).toMatch(ONE_SENTENCE);
    expect(answer.err).toContain(named);
  });
});

test('a certificate that has expired', unless(whyNoCertificates()), async () => {
  const files = await createCertificate(directory, 'aging');
  const inAMonth = { now: () => Date.now() + 31 * DAY };
  expect(() => createTlsFiles(files, systemClock).read()).not.toThrow();
  expect(() => createTlsFiles(files, inAMonth).read()).toThrow('expired');
});

describe('a sealing key', () => {
  const withKey = (content: string, mode = 0o600): Promise<Refusal> => {
    const file = within('some.key');
    writeFileSync(file, content);
    chmodSync(file, mode);
    return refused('--data', within('sealing'), ...ANY_PORT, '--sealing-key-file', file);
  };

  test.each<[string, () => Promise<Refusal>, string]>([
    ['of the documentation', () => withKey('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n'), 'example'],
    ['of another length', () => withKey('AAECAwQFBgcICQ==\n'), '32 bytes'],
    [
      'that others can read',
      () => withKey(`${Buffer.alloc(32, 9).toString('base64')}\n`, 0o644),
      'chmod 600',
    ],
  ])('%s', async (_, start, named) => {
    const answer = await start();
    expect(answer).toMatchObject({ code: 2, out: '' });
    expect(answer.err).toMatch(ONE_SENTENCE);
    expect(answer.err).toContain(named);
  });
});

test('a database that is not there, without telling its password', async () => {
  const url = 'postgres://holdfast:hunter2hunter2@127.0.0.1:1/holdfast';
  const answer = await refused('--database-url', url, ...ANY_PORT);
  expect(answer).toMatchObject({ code: 1, out: '' });
  expect(answer.err).toMatch(ONE_SENTENCE);
  expect(answer.err).toContain('127.0.0.1:1');
  expect(answer.err).not.toContain('hunter2');
});

test('a file in the place of the data directory', async () => {
  writeFileSync(within('file'), 'x');
  const answer = await refused('--data', within('file'), ...ANY_PORT);
  expect(answer).toMatchObject({ code: 1, out: '' });
  expect(answer.err).toMatch(ONE_SENTENCE);
});
