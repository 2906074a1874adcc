/**
 * Tokens as the web console wants them: the form of a JWT with a numeric `exp`, which is all that it reads. What proves the
 * session or access token is a secret in the third part; a MAC by that secret over the first two makes a token with changed
 * claims no token at all. Claims are never believed: not who it is, not what it may, not which algorithm it names.
 */
import { createHmac } from 'node:crypto';
import { parseToken } from '../../domain/credentials/token.ts';
import { encodeExternalId } from '../../domain/ids/external-id.ts';
import { decodeUuid } from '../../domain/ids/uuid8.ts';
import { sameDigest } from '../../kernel/hash.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const HEADER = encode({ alg: 'HS256', typ: 'JWT' });
const SECRET_LENGTH = 40;
const JWT = /^([\w-]{1,200})\.([\w-]{1,2000})\.([A-Za-z0-9]{40})([\w-]{43})$/u;
const PRE_AUTH = /^([\w-]{1,200})\.([\w-]{1,2000})\.([\w-]{1,4000})$/u;
const PRE_AUTH_AUDIENCE = 'auth:mfa';
const PRE_AUTH_SECONDS = 300;
const MILLISECONDS = 1000;
const ISSUER = 'Netmaker';

const seconds = (time: number): number => Math.floor(time / MILLISECONDS);

export interface TokenClaims {
  readonly username: string;
  readonly role: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Of an access token: its id, and the host it was made at. */
  readonly accessToken?: { readonly id: string; readonly host: string };
}

const macOf = (secret: string, text: string): string =>
  createHmac('sha256', secret).update(text).digest('base64url');

/** @param token a credential, `tskey-<kind>-<public id>-<secret>` */
export function toJwt(token: string, claims: TokenClaims): string {
  const [, , publicId = '', secret = ''] = token.split('-');
  const { accessToken } = claims;
  const payload = {
    Role: claims.role,
    UserName: claims.username,
    Api: accessToken?.host ?? '',
    TokenType: accessToken === undefined ? 'user_id_token' : 'access_token',
    RacAutoDisable: false,
    iss: ISSUER,
    sub: `user|${claims.username}`,
    iat: seconds(claims.issuedAt),
    exp: seconds(claims.expiresAt),
    jti: accessToken?.id ?? publicId,
  };
  const signed = `${HEADER}.${encode(payload)}`;
  return `${signed}.${secret}${macOf(secret, signed)}`;
}

const claimsOf = (payload: string): Readonly<Record<string, unknown>> => {
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : {};
};

function publicIdOf(claims: Readonly<Record<string, unknown>>): string {
  if (claims.TokenType !== 'access_token') return `session-${String(claims.jti)}`;
  const id = decodeUuid('credential', String(claims.jti));
  return id === undefined ? '' : `pat-${encodeExternalId('credential', id)}`;
}

/** The credential inside of a JWT of ours; any other text is returned as it is. */
export function fromJwt(text: string): string {
  const [, header = '', payload = '', secret = '', mac = ''] = JWT.exec(text) ?? [];
  if (secret.length !== SECRET_LENGTH || header !== HEADER) return text;
  if (!sameDigest(mac, macOf(secret, `${header}.${payload}`))) return text;
  try {
    const token = `tskey-${publicIdOf(claimsOf(payload))}-${secret}`;
    return parseToken(token) === undefined ? text : token;
  } catch {
    return text;
  }
}

/** Whether a credential, as `fromJwt` gives it, is an access token. */
export const isAccessToken = (token: string): boolean => parseToken(token)?.kind === 'pat';

/** What a right password bought where a code is asked for as well; only that step takes it. */
export function toPreAuthJwt(sealed: string, username: string, now: number): string {
  const payload = {
    iss: ISSUER,
    sub: username,
    aud: [PRE_AUTH_AUDIENCE],
    iat: seconds(now),
    exp: seconds(now) + PRE_AUTH_SECONDS,
  };
  return `${HEADER}.${encode(payload)}.${Buffer.from(sealed).toString('base64url')}`;
}

/** The sealed text inside, or undefined when it has not that form. */
export function fromPreAuthJwt(text: string): string | undefined {
  const [, header, payload = '', sealed = ''] = PRE_AUTH.exec(text) ?? [];
  if (header !== HEADER) return undefined;
  try {
    const { aud } = claimsOf(payload);
    const meant = Array.isArray(aud) && aud.length === 1 && aud[0] === PRE_AUTH_AUDIENCE;
    return meant ? Buffer.from(sealed, 'base64url').toString('utf8') : undefined;
  } catch {
    return undefined;
  }
}
