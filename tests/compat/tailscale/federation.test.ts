import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ApiServer, createApiServer } from '../../support/api-server.ts';
import { type Internet, tailscaleDialect } from './support.ts';

const ISSUER = 'https://ci.test/tenant';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

let api: ApiServer;
let internet: Internet;
let identity: { id: string; audience: string };

const jwk = (key: KeyObject, kid: string): object => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' });
const publish = (keys: readonly object[]): void => {
  internet.set(
    `${ISSUER}/.well-known/openid-configuration`,
    JSON.stringify({ issuer: ISSUER, jwks_uri: 'https://keys.test/set' }),
  );
  internet.set('https://keys.test/set', JSON.stringify({ keys }));
};
const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

interface Signer {
  readonly alg: string;
  readonly kid: string;
  readonly hash: string | null;
  readonly key: KeyObject;
}
const RS256: Signer = { alg: 'RS256', kid: 'r', hash: 'sha256', key: rsa.privateKey };
const ES256: Signer = { alg: 'ES256', kid: 'e', hash: 'sha256', key: ec.privateKey };
const EDDSA: Signer = { alg: 'EdDSA', kid: 'd', hash: null, key: ed.privateKey };

function token(claims: object = {}, { alg, kid, hash, key }: Signer = RS256): string {
  const now = Math.floor(api.clock.now() / 1000);
  const body = {
    iss: ISSUER,
    aud: identity.audience,
    sub: 'repo:acme/web:ref:main',
    branch: 'main',
    iat: now,
    exp: now + 300,
    ...claims,
  };
  const text = `${base64({ alg, kid, typ: 'JWT' })}.${base64(body)}`;
  const signature = sign(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

async function exchange(jwt: string, clientId = identity.id) {
  const form = new URLSearchParams({ client_id: clientId, jwt, grant_type: 'authorization_code', code: '' });
  const answer = await api.call('POST', '/api/v2/oauth/token-exchange', {
    token: null,
    body: form.toString(),
    headers: { authorization: 'Basic Og==', 'content-type': 'application/x-www-form-urlencoded' },
  });
  return {
    status: answer.status,
    body: answer.json<{ access_token?: string; message?: string; error?: string }>(),
  };
}

beforeEach(async () => {
  internet = new Map();
  api = await createApiServer('sqlite', tailscaleDialect(undefined, internet));
  publish([jwk(rsa.publicKey, 'r'), jwk(ec.publicKey, 'e'), jwk(ed.publicKey, 'd')]);
  const made = await api.call('POST', '/api/v2/tailnet/-/keys', {
    body: {
      keyType: 'federated',
      scopes: ['dns:read'],
      issuer: ISSUER,
      subject: 'repo:acme/*:ref:main',
      customClaimRules: { branch: 'ma*' },
    },
  });
  identity = made.json();
});
afterEach(async () => {
  expect(api.failures).toEqual([]);
  await api.close();
});

test.each([RS256, ES256, EDDSA])(
  'a token signed with $alg buys one that does what the identity may',
  async (signer) => {
    const { status, body } = await exchange(token({}, signer));
    expect([status, body]).toEqual([
      200,
      { access_token: expect.any(String), token_type: 'Bearer', expires_in: 3600, scope: 'dns:read' },
    ]);
    const read = (path: string) =>
      api.call('GET', `/api/v2/tailnet/-/${path}`, { token: body.access_token! });
    expect((await read('dns/nameservers')).status).toBe(200);
    expect((await read('devices')).status).toBe(403);
  },
);

test('tokens end with the rules that they were given under', async () => {
  const { body } = await exchange(token({}, RS256));
  const read = async () =>
    (await api.call('GET', '/api/v2/tailnet/-/dns/nameservers', { token: body.access_token! })).status;
  const replace = (subject: string, description: string) =>
    api.call('PUT', `/api/v2/tailnet/-/keys/${identity.id}`, {
      body: {
        ...{ keyType: 'federated', scopes: ['dns:read'], issuer: ISSUER, subject, description },
        customClaimRules: { branch: 'ma*' },
      },
    });
  expect((await replace('repo:acme/*:ref:main', 'another name')).status).toBe(200);
  expect(await read()).toBe(200);
  expect((await replace('repo:acme/api:ref:main', 'another name')).status).toBe(200);
  await expect.poll(read, { timeout: 5_000 }).toBe(401);
});

test.each([
  ['another audience', { aud: 'api.test/other' }],
  ['another subject', { sub: 'repo:evil/web:ref:main' }],
  ['another value of a claim that has a rule', { branch: 'dev' }],
  ['no such claim', { branch: undefined }],
  ['another issuer', { iss: 'https://evil.test' }],
  ['an expiry long gone', { exp: 1 }],
  ['no expiry', { exp: undefined }],
  ['a beginning to come', { nbf: 4_000_000_000 }],
])('a token with %s is refused', async (_name, claims) => {
  const { status, body } = await exchange(token(claims));
  expect([status, typeof body.message, body.error]).toEqual([403, 'string', 'invalid_grant']);
});

test('a list of audiences is taken when ours is in it', async () => {
  expect((await exchange(token({ aud: ['x', identity.audience] }))).status).toBe(200);
});

test('a token signed by somebody else, by nobody, or with the public key as a secret is refused', async () => {
  expect((await exchange(token({}, { ...RS256, key: stranger.privateKey }))).status).toBe(403);
  expect((await exchange(token({}, { ...ES256, alg: 'RS256' }))).status).toBe(403);
  const [, claims] = token().split('.');
  for (const alg of ['none', 'HS256', 'constructor']) {
    expect((await exchange(`${base64({ alg, kid: 'r' })}.${claims}.`)).status).toBe(403);
  }
  for (const text of ['x', 'a.b.c', `${base64({})}.${base64({})}.x`]) {
    expect((await exchange(text)).status).toBe(403);
  }
});

test('a new key of the issuer is found, once the present set is half a minute old', async () => {
  const rotated = { ...RS256, kid: 'new', key: stranger.privateKey };
  await exchange(token());
  publish([jwk(stranger.publicKey, 'new')]);
  expect((await exchange(token({}, rotated))).status).toBe(403);
  api.clock.advance(31_000);
  expect((await exchange(token({}, rotated))).status).toBe(200);
});

test('an issuer that is not reached, or calls itself otherwise, is said to be unavailable', async () => {
  internet.clear();
  const lost = await exchange(token());
  expect([lost.status, lost.body.message]).toEqual([503, `the keys of ${ISSUER} cannot be fetched`]);
  publish([jwk(rsa.publicKey, 'r')]);
  internet.set(
    `${ISSUER}/.well-known/openid-configuration`,
    JSON.stringify({ issuer: 'https://other.test', jwks_uri: 'https://keys.test/set' }),
  );
  expect((await exchange(token())).status).toBe(503);
});

test('an unknown or revoked identity buys nothing, and its tokens end', async () => {
  expect((await exchange(token(), 'k1zzzzzCNTRL')).status).toBe(401);
  const { body } = await exchange(token());
  await api.call('DELETE', `/api/v2/tailnet/-/keys/${identity.id}`);
  expect((await exchange(token())).status).toBe(401);
  const read = await api.call('GET', '/api/v2/tailnet/-/dns/nameservers', { token: body.access_token! });
  expect(read.status).toBe(401);
});

test('without all, a token of an identity lists identities, and that of a client clients', async () => {
  const KEYS = '/api/v2/tailnet/-/keys';
  const scopes = ['oauth_keys:read', 'federated_keys:read', 'auth_keys:read'];
  const put = await api.call('PUT', `${KEYS}/${identity.id}`, {
    body: {
      ...{ keyType: 'federated', scopes, issuer: ISSUER, subject: 'repo:*' },
      customClaimRules: { branch: 'ma*' },
    },
  });
  expect(put.status).toBe(200);
  const client = await api.call('POST', KEYS, { body: { keyType: 'client', scopes } });
  const { id, key } = client.json<{ id: string; key: string }>();
  const bought = await api.call('POST', '/api/v2/oauth/token', { token: null, body: `client_secret=${key}` });
  const listed = async (access: string | undefined, query = '') =>
    (await api.call('GET', `${KEYS}${query}`, { token: access! }))
      .json<{ keys: { id: string }[] }>()
      .keys.map((one) => one.id)
      .toSorted();
  const ofIdentity = (await exchange(token())).body.access_token;
  const ofClient = bought.json<{ access_token: string }>().access_token;
  expect(await listed(ofIdentity)).toEqual([identity.id]);
  expect(await listed(ofClient)).toEqual([id]);
  expect(await listed(ofIdentity, '?all=true')).toEqual([id, identity.id].toSorted());
});
