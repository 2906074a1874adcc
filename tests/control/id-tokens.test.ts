// Tokens by which devices say to others who they are: what stands in them, who gets one, and by what others check them.
import Fastify, { type FastifyInstance } from 'fastify';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deviceIdentityOperations } from '../../src/api/native/device-identity.ts';
import { createNativeApi } from '../../src/api/native/index.ts';
import { createWorkloadTokens } from '../../src/auth/workload-tokens.ts';
import { INSTALLATION } from '../../src/domain/ports/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';

const ORIGIN = 'https://net.example.com';
const AUDIENCE = 'https://cloud.test/pools/one';
const BURST = 20;

/** What is wrong with a request, what the answer names, and the status. */
const REFUSED: readonly (readonly [Readonly<Record<string, unknown>>, string, number])[] = [
  [{ Audience: '' }, 'Audience', 400],
  [{ Audience: ' ' }, 'Audience', 400],
  [{ Audience: undefined }, 'Audience', 400],
  [{ Audience: ['a', 'b'] }, 'Audience', 400],
  [{ Audience: 'x'.repeat(1_025) }, 'Audience', 400],
  [{ Audience: 'one\ntwo' }, 'Audience', 400],
  [{ Audience: 'nul\0' }, 'Audience', 400],
  [{ Audience: 'half \ud800' }, 'Audience', 400],
  [{ NodeKey: undefined }, 'NodeKey', 400],
  [{ NodeKey: 'nodekey:1' }, 'NodeKey', 400],
  [{ NodeKey: `nodekey:${'0'.repeat(64)}` }, 'NodeKey', 400],
  [{ NodeKey: `nodekey:${'7'.repeat(64)}` }, 'node not found', 404],
];

describe.each(ENGINES)('a device that says who it is, on %s', (engine) => {
  let server: ControlServer;
  let site: FastifyInstance;
  let laptop: TestDevice;

  beforeEach(async () => {
    server = await startControlServer(engine, { publicUrl: ORIGIN });
    const { store, identityTokens: tokens } = server;
    site = Fastify();
    await site.register(
      createNativeApi({
        operations: deviceIdentityOperations({ store, tokens, publicUrl: ORIGIN }),
        authenticate: () => Promise.reject(new Error('nobody is known here')),
        onClose: () => undefined,
        onDefect: (error) => expect.fail(String(error)),
      }),
    );
    laptop = await server.joined('laptop');
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await site.close();
    await server.close();
  });

  const ask = async (more: Readonly<Record<string, unknown>> = {}, by = laptop) => {
    const request = { CapVersion: 142, NodeKey: by.nodeKey(), Audience: AUDIENCE, ...more };
    const { status, body } = await by.send('POST', '/machine/id-token', request);
    return { status, text: body.toString('utf8') };
  };
  const tokenOf = async (by = laptop): Promise<string> => {
    const { status, text } = await ask({}, by);
    expect(status, text).toBe(200);
    return (JSON.parse(text) as { id_token: string }).id_token;
  };
  const get = async (url: string) => {
    expect(url.startsWith(`${ORIGIN}/`)).toBe(true);
    const answer = await site.inject({ url: url.slice(ORIGIN.length) });
    return { status: answer.statusCode, text: answer.body };
  };
  const issuerOf = ({ nano }: { readonly nano: string }): string => `${ORIGIN}/identity/${nano}`;
  const metadataOf = async (issuer: string) =>
    JSON.parse((await get(`${issuer}/.well-known/openid-configuration`)).text) as Record<string, string>;
  const keysOf = async (issuer: string) =>
    createLocalJWKSet(JSON.parse((await get((await metadataOf(issuer)).jwks_uri ?? '')).text));
  const seq = async () => (await server.store.auditHead(server.organization.id)).auditSeq;

  it('is believed by whoever reads what its organization’s issuer publishes', async () => {
    const issuer = issuerOf(server.organization);
    const token = await tokenOf();
    const { payload, protectedHeader } = await jwtVerify(token, await keysOf(issuer), {
      ...{ issuer, audience: AUDIENCE, algorithms: ['RS256'], typ: 'JWT' },
    });
    const { id } = await server.row(laptop);
    const { iat = 0, exp, nbf, jti, ...claims } = payload;
    expect(claims).toEqual({
      iss: issuer,
      sub: 'laptop.acme.holdfast.internal',
      aud: AUDIENCE,
      key: laptop.nodeKey(),
      addresses: laptop.netmap().self?.Addresses?.map((prefix) => prefix.split('/')[0]),
      nid: id,
      node: 'laptop.acme.holdfast.internal',
      domain: 'acme.test',
      user: 'acme.test:ada@acme.test',
      uid: server.owner.id,
    });
    expect([exp, nbf]).toEqual([iat + 300, iat]);
    expect(jti).toMatch(/^[a-z0-9]{26}$/u);
    expect(protectedHeader).toEqual({ alg: 'RS256', typ: 'JWT', kid: expect.any(String) });
    const metadata = await metadataOf(issuer);
    expect(metadata).toMatchObject({ issuer, id_token_signing_alg_values_supported: ['RS256'] });
    expect(metadata.claims_supported).toEqual(expect.arrayContaining(Object.keys(payload)));
  });

  it('is believed by another organization that trusts this one’s issuer, as such identities are checked here', async () => {
    const issuer = issuerOf(server.organization);
    const fetchText = async (url: string): Promise<string> => (await get(url)).text;
    const { verify } = createWorkloadTokens({ clock: systemClock, fetchText });
    const token = await tokenOf();
    expect(await verify(issuer, token)).toMatchObject({ sub: 'laptop.acme.holdfast.internal' });
    const rival = await server.tenant('rival');
    await expect(verify(issuerOf(rival.organization), token)).rejects.toThrow('the token is not of');
  });

  it('says its tags instead of a person where it has tags', async () => {
    const tags = ['tag:web', 'tag:ci'];
    const tagged = await server.joined('web', { authKey: await server.authKey({ tags }) });
    const { payload } = await jwtVerify(await tokenOf(tagged), await keysOf(issuerOf(server.organization)));
    expect(payload.tags).toEqual(['acme.test:tag:ci', 'acme.test:tag:web']);
    expect(payload).not.toHaveProperty('user');
    expect(payload).not.toHaveProperty('uid');
  });

  it.each(REFUSED)('gets none for what is no question of its own (%#)', async (more, named, status) => {
    await tokenOf();
    const before = await seq();
    expect(await ask(more)).toEqual({ status, text: expect.stringContaining(named) });
    expect(await seq()).toBe(before);
  });

  it('gets none for another device, in its organization or in another', async () => {
    const other = await server.joined('other');
    const rival = await (await server.tenant('rival')).joined('rival');
    for (const { nodeKey } of [other, rival])
      expect(await ask({ NodeKey: nodeKey() })).toEqual({ status: 404, text: 'node not found' });
  });

  it('is of one organization, whose keys and issuer no other one has', async () => {
    const tenant = await server.tenant('rival');
    const [here, there] = [issuerOf(server.organization), issuerOf(tenant.organization)];
    const token = await tokenOf();
    const foreign = await tokenOf(await tenant.joined('laptop'));
    expect(decodeProtectedHeader(foreign).kid).not.toBe(decodeProtectedHeader(token).kid);
    await expect(jwtVerify(foreign, await keysOf(here))).rejects.toThrow();
    await expect(jwtVerify(token, await keysOf(there))).rejects.toThrow();
    const { payload } = await jwtVerify(foreign, await keysOf(there), { issuer: there });
    expect(payload).toMatchObject({ sub: 'laptop.rival.holdfast.internal', domain: 'rival.test' });
  });

  it.each([
    ['whose key has ended', { keyExpiresAt: 1, expiryDisabled: false }],
    ['that is not approved', { authorizedAt: null }],
    ['that is blocked', { blockedAt: 1 }],
    ['that was put away', { archivedAt: 1 }],
  ])('gets none as one %s', async (_name, patch) => {
    const { id } = await server.row(laptop);
    const { id: org } = server.organization;
    await server.write(async (tx) => void (await tx.update('device', org, id, patch)));
    expect(await ask()).toEqual({ status: 403, text: 'this device is not part of the network now' });
  });

  it.each([{ suspendedAt: 1 }, { approvedAt: null }])('gets none while its person is %j', async (patch) => {
    const { id: org } = server.organization;
    await server.write(async (tx) => void (await tx.update('membership', org, server.owner.id, patch)));
    expect((await ask()).status).toBe(403);
  });

  it('gets none once it is deleted', async () => {
    const { org, id } = await server.row(laptop);
    await server.write(async (tx) => void (await tx.remove('device', org, id)));
    expect((await ask()).status).toBe(404);
  });

  it('gets a number of them at once, and no more', async () => {
    const answers = await Promise.all(Array.from({ length: BURST + 10 }, () => ask()));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const { status, text } of refused) expect([status, text]).toEqual([429, expect.any(String)]);
    expect((await ask({}, await server.joined('other'))).status).toBe(200);
  });

  it('has its organization’s keys, made once and sealed', async () => {
    const { id: org } = server.organization;
    await Promise.all([tokenOf(), tokenOf(), keysOf(issuerOf(server.organization))]);
    const rows = await server.store.find('signingKey', org, {});
    expect(rows).toEqual([expect.objectContaining({ privateSealed: expect.stringMatching(/^s1\./u) })]);
    const text = (await get(`${issuerOf(server.organization)}/.well-known/jwks.json`)).text;
    expect(Object.keys((JSON.parse(text) as { keys: object[] }).keys[0] ?? {}).toSorted()).toEqual([
      'alg',
      'e',
      'kid',
      'kty',
      'n',
      'use',
    ]);
    expect(await server.store.count('signingKey', INSTALLATION)).toBe(0);
  });

  it('has no issuer where there is no organization', async () => {
    for (const nano of ['acme', 'x', '%00', 'a'.repeat(26), '-'])
      for (const file of ['openid-configuration', 'jwks.json'])
        expect((await get(`${ORIGIN}/identity/${nano}/.well-known/${file}`)).status).toBe(404);
  });
});
