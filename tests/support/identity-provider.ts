// An identity provider on loopback that can be told to misbehave, for tests of how its answers are taken.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { PATIENT } from './patient.ts';

export interface Person {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

interface Grant {
  readonly person: Person;
  readonly nonce: string;
  readonly challenge: string;
  readonly redirectUri: string;
  readonly clientId: string;
}

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

/** What a test changes; each is read when it is needed. */
export interface Behaviour {
  /** Put over the claims of id tokens. */
  claims: Record<string, unknown>;
  /** Put over the discovery document. */
  metadata: Record<string, unknown>;
  /** What userinfo answers; undefined: what the token says. */
  userinfo: Record<string, unknown> | undefined;
  /** Makes the id token, in place of a signed one. */
  forge: ((claims: Record<string, unknown>) => Promise<string>) | undefined;
  /** Answers in its place; true: it did. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Codes are good more than once. */
  sloppy: boolean;
}

export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly behaviour: Behaviour;
  readonly key: Key;
  readonly publicJwk: JWK;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** What a browser gets that signs in as this person at the address it was sent to: where it is sent back to. */
  signIn(url: string, person: Person): string;
  /** Signs claims as id tokens are. */
  sign(claims: Record<string, unknown>, key?: Key, alg?: string): Promise<string>;
  reset(): void;
  close(): Promise<void>;
}

const LIFETIME_SECONDS = 300;
const secondsNow = (): number => Math.floor(Date.now() / 1000);

const plain = (): Behaviour => ({
  claims: {},
  metadata: {},
  userinfo: undefined,
  forge: undefined,
  intercept: undefined,
  sloppy: false,
});

export async function createIdentityProvider(clientId = 'holdfast'): Promise<IdentityProvider> {
  const clientSecret = 'a secret / with: signs';
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const publicJwk: JWK = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  const codes = new Map<string, Grant>();
  const people = new Map<string, Person>();
  const asked: string[] = [];
  const behaviour = plain();

  const sign: IdentityProvider['sign'] = (claims, key = privateKey, alg = 'ES256') =>
    new SignJWT(claims).setProtectedHeader({ alg, kid: 'one' }).sign(key);

  const send = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const bodyOf = async (request: IncomingMessage): Promise<URLSearchParams> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return new URLSearchParams(Buffer.concat(chunks).toString());
  };

  const token = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const code = body.get('code') ?? '';
    const grant = codes.get(code);
    if (!behaviour.sloppy) codes.delete(code);
    const basic = Buffer.from(
      request.headers.authorization?.slice('Basic '.length) ?? '',
      'base64',
    ).toString();
    const [id, secret] = basic.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
    const challenge = createHash('sha256')
      .update(body.get('code_verifier') ?? '')
      .digest('base64url');
    const fits =
      grant !== undefined &&
      grant.redirectUri === body.get('redirect_uri') &&
      grant.challenge === challenge &&
      id === grant.clientId &&
      secret === clientSecret;
    if (!fits) return send(response, 400, { error: 'invalid_grant' });
    const { email, email_verified, groups, ...rest } = grant.person;
    const claims = {
      ...{ email, email_verified, groups, ...rest },
      ...{ iss: issuer, aud: grant.clientId, nonce: grant.nonce },
      ...{ iat: secondsNow(), exp: secondsNow() + LIFETIME_SECONDS },
      ...behaviour.claims,
    };
    const idToken = await (behaviour.forge ?? sign)(claims);
    const access = randomBytes(16).toString('hex');
    people.set(access, grant.person);
    send(response, 200, { access_token: access, token_type: 'Bearer', expires_in: 300, id_token: idToken });
  };

  const server = createServer(PATIENT, (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    asked.push(path);
    if (behaviour.intercept?.(request, response) === true) return;
    if (path === '/.well-known/openid-configuration') {
      send(response, 200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
        userinfo_endpoint: `${issuer}/me`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256', 'RS256', 'HS256', 'none'],
        scopes_supported: ['openid', 'email', 'profile', 'groups'],
        ...behaviour.metadata,
      });
    } else if (path === '/keys') send(response, 200, { keys: [publicJwk] });
    else if (path === '/token') void token(request, response);
    else if (path === '/me') {
      const person = people.get(request.headers.authorization?.slice('Bearer '.length) ?? '');
      send(response, person === undefined ? 401 : 200, behaviour.userinfo ?? person ?? {});
    } else send(response, 404, {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    issuer,
    clientId,
    clientSecret,
    behaviour,
    key: privateKey,
    publicJwk,
    asked,
    sign,
    signIn: (text, person) => {
      const { searchParams } = new URL(text);
      const redirectUri = searchParams.get('redirect_uri') ?? '';
      const code = randomBytes(16).toString('hex');
      codes.set(code, {
        person,
        nonce: searchParams.get('nonce') ?? '',
        challenge: searchParams.get('code_challenge') ?? '',
        redirectUri,
        clientId: searchParams.get('client_id') ?? '',
      });
      const back = new URL(redirectUri);
      back.searchParams.set('code', code);
      back.searchParams.set('state', searchParams.get('state') ?? '');
      return back.href;
    },
    reset: () => void Object.assign(behaviour, plain()),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
