import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { WorkloadTokens } from '../domain/ports/workload-tokens.ts';
import { createWorkloadTokens } from './workload-tokens.ts';

const GITHUB = 'https://token.actions.githubusercontent.test';
const CLUSTER = 'https://kubernetes.default.svc.test';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

let now = Date.parse('2026-03-04T05:06:07Z');
let server: Server;
let origin = '';
let tokens: WorkloadTokens;
let isDown = false;
const asked = new Map<string, number>();

const jwk = (key: KeyObject, more: object): object => ({ ...key.export({ format: 'jwk' }), ...more });
const PUBLISHED: Readonly<Record<string, readonly object[]>> = {
  [GITHUB]: [
    jwk(rsa.publicKey, { kid: 'actions', use: 'sig', alg: 'RS256' }),
    jwk(weak.publicKey, { kid: 'weak' }),
    jwk(ec.publicKey, { kid: 'for-encryption', use: 'enc' }),
    { kty: 'oct', kid: 'shared', k: Buffer.from('secret').toString('base64url') },
    { kty: 'FUTURE', kid: 'future' },
  ],
  [CLUSTER]: [jwk(ec.publicKey, { kid: 'cluster' }), jwk(p384.publicKey, { kid: 'cluster-384' })],
};
const OTHER_KEYS = [jwk(stranger.publicKey, { kid: 'actions' })];

/** The issuers are one server here; what stands between, TLS and names, is its operators' matter. */
beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const issuer = url.searchParams.get('issuer') ?? '';
    asked.set(issuer + url.pathname, (asked.get(issuer + url.pathname) ?? 0) + 1);
    if (isDown) return void response.writeHead(503).end();
    const body =
      url.pathname === '/.well-known/openid-configuration'
        ? { issuer, jwks_uri: `${issuer}/keys` }
        : { keys: issuer === 'https://other.test' ? OTHER_KEYS : PUBLISHED[issuer] };
    return void response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => {
  isDown = false;
  asked.clear();
  tokens = createWorkloadTokens({
    clock: { now: () => now },
    fetchText: async (text) => {
      const url = new URL(text);
      const answer = await fetch(`${origin}${url.pathname}?issuer=${encodeURIComponent(url.origin)}`);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return answer.text();
    },
  });
});

const seconds = () => Math.floor(now / 1000);
const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const signed = (
  head: unknown,
  claims: unknown,
  { key, hash = 'sha256' }: { key: KeyObject; hash?: string } = { key: rsa.privateKey },
): string => {
  const text = `${encode(head)}.${encode(claims)}`;
  const signature = sign(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
};
const HEAD = { alg: 'RS256', typ: 'JWT', kid: 'actions', x5t: 'actions' };
/** As GitHub's documentation has it. */
const github = () => ({
  jti: 'a-b-c',
  sub: 'repo:octo-org/octo-repo:environment:prod',
  environment: 'prod',
  aud: 'api.holdfast.test/kx',
  ref: 'refs/heads/main',
  repository: 'octo-org/octo-repo',
  repository_owner: 'octo-org',
  run_id: '42',
  workflow: 'deploy',
  iss: GITHUB,
  nbf: seconds() - 300,
  exp: seconds() + 600,
  iat: seconds(),
});
/** A projected service account token. */
const cluster = () => ({
  aud: ['api.holdfast.test/kx'],
  exp: seconds() + 3607,
  iat: seconds(),
  iss: CLUSTER,
  'kubernetes.io': {
    namespace: 'build',
    pod: { name: 'runner-1', uid: 'x' },
    serviceaccount: { name: 'runner', uid: 'y' },
  },
  nbf: seconds(),
  sub: 'system:serviceaccount:build:runner',
});
const REFUSED = { code: 'forbidden' };

describe('a workload’s token', () => {
  test('of GitHub Actions says what it says', async () => {
    expect(await tokens.verify(GITHUB, signed(HEAD, github()))).toEqual(github());
  });
  test('of Kubernetes says what it says, signed by either kind of key', async () => {
    const of256 = signed({ alg: 'ES256', kid: 'cluster' }, cluster(), { key: ec.privateKey });
    const of384 = signed({ alg: 'ES384', kid: 'cluster-384' }, cluster(), {
      key: p384.privateKey,
      hash: 'sha384',
    });
    expect(await tokens.verify(CLUSTER, of256)).toEqual(cluster());
    expect(await tokens.verify(CLUSTER, of384)).toEqual(cluster());
    const unnamed = signed({ alg: 'ES256' }, cluster(), { key: ec.privateKey });
    expect(await tokens.verify(CLUSTER, unnamed)).toEqual(cluster());
  });

  const hs256 = (secret: string | Buffer, kid: string): string => {
    const text = `${encode({ alg: 'HS256', kid })}.${encode(github())}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const CASES: readonly (readonly [string, () => string])[] = [
    ['algorithm none', () => `${encode({ alg: 'none' })}.${encode(github())}.`],
    ['algorithm None, and a name', () => `${encode({ alg: 'None', kid: 'actions' })}.${encode(github())}.`],
    ['the public key as a shared secret', () => hs256(pem, 'actions')],
    ['a shared secret that stands among the keys', () => hs256('secret', 'shared')],
    [
      'an algorithm that is a property of every object',
      () => signed({ ...HEAD, alg: 'constructor' }, github()),
    ],
    [
      'another algorithm than its key is for',
      () => signed({ ...HEAD, alg: 'RS512' }, github(), { key: rsa.privateKey, hash: 'sha512' }),
    ],
    [
      'a curve that is not the algorithm’s',
      () =>
        signed({ alg: 'ES256', kid: 'cluster-384' }, { ...github(), iss: GITHUB }, { key: p384.privateKey }),
    ],
    [
      'a key that is for encryption',
      () => signed({ alg: 'ES256', kid: 'for-encryption' }, github(), { key: ec.privateKey }),
    ],
    [
      'a key that is too short',
      () => signed({ alg: 'RS256', kid: 'weak' }, github(), { key: weak.privateKey }),
    ],
    ['a key of a kind from the future', () => signed({ alg: 'RS256', kid: 'future' }, github())],
    ['a stranger’s key', () => signed(HEAD, github(), { key: stranger.privateKey })],
    [
      'the key in its own header',
      () =>
        signed({ alg: 'RS256', jwk: jwk(stranger.publicKey, {}) }, github(), { key: stranger.privateKey }),
    ],
    [
      'an address of keys in its own header',
      () => signed({ ...HEAD, jku: 'https://other.test/keys' }, github(), { key: stranger.privateKey }),
    ],
    ['something critical that is not known', () => signed({ ...HEAD, crit: ['exp'] }, github())],
    ['another issuer', () => signed(HEAD, { ...github(), iss: 'https://other.test' })],
    ['its issuer with a slash', () => signed(HEAD, { ...github(), iss: `${GITHUB}/` })],
    ['a list of issuers', () => signed(HEAD, { ...github(), iss: [GITHUB] })],
    ['no issuer', () => signed(HEAD, { ...github(), iss: undefined })],
    ['an end that has passed', () => signed(HEAD, { ...github(), exp: seconds() - 61 })],
    ['an end that is text', () => signed(HEAD, { ...github(), exp: String(seconds() + 600) })],
    ['no end', () => signed(HEAD, { ...github(), exp: undefined })],
    [
      'an end beyond numbers',
      () => signed(HEAD, JSON.stringify(github()).replace(/"exp":\d+/u, '"exp":1e999')),
    ],
    ['a beginning to come', () => signed(HEAD, { ...github(), nbf: seconds() + 61 })],
    ['a making to come', () => signed(HEAD, { ...github(), iat: seconds() + 61 })],
    [
      'a claim said twice',
      () => signed(HEAD, JSON.stringify(github()).replace('{', '{"sub":"repo:evil/x",')),
    ],
    [
      'a claim said twice in two spellings',
      () => signed(HEAD, JSON.stringify(github()).replace('{', '{"\\u0073ub":"repo:evil/x",')),
    ],
    [
      'a nested claim said twice',
      () => signed(HEAD, JSON.stringify({ ...github(), x: 1 }).replace('"x":1', '"x":{"y":1,"y":2}')),
    ],
    ['an algorithm said twice', () => signed(JSON.stringify(HEAD).replace('{', '{"alg":"none",'), github())],
    ['claims that are a list', () => signed(HEAD, [github()])],
    ['claims that are no JSON', () => signed(HEAD, 'claims')],
    ['no signature', () => signed(HEAD, github()).replace(/[^.]*$/u, '')],
    [
      'a claim that was changed',
      () => signed(HEAD, github()).replace(/\..*\./u, `.${encode({ ...github(), sub: 'x' })}.`),
    ],
    ['four parts', () => `${signed(HEAD, github())}.x`],
    ['too much in it', () => signed(HEAD, { ...github(), more: 'x'.repeat(20_000) })],
    ['nothing', () => ''],
  ];
  test.each(CASES)('with %s is refused', async (_name, make) => {
    await expect(tokens.verify(GITHUB, make())).rejects.toMatchObject(REFUSED);
  });

  test('is good a minute around its times, for clocks that differ', async () => {
    for (const change of [{ exp: seconds() - 59 }, { nbf: seconds() + 59, iat: seconds() + 59 }]) {
      await expect(tokens.verify(GITHUB, signed(HEAD, { ...github(), ...change }))).resolves.toBeDefined();
    }
  });
});

describe('an issuer’s keys', () => {
  const keysAsked = () => asked.get(`${GITHUB}/keys`) ?? 0;
  test('are fetched once for many tokens, however many come at once, and again after ten minutes', async () => {
    await Promise.all(Array.from({ length: 10 }, () => tokens.verify(GITHUB, signed(HEAD, github()))));
    expect(keysAsked()).toBe(1);
    now += 9 * 60_000;
    await tokens.verify(GITHUB, signed(HEAD, github()));
    expect(keysAsked()).toBe(1);
    now += 60_000;
    await tokens.verify(GITHUB, signed(HEAD, github()));
    expect(keysAsked()).toBe(2);
  });
  test('are not fetched for each token with an invented name', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const token = signed({ ...HEAD, kid: `invented${turn}` }, github());
      await expect(tokens.verify(GITHUB, token)).rejects.toMatchObject(REFUSED);
    }
    expect(keysAsked()).toBe(1);
  });
  test('of one that is away are asked for again after five seconds, not for each token', async () => {
    isDown = true;
    const ask = () => tokens.verify(GITHUB, signed(HEAD, github()));
    for (let turn = 0; turn < 5; turn += 1)
      await expect(ask()).rejects.toMatchObject({ code: 'unavailable' });
    expect(asked.get(`${GITHUB}/.well-known/openid-configuration`)).toBe(1);
    isDown = false;
    now += 5_000;
    await expect(ask()).resolves.toBeDefined();
  });
  test('are one issuer’s own', async () => {
    const token = signed(HEAD, { ...github(), iss: 'https://other.test' }, { key: rsa.privateKey });
    await expect(tokens.verify('https://other.test', token)).rejects.toMatchObject(REFUSED);
  });
});
