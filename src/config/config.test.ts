import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadInstallationConfig, loadServeConfig, type ServeConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Environment, Flags } from './sources.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const serve = (flags: Flags = {}, environment: Environment = {}): ServeConfig =>
  loadServeConfig({ flags, environment, programDirectory: '/opt/holdfast' });
const file = (content: string, name = 'holdfast.json'): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const said = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('nothing was wrong');
};

test('without any setting it serves the embedded database beside the program, on this machine only', () => {
  expect(serve()).toMatchObject({
    database: { kind: 'sqlite', directory: '/opt/holdfast/data' },
    listen: { host: '127.0.0.1', port: 8484 },
    publicUrl: undefined,
    tls: undefined,
    metricsListen: undefined,
    logLevel: 'info',
  });
});

describe('the DNS for certificates of device names', () => {
  const listen = { 'acme-dns-listen': '0.0.0.0:53' };

  test('is answered by the name of the public URL, unless others are given', () => {
    expect(serve().acmeDns).toBeUndefined();
    expect(serve({ ...listen, 'public-url': 'https://net.example.com:8443' }).acmeDns).toEqual({
      kind: 'answered',
      listen: { host: '0.0.0.0', port: 53 },
      names: ['net.example.com'],
    });
    const names = 'NS1.example.com., ns2.example.com';
    expect(serve({ 'acme-dns-name': names }).acmeDns).toEqual({
      kind: 'answered',
      listen: undefined,
      names: ['ns1.example.com', 'ns2.example.com'],
    });
  });

  test.each([{}, { 'public-url': 'https://192.0.2.1' }, { 'public-url': 'http://[2001:db8::1]:80' }])(
    'needs a name: %o',
    (more) => {
      expect(said(() => serve({ ...listen, ...more }))).toContain('--acme-dns-name');
    },
  );

  test.each([
    '',
    'example',
    '-x.example.com',
    'a b.example.com',
    `${'x'.repeat(64)}.example.com`,
    `${'abc.'.repeat(30)}com`,
  ])('has a domain that is one, not "%s"', (domain) => {
    expect(said(() => serve({ 'magic-dns-domain': domain }))).toContain('--magic-dns-domain');
  });
});

describe('updates of another DNS server', () => {
  const SECRET = Buffer.alloc(32, 7).toString('base64');
  const both = { 'acme-dns-update': '192.0.2.53:53', 'acme-dns-update-key': `holdfast.key:${SECRET}` };

  test('are signed with a key', () => {
    expect(serve(both).acmeDns).toEqual({
      kind: 'updated',
      server: { host: '192.0.2.53', port: 53 },
      key: { name: 'holdfast.key', secret: Buffer.alloc(32, 7) },
      zone: undefined,
    });
    expect(serve({ ...both, 'acme-dns-update-zone': 'Example.net.' }).acmeDns).toMatchObject({
      zone: 'example.net',
    });
  });

  test.each([
    [{ 'acme-dns-update': '192.0.2.53:53' }, '--acme-dns-update-key'],
    [{ 'acme-dns-update-key': both['acme-dns-update-key'] }, '--acme-dns-update'],
    [{ ...both, 'acme-dns-listen': '0.0.0.0:53' }, 'not both'],
    [{ ...both, 'acme-dns-update-key': 'holdfast:short' }, '--acme-dns-update-key must be NAME:SECRET'],
  ])('are refused half or twice: %o', (flags, named) => {
    const sentence = said(() => serve(flags));
    expect(sentence).toContain(named);
    expect(sentence).not.toContain('short');
    expect(sentence).not.toContain(SECRET);
  });
});

describe('where settings come from', () => {
  test('a flag wins over a variable, and a variable over the file', () => {
    const config = file('{"listen": "1.1.1.1:1", "logLevel": "warn", "publicUrl": "https://file.example"}');
    const environment = {
      HOLDFAST_LISTEN: '2.2.2.2:2',
      HOLDFAST_LOG_LEVEL: 'error',
      HOLDFAST_CONFIG: config,
    };
    expect(serve({ listen: '3.3.3.3:3' }, environment)).toMatchObject({
      listen: { host: '3.3.3.3', port: 3 },
      logLevel: 'error',
      publicUrl: 'https://file.example',
    });
  });

  test.each(['holdfast.json', 'holdfast.hujson'])('%s in the data directory is read by itself', (name) => {
    file('{\n  // a comment\n  "logLevel": "debug",\n}', name);
    expect(serve({ data: directory }).logLevel).toBe('debug');
  });

  test('an empty variable counts as not set', () => {
    expect(serve({}, { HOLDFAST_LISTEN: '' }).listen.port).toBe(8484);
  });

  test('a flag for one kind of database overrules a variable for the other', () => {
    const url = 'postgres://db.example/holdfast';
    expect(serve({ data: '/d' }, { HOLDFAST_DATABASE_URL: url }).database.kind).toBe('sqlite');
    expect(serve({ 'database-url': url }, { HOLDFAST_DATA: '/d' }).database.kind).toBe('postgres');
  });

  test('a switch can be turned off', () => {
    expect(serve({ 'database-url': 'postgres://db.example/h', notify: false }).database).toMatchObject({
      notify: false,
    });
  });

  test('commands that only read an installation take the same settings, and mind no others', () => {
    const config = file('{"listen": "0.0.0.0:80", "data": "/somewhere"}');
    const loaded = loadInstallationConfig({
      flags: { config },
      environment: {},
      programDirectory: '/opt/holdfast',
    });
    expect(loaded.database).toEqual({ kind: 'sqlite', directory: '/somewhere' });
  });
});

describe('what is refused, by a sentence that names it', () => {
  test.each<[string, () => unknown, string]>([
    ['an unknown variable', () => serve({}, { HOLDFAST_LISEN: 'x' }), 'HOLDFAST_LISEN'],
    ['an unknown key', () => serve({ config: file('{"lisen": "x"}') }), '"lisen"'],
    ['a number in the file', () => serve({ config: file('{"listen": 80}') }), '"listen"'],
    ['a file that is no object', () => serve({ config: file('[]') }), 'one JSON object'],
    ['a file that is no JSON', () => serve({ config: file('{') }), 'not valid JSON'],
    ['a file that is not there', () => serve({ config: '/nonexistent/x.json' }), '/nonexistent/x.json'],
    ['a port beyond all', () => serve({ listen: '127.0.0.1:65536' }), '--listen'],
    ['an address without port', () => serve({ listen: '127.0.0.1' }), '--listen'],
    ['a bad address of a variable', () => serve({}, { HOLDFAST_LISTEN: 'x' }), 'HOLDFAST_LISTEN'],
    ['a URL with a path', () => serve({ 'public-url': 'https://a.example/b' }), '--public-url'],
    ['a URL of another scheme', () => serve({ 'public-url': 'ftp://a.example' }), '--public-url'],
    ['another database', () => serve({ 'database-url': 'mysql://a/b' }), '--database-url'],
    ['two databases', () => serve({ data: '/d', 'database-url': 'postgres://a/b' }), '--database-url'],
    ['a certificate without key', () => serve({ 'tls-cert': 'a.pem' }), '--tls-key'],
    ['an unknown level', () => serve({ 'log-level': 'loud' }), 'loud'],
    ['a proxy that is no address', () => serve({ 'trusted-proxies': '10.0.0.0/8, proxy' }), '"proxy"'],
    ['a mail server without a sender', () => serve({ 'smtp-url': 'smtp://mail.example' }), '--mail-from'],
    ['a mail server of another scheme', () => serve({ 'smtp-url': 'http://mail.example' }), '--smtp-url'],
    [
      'a sender that is no address',
      () => serve({ 'smtp-url': 'smtp://mail.example', 'mail-from': 'Holdfast' }),
      '--mail-from',
    ],
    ['no text', () => serve({ data: ' ' }), '--data'],
  ])('%s', (_, work, named) => {
    expect(said(work)).toContain(named);
    expect(said(work)).not.toContain('\n');
  });

  test.each(['change-me', 'changeme', 'password', 'secret', 'holdfast'])(
    'the password "%s" of a documented example',
    (password) => {
      const message = said(() =>
        serve({ 'database-url': `postgres://holdfast:${password}@db.example/holdfast` }),
      );
      expect(message).toContain('--database-url');
      expect(message).toContain('example');
    },
  );

  test('a database URL is never repeated, as it may hold a password', () => {
    expect(said(() => serve({ 'database-url': 'http://user:hunter2@db' }))).not.toContain('hunter2');
  });
});

test.each(['net@example.com', 'Holdfast <net@example.com>'])('%s is a sender of mails', (from) => {
  const smtpUrl = 'smtps://user:horse-staple@mail.example:465';
  expect(serve({ 'smtp-url': smtpUrl, 'mail-from': from }).mail).toEqual({ smtpUrl, from });
});

test('the password of a mail server is never repeated, and may not be an example', () => {
  expect(said(() => serve({ 'smtp-url': 'http://user:hunter2@mail', 'mail-from': 'a@b.c' }))).not.toContain(
    'hunter2',
  );
  const example = said(() => serve({ 'smtp-url': 'smtp://u:changeme@mail', 'mail-from': 'a@b.c' }));
  expect(example).toContain('--smtp-url');
});

test('proxies are addresses and prefixes', () => {
  expect(serve({ 'trusted-proxies': '10.0.0.0/8, ::1,' }).trustedProxies).toEqual(['10.0.0.0/8', '::1']);
});

test('variables that a cluster sets beside a service of this name are no settings', () => {
  const links = {
    HOLDFAST_SERVICE_HOST: '10.0.0.1',
    HOLDFAST_SERVICE_PORT: '80',
    HOLDFAST_SERVICE_PORT_HTTP: '80',
    HOLDFAST_PORT: 'tcp://10.0.0.1:80',
    HOLDFAST_PORT_80_TCP: 'tcp://10.0.0.1:80',
    HOLDFAST_PORT_80_TCP_ADDR: '10.0.0.1',
  };
  expect(serve({}, links).listen.port).toBe(8484);
});

test.each([
  ['[::1]:80', { host: '::1', port: 80 }],
  [':80', { host: '0.0.0.0', port: 80 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
])('%s is a place to listen', (text, expected) => {
  expect(serve({ listen: text }).listen).toEqual(expected);
});
