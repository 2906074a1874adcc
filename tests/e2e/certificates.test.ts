// Certificates for the names of devices: real clients get them from a real certificate authority, which asks the DNS responder
// of the server.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { whyNoCertificates } from '../support/certificates.ts';
import type { Server } from '../support/holdfast.ts';
import { startPebble, whyNoPebble } from '../support/pebble.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import type { Rest } from '../support/rest.ts';
import { AGENT, LOGIN_SERVER, SERVER_ADDRESS } from '../support/server-host.ts';
import { createNetwork, type Network } from './network.ts';

const TEST_TIMEOUT_MS = 120_000;
const SOON_MS = 30_000;
const DNS = `${SERVER_ADDRESS}:5353`;
const DOMAIN = 'ts.example.net';
const ROUTER = `router.acme.${DOMAIN}`;

const Key = z.looseObject({ key: z.string() });
const CertStatus = z.looseObject({ CertDomains: z.array(z.string()).nullish() });

const lacking = (await whyNoRealClients()) ?? (await whyNoPebble()) ?? whyNoCertificates();

describe('certificates for the names of real clients', unless(lacking), () => {
  let network: Network;
  let server: Server;
  let rest: Rest;
  let laptop: RealDevice;
  let router: RealDevice;
  let root = '';
  let env: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    network = await createNetwork();
    const { api_key: token } = await network.initialise('acme');
    server = await network.startServer(
      ...['--magic-dns-domain', DOMAIN, '--acme-dns-listen', DNS, '--acme-dns-name', 'ns.example.com'],
    );
    rest = network.rest(token);
    const authority = await startPebble(network.world, 'inet', SERVER_ADDRESS, DNS);
    root = path.join(network.world.directory, 'root.pem');
    await writeFile(root, await https('inet', authority.rootUrl, authority.trust));
    const create = { reusable: true, preauthorized: true };
    const made = await rest.ask('POST', '/api/v2/tailnet/-/keys', { capabilities: { devices: { create } } });
    const { key: authKey } = Key.parse(made);
    env = { TS_DEBUG_ACME_DIRECTORY_URL: authority.directoryUrl, SSL_CERT_FILE: authority.trust };
    laptop = await startDevice(network.world, network.clients, 'laptop', { env });
    await laptop.up({ loginServer: LOGIN_SERVER, authKey });
    router = await startDevice(network.world, network.clients, 'router', { env });
    await router.up({ loginServer: LOGIN_SERVER, authKey });
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await server?.stop();
    await network?.end();
  });

  const https = (from: string, url: string, caFile: string): Promise<string> =>
    network.world.run(from, [process.execPath, AGENT, 'https', url, caFile]);
  const enable = (httpsEnabled: boolean): Promise<unknown> =>
    rest.ask('PATCH', '/api/v2/tailnet/-/settings', { httpsEnabled });
  const domains = async (): Promise<readonly string[]> =>
    CertStatus.parse(JSON.parse(await router.cli('status', '--json'))).CertDomains ?? [];

  test(
    'are not to be had until an administrator switches them on, and then at once',
    async () => {
      expect(await domains()).toEqual([]);
      await expect(router.cli('cert', ROUTER)).rejects.toThrow(/does not support getting TLS certs/u);
      await enable(true);
      await expect.poll(domains, { timeout: SOON_MS }).toEqual([ROUTER]);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'come from the authority by `tailscale cert`',
    async () => {
      const file = path.join(network.world.directory, 'router.crt');
      await router
        .cli('cert', `--cert-file=${file}`, `--key-file=${file}.key`, ROUTER)
        .catch((error: unknown) => expect.fail(`${error}\n${router.log().slice(-4000)}`));
      const certificate = new X509Certificate(readFileSync(file));
      expect(certificate.subjectAltName).toBe(`DNS:${ROUTER}`);
      expect(certificate.issuer).toContain('Pebble');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'serve HTTPS by `tailscale serve`, to which another device comes by name',
    async () => {
      await router.cli('serve', '--bg', 'text:hello from the router');
      expect((await https('laptop', `https://${ROUTER}/`, root)).trim()).toBe('hello from the router');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'are had for the name of a service by whoever serves it, to whom others come by that name',
    async () => {
      const shop = `shop.acme.${DOMAIN}`;
      await rest.ask('POST', '/api/v2/tailnet/-/acl', {
        tagOwners: { 'tag:shop': [] },
        grants: [{ src: ['*'], dst: ['*', 'svc:shop'], ip: ['*'] }],
        autoApprovers: { services: { 'tag:shop': ['tag:shop'] } },
      });
      const service = { name: 'svc:shop', ports: ['tcp:443'], tags: ['tag:shop'] };
      await rest.ask('PUT', '/api/v2/tailnet/-/services/svc:shop', service);
      const create = { reusable: true, preauthorized: true, tags: ['tag:shop'] };
      const made = await rest.ask('POST', '/api/v2/tailnet/-/keys', {
        capabilities: { devices: { create } },
      });
      await network.addHost('second', '10.99.3');
      const second = await startDevice(network.world, network.clients, 'second', { env });
      await second.up({ loginServer: LOGIN_SERVER, authKey: Key.parse(made).key });
      await laptop.cli('set', '--accept-routes');
      await second.cli('serve', '--service=svc:shop', '--https=443', 'text:hello from the shop');
      const asked = (): Promise<string> =>
        https('laptop', `https://${shop}/`, root).then((text) => text.trim(), String);
      await expect.poll(asked, { timeout: TEST_TIMEOUT_MS / 2, interval: 1_000 }).toBe('hello from the shop');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'are had for all names under a device, where the policy gives it those',
    async () => {
      await rest.ask('POST', '/api/v2/tailnet/-/acl', {
        grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
        nodeAttrs: [{ target: ['*'], attr: ['dns-subdomain-resolve', 'funnel'] }],
      });
      const file = path.join(network.world.directory, 'wildcard.crt');
      const command = ['cert', `--cert-file=${file}`, `--key-file=${file}.key`, `*.${ROUTER}`];
      await expect
        .poll(() => router.cli(...command).then(() => 'done', String), { timeout: SOON_MS, interval: 1_000 })
        .toBe('done');
      expect(new X509Certificate(readFileSync(file)).subjectAltName).toContain(`DNS:*.${ROUTER}`);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'do not make a device believe that it can publish to the internet',
    async () => {
      const said = await router.cli('funnel', '--bg', '3000').catch(String);
      expect(said).toContain('Publishing to the internet is not offered by this control server');
      expect(await router.cli('funnel', 'status')).not.toContain('Funnel on');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'are of no name but the own',
    async () => {
      await expect(router.cli('cert', `laptop.acme.${DOMAIN}`)).rejects.toThrow(/invalid domain/u);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'are gone when they are switched off',
    async () => {
      await enable(false);
      await expect.poll(domains, { timeout: SOON_MS }).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );
});
