// The domain of device names, and what a server says about certificates for them.
import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { commandLine, newPlace } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import { initialise, type Server } from '../support/holdfast.ts';
import { ask, createInstallation, type TestInstallation } from '../support/installation.ts';

const DOMAIN = 'ts.example.net';
const ANSWERING = ['--acme-dns-listen', '127.0.0.1:0', '--acme-dns-name', 'ns.example.com'];
const PORT = /"port":(?<port>\d+),"domain":"ts\.example\.net"/u;

const Certificates = z.object({
  domain: z.string(),
  available: z.boolean(),
  lacking: z.string().nullable(),
  says: z.string(),
});
const Findings = z.object({ findings: z.array(z.object({ check: z.string(), says: z.string() })) });

describe.each(ENGINES)('certificates for device names on %s', (engine) => {
  let installation: TestInstallation;
  beforeAll(async () => {
    installation = await createInstallation(engine);
  });
  afterAll(() => installation.end());

  const certificates = async (server: Server, token = installation.apiKey) =>
    Certificates.parse(JSON.parse((await ask(`${server.url}/app/api/certificates`, token)).text));
  const doctor = async (): Promise<string> => {
    const { findings } = Findings.parse(
      (await commandLine('doctor', '--json', ...installation.flags)).json(),
    );
    return findings.find(({ check }) => check === 'device names')?.says ?? '';
  };

  test('a private domain has none, whatever the setting says', async () => {
    const server = await installation.start();
    expect(await certificates(server)).toMatchObject({
      ...{ domain: 'acme.holdfast.internal', available: false, lacking: 'switched-off' },
    });
    const body = JSON.stringify({ httpsEnabled: true });
    const headers = { 'content-type': 'application/json' };
    const settings = `${server.url}/api/v2/tailnet/-/settings`;
    const set = await ask(settings, installation.apiKey, { method: 'PATCH', headers, body });
    expect(set.status).toBe(200);
    const { lacking, says } = await certificates(server);
    expect(lacking).toBe('not-published');
    expect(says).toContain('docs/certificates.md');
    expect(await doctor()).toContain('acme (nothing answers the DNS for its names)');
    expect((await ask(`${server.url}/app/api/certificates`)).status).toBe(401);
    await server.stop();
  });

  test('a server that is given a domain gives it to all, and answers the DNS for it', async () => {
    const server = await installation.start('--magic-dns-domain', DOMAIN, ...ANSWERING);
    expect(await certificates(server)).toEqual({
      ...{ domain: `acme.${DOMAIN}`, available: true, lacking: null, says: '' },
    });
    const { port } = PORT.exec(server.process.log())?.groups ?? {};
    const resolver = new Resolver({ timeout: 5_000, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    expect(await resolver.resolveNs(DOMAIN)).toEqual(['ns.example.com']);
    await server.stop();
    const verified = await commandLine('audit', 'verify', ...installation.flags, '--org', 'acme', '--json');
    expect(verified.code).toBe(0);
  });

  test('it stays without being given again, also for organizations that are made later', async () => {
    const { api_key: theirs } = await initialise(installation.flags, 'globex');
    const server = await installation.start();
    expect(await certificates(server)).toMatchObject({ domain: `acme.${DOMAIN}`, lacking: 'not-published' });
    expect(await certificates(server, theirs)).toMatchObject({
      ...{ domain: `globex.${DOMAIN}`, lacking: 'switched-off' },
    });
    await server.stop();
  });
});

describe('another domain, given by one of two servers on a database', () => {
  const NEW = 'new.example.org';
  let installation: TestInstallation;
  beforeAll(async () => {
    installation = await createInstallation('postgres');
  });
  afterAll(() => installation.end());

  const certificates = async (server: Server) =>
    Certificates.parse(
      JSON.parse((await ask(`${server.url}/app/api/certificates`, installation.apiKey)).text),
    );

  test('is published for by the other too, without a restart', async () => {
    const older = await installation.start('--magic-dns-domain', DOMAIN, ...ANSWERING);
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ httpsEnabled: true });
    const settings = `${older.url}/api/v2/tailnet/-/settings`;
    expect((await ask(settings, installation.apiKey, { method: 'PATCH', headers, body })).status).toBe(200);
    expect(await certificates(older)).toMatchObject({ domain: `acme.${DOMAIN}`, available: true });
    const newer = await installation.start('--magic-dns-domain', NEW, ...ANSWERING);
    const expected = { domain: `acme.${NEW}`, available: true, lacking: null, says: '' };
    await expect.poll(() => certificates(older), { timeout: 5_000 }).toEqual(expected);
    expect(await certificates(newer)).toEqual(expected);
    const { port } = PORT.exec(older.process.log())?.groups ?? {};
    const resolver = new Resolver({ timeout: 5_000, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    expect(await resolver.resolveNs(NEW)).toEqual(['ns.example.com']);
    await expect(resolver.resolveNs(DOMAIN)).rejects.toMatchObject({ code: 'EREFUSED' });
  });

  test('is published by nobody whose name server would be in it, who says so', async () => {
    const older = await installation.start('--magic-dns-domain', NEW, ...ANSWERING);
    await installation.start('--magic-dns-domain', 'example.com');
    await expect
      .poll(() => certificates(older), { timeout: 5_000 })
      .toMatchObject({ domain: 'acme.example.com', lacking: 'not-published' });
    expect(older.process.log()).toContain(
      'the name server ns.example.com cannot have its name in example.com',
    );
  });
});

const SECRET = Buffer.alloc(32, 7).toString('base64');
const UPDATING = ['--acme-dns-update', '127.0.0.1:53', '--acme-dns-update-key', `holdfast:${SECRET}`];

test.each([
  ['without a domain', ANSWERING, '--magic-dns-domain'],
  ['by a name inside of it', [...ANSWERING, '--magic-dns-domain', 'example.com'], '--acme-dns-name'],
  ['elsewhere without a domain', UPDATING, '--magic-dns-domain'],
  [
    'in a zone that it is not in',
    [...UPDATING, '--magic-dns-domain', 'ts.example.net', '--acme-dns-update-zone', 'example.com'],
    '--acme-dns-update-zone',
  ],
])('a server that is to publish names %s does not start', async (_, flags, named) => {
  const place = await newPlace('sqlite');
  const refused = await commandLine('serve', ...place.flags, '--listen', '127.0.0.1:0', ...flags);
  place.remove();
  expect(refused.code).toBe(2);
  expect(refused.err).toMatch(/^holdfast: [^\n]+\n$/u);
  expect(refused.err).toContain(named);
});
