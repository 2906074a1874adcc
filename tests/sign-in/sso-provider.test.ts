// Providers that are down, slow, hostile, or at addresses that they must not be at.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKeyedTexts } from '../../src/auth/keyed-texts.ts';
import { createSsoSignIn, type SsoSignIn } from '../../src/auth/sso/sso-sign-in.ts';
import { createIdentityProvider, type IdentityProvider } from '../support/identity-provider.ts';
import { seed } from '../support/seeds.ts';
import { BROWSER, createSsoRig, REDIRECT, type SsoRig } from './sso-support.ts';

const DISCOVERY = '/.well-known/openid-configuration';
const PERSON = { sub: 'una', email: 'una@acme.test', email_verified: true };
const MEBIBYTE = 1024 * 1024;
/** For the answers of a provider: what comes in time elsewhere does so here, whatever else the machine is doing. */
const TIMEOUT_MS = 2_000;

describe('an identity provider', () => {
  let rig: SsoRig;
  let provider: IdentityProvider;
  let org: number;
  let connection: number;
  beforeAll(async () => {
    rig = await createSsoRig('sqlite', true, TIMEOUT_MS);
    org = rig.api.organization.id;
  });
  beforeEach(async () => {
    provider = await createIdentityProvider();
    connection = await rig.connect(org, provider);
  });
  afterEach(async () => {
    await provider.close();
    await seed(rig.api.store, org, (tx) => tx.remove('ssoConnection', org, connection));
  });
  afterAll(() => rig.close());

  const change = (patch: object) =>
    seed(rig.api.store, org, (tx) =>
      tx.update('ssoConnection', org, connection, { ...patch, updatedAt: tx.now + 1 }),
    );
  const begin = (sso: SsoSignIn = rig.sso) =>
    sso.start({
      org,
      browser: BROWSER,
      redirectUri: REDIRECT,
      purpose: { kind: 'sign-in' },
      returnTo: '',
    });
  const end = (url: string) => rig.sso.finish({ url, browser: BROWSER, redirectUri: REDIRECT });
  const at =
    (path: string, answer: (response: ServerResponse) => void) =>
    (request: IncomingMessage, response: ServerResponse): boolean => {
      if (request.url?.split('?')[0] !== path) return false;
      answer(response);
      return true;
    };
  const huge = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const write = (): void => {
      if (!response.destroyed) response.write(' '.repeat(MEBIBYTE), write);
    };
    write();
  };

  it('is asked for nothing until somebody signs in, and its document is kept', async () => {
    expect(await rig.sso.connections(org)).toHaveLength(1);
    expect(provider.asked).toEqual([]);
    await begin();
    await begin();
    expect(provider.asked).toEqual([DISCOVERY]);
    rig.api.clock.advance(10 * 60_000);
    await begin();
    expect(provider.asked).toEqual([DISCOVERY, DISCOVERY]);
  });

  it('is sent a request with PKCE, state and nonce, and each is another one', async () => {
    const [one, two] = [new URL(await begin()), new URL(await begin())];
    expect(Object.fromEntries(one.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'holdfast',
      redirect_uri: REDIRECT,
      scope: 'openid email profile groups',
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(one.searchParams.get(name)?.length).toBeGreaterThan(20);
      expect(one.searchParams.get(name)).not.toBe(two.searchParams.get(name));
    }
  });

  it.each([
    ['answers with an error', (response: ServerResponse) => void response.writeHead(500).end('{}')],
    ['answers with a page', (response: ServerResponse) => void response.writeHead(200).end('<html>')],
    ['says nothing', () => undefined],
    ['hangs up', (response: ServerResponse) => void response.destroy()],
    ['never ends', huge],
    [
      'sends us elsewhere',
      (response: ServerResponse) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    [
      'begins and does not go on',
      (response: ServerResponse) => void response.writeHead(200).write('{"issuer":'),
    ],
  ])('that %s instead of its document is unavailable, and soon', async (_what, answer) => {
    provider.behaviour.intercept = at(DISCOVERY, answer);
    const before = performance.now();
    await expect(begin()).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - before).toBeLessThan(5 * TIMEOUT_MS);
    // Not asked again at once, however many come.
    const asked = provider.asked.length;
    await expect(begin()).rejects.toMatchObject({ code: 'unavailable' });
    expect(provider.asked).toHaveLength(asked);
    provider.reset();
    rig.api.clock.advance(5_000);
    await begin();
  });

  it.each([
    ['of another issuer', { issuer: 'https://elsewhere.test' }],
    ['without an address for people', { authorization_endpoint: undefined }],
    ['without keys', { jwks_uri: undefined }],
    ['whose addresses are none', { authorization_endpoint: 7 }],
  ])('with a document %s is unavailable', async (_what, metadata) => {
    provider.behaviour.metadata = metadata;
    await expect(begin()).rejects.toMatchObject({ code: 'unavailable' });
  });

  it.each([
    ['/token', 'says nothing', () => undefined, 'provider-unavailable'],
    ['/token', 'hangs up', (response: ServerResponse) => void response.destroy(), 'provider-unavailable'],
    ['/token', 'never ends', huge, 'untrusted'],
    ['/token', 'fails', (response: ServerResponse) => void response.writeHead(500).end(), 'untrusted'],
    ['/keys', 'fails', (response: ServerResponse) => void response.writeHead(500).end(), 'untrusted'],
    ['/keys', 'never ends', huge, 'untrusted'],
    ['/me', 'says nothing', () => undefined, 'provider-unavailable'],
  ])('whose %s %s lets nobody in', async (path, _what, answer, reason) => {
    provider.behaviour.intercept = at(path, answer);
    const url = await begin();
    const outcome = await end(provider.signIn(url, path === '/me' ? { sub: 'una' } : PERSON));
    expect(outcome).toMatchObject({ kind: 'refused', reason });
  });

  it('that went down in between lets nobody in, and takes nobody along', async () => {
    const back = provider.signIn(await begin(), PERSON);
    await provider.close();
    expect(await end(back)).toMatchObject({ kind: 'refused', reason: 'provider-unavailable' });
  });

  it('whose endpoints were set by hand is not looked for', async () => {
    const { issuer } = provider;
    await change({
      identifier: 'https://name.invalid',
      protocols: {
        oauth2: {
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
        },
      },
    });
    provider.behaviour.claims = { iss: 'https://name.invalid' };
    const outcome = await end(provider.signIn(await begin(), PERSON));
    expect(outcome).toMatchObject({ kind: 'verified', identity: { issuer: 'https://name.invalid' } });
    expect(provider.asked).not.toContain(DISCOVERY);
  });

  it.each([['x'], ['acme'], ['javascript:alert(1)'], ['file:///etc/passwd'], ['http://']])(
    'called %s can be set and does not work',
    async (identifier) => {
      await change({ identifier });
      await expect(begin()).rejects.toMatchObject({
        code: expect.stringMatching(/^(not_found|unavailable)$/),
      });
    },
  );

  it('without a client cannot be signed in by', async () => {
    await change({ clientId: '' });
    await expect(begin()).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each([
    ['a private address', (issuer: string) => issuer.replace('http:', 'https:')],
    ['a name that resolves to one', () => 'https://localhost'],
    ['one written otherwise', () => 'https://[::ffff:127.0.0.1]'],
    ['the metadata of a cloud', () => 'https://169.254.169.254'],
    ['no TLS', () => 'http://192.0.32.10'],
  ])('at %s is refused unless the installation allows it', async (_what, identifier) => {
    await change({ identifier: identifier(provider.issuer) });
    const { store, clock, random } = rig.api;
    const problems: unknown[] = [];
    const strict = createSsoSignIn({
      ...{ store, clock, random, sealer: rig.sealer, allowPrivate: false },
      keyedTexts: createKeyedTexts(random.bytes(32)),
      onProblem: (_connection, error) => problems.push(error),
    });
    await expect(begin(strict)).rejects.toMatchObject({ code: 'unavailable' });
    expect(String(problems)).toMatch(/private|https/);
    expect(provider.asked).toEqual([]);
  });
});
