// A real client says who it is: anybody can check that by what the server publishes, and another organization that trusts the
// first one's devices lets it work at its own API.
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createCertificate, whyNoCertificates } from '../support/certificates.ts';
import { type Server, serve } from '../support/holdfast.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import type { Rest } from '../support/rest.ts';
import { AGENT, LOGIN_SERVER, SERVER_ADDRESS, SERVER_PORT } from '../support/server-host.ts';
import { createNetwork, type Network } from './network.ts';
import { NewKey } from './wire.ts';

const TLS_PORT = 8443;
const PUBLIC_URL = `https://${SERVER_ADDRESS}:${TLS_PORT}`;
const AUDIENCE = 'https://cloud.test/pools/one';

const Federated = z.looseObject({ id: z.string(), audience: z.string() });
const Issuer = z.looseObject({ issuer: z.string(), discovery: z.string() });
const Metadata = z.looseObject({ issuer: z.string(), jwks_uri: z.string() });
const Granted = z.looseObject({ access_token: z.string() });

const lacking = (await whyNoRealClients()) ?? whyNoCertificates();

describe('a real client that says who it is', unless(lacking), () => {
  let network: Network;
  let server: Server;
  let laptop: RealDevice;
  let acme: Rest;
  let rival: Rest;
  let certificate = '';

  const get = (url: string): Promise<string> =>
    network.world.run('laptop', [process.execPath, AGENT, 'https', url, certificate]);
  const idToken = async (audience: string): Promise<string> =>
    (await laptop.cli('id-token', audience)).trim();

  beforeAll(async () => {
    network = await createNetwork();
    const { world } = network;
    const { certFile, keyFile } = await createCertificate(world.directory, 'server', `IP:${SERVER_ADDRESS}`);
    certificate = certFile;
    const [mine, theirs] = [await network.initialise('acme'), await network.initialise('rival')];
    const listen = ['--listen', `${SERVER_ADDRESS}:${SERVER_PORT}`, '--public-url', PUBLIC_URL];
    server = await serve(
      (command) => world.start('inet', command, { name: 'holdfast', env: { NODE_EXTRA_CA_CERTS: certFile } }),
      ...[...network.databaseFlags, ...listen, '--sso-allow-private'],
    );
    const [from, to] = [
      [SERVER_ADDRESS, String(TLS_PORT)],
      [SERVER_ADDRESS, String(SERVER_PORT)],
    ];
    await world.start('inet', [process.execPath, AGENT, 'unwrap', certFile, keyFile, ...from, ...to]);
    [acme, rival] = [network.rest(mine.api_key), network.rest(theirs.api_key)];
    await acme.ask('POST', '/api/v2/tailnet/-/acl', {
      tagOwners: { 'tag:ci': [] },
      grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
    });
    const create = { reusable: true, preauthorized: true, tags: ['tag:ci'] };
    const body = { capabilities: { devices: { create } } };
    const { key: authKey } = NewKey.parse(await acme.ask('POST', '/api/v2/tailnet/-/keys', body));
    laptop = await startDevice(world, network.clients, 'laptop', {
      // The vendor counts the command among what is not finished.
      cliEnv: { TAILSCALE_USE_WIP_CODE: '1' },
    });
    await laptop.up({ loginServer: LOGIN_SERVER, authKey, flags: ['--advertise-tags=tag:ci'] });
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await server?.stop();
    await network?.end();
  });

  test('prints a token that is good by what its organization’s issuer publishes', async () => {
    const { issuer, discovery } = Issuer.parse(await acme.ask('GET', '/app/api/device-identity'));
    expect(discovery).toBe(`${issuer}/.well-known/openid-configuration`);
    const metadata = Metadata.parse(JSON.parse(await get(discovery)));
    expect(metadata.issuer).toBe(issuer);
    const keys = createLocalJWKSet(JSON.parse(await get(metadata.jwks_uri)));
    const { payload } = await jwtVerify(await idToken(AUDIENCE), keys, {
      issuer,
      audience: AUDIENCE,
    });
    const { Self: self } = await laptop.status();
    expect(payload).toMatchObject({
      sub: self.DNSName.replace(/\.$/u, ''),
      addresses: self.TailscaleIPs,
      domain: 'acme.test',
      tags: ['acme.test:tag:ci'],
    });
  });

  test('works for another organization that trusts it, and only as it is trusted', async () => {
    const { issuer } = Issuer.parse(await acme.ask('GET', '/app/api/device-identity'));
    const trust = { keyType: 'federated', scopes: ['dns:read'], issuer, subject: 'laptop.acme.*' };
    const identity = Federated.parse(await rival.ask('POST', '/api/v2/tailnet/-/keys', trust));
    const narrower = { ...trust, subject: 'router.acme.*' };
    const other = Federated.parse(await rival.ask('POST', '/api/v2/tailnet/-/keys', narrower));
    const exchange = (client: string, jwt: string) =>
      rival.send('POST', '/api/v2/oauth/token-exchange', new URLSearchParams({ client_id: client, jwt }));
    const token = await idToken(identity.audience);
    expect(decodeJwt(token).iss).toBe(issuer);
    const granted = await exchange(identity.id, token);
    expect(granted.status, granted.text).toBe(200);
    const works = network.rest(Granted.parse(granted.json).access_token);
    expect((await works.send('GET', '/api/v2/tailnet/-/dns/nameservers')).status).toBe(200);
    expect((await works.send('GET', '/api/v2/tailnet/-/devices')).status).toBe(403);
    expect((await exchange(other.id, await idToken(other.audience))).status).toBe(403);
    expect((await exchange(other.id, token)).status).toBe(403);
    expect((await network.rest(token).send('GET', '/api/v2/tailnet/-/devices')).status).toBe(401);
  });

  test('gets none once it is not approved any more, and is told why', async () => {
    const { Self: self } = await laptop.status();
    await acme.ask('POST', `/api/v2/device/${self.ID}/authorized`, { authorized: false });
    await expect(idToken(AUDIENCE)).rejects.toThrow('not part of the network now');
  });
});
