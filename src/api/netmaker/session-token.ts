/**
 * Sessions as the web console wants them: the form of a JWT with a numeric `exp`, which is all that it reads. What proves
 * the session is a secret in the third part; a MAC by that secret over the first two makes a token with changed claims no
 * token at all. Claims are never believed.
 */
import { createHmac } from 'node:crypto';
import { parseToken } from '../../domain/credentials/token.ts';
import { sameDigest } from '../../kernel/hash.ts';

const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');
const SECRET_LENGTH = 40;
const JWT = /^([\w-]{1,200})\.([\w-]{1,2000})\.([A-Za-z0-9]{40})([\w-]{43})$/u;
const MILLISECONDS = 1000;

export interface SessionClaims {
  readonly username: string;
  readonly role: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

const macOf = (secret: string, text: string): string =>
  createHmac('sha256', secret).update(text).digest('base64url');

/** @param token a session credential, `tskey-session-<public id>-<secret>` */
export function toJwt(token: string, claims: SessionClaims): string {
  const [, , publicId = '', secret = ''] = token.split('-');
  const payload = {
    Role: claims.role,
    UserName: claims.username,
    Api: '',
    TokenType: 'user_id_token',
    RacAutoDisable: false,
    iss: 'Netmaker',
    sub: `user|${claims.username}`,
    iat: Math.floor(claims.issuedAt / MILLISECONDS),
    exp: Math.floor(claims.expiresAt / MILLISECONDS),
    jti: publicId,
  };
  const signed = `${HEADER}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`;
  return `${signed}.${secret}${macOf(secret, signed)}`;
}

/** The credential inside of a JWT of ours; any other text is returned as it is. */
export function fromJwt(text: string): string {
  const [, header = '', payload = '', secret = '', mac = ''] = JWT.exec(text) ?? [];
  if (secret.length !== SECRET_LENGTH || header !== HEADER) return text;
  if (!sameDigest(mac, macOf(secret, `${header}.${payload}`))) return text;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const publicId =
      typeof claims === 'object' && claims !== null && 'jti' in claims ? claims.jti : undefined;
    const token = `tskey-session-${String(publicId)}-${secret}`;
    return parseToken(token) === undefined ? text : token;
  } catch {
    return text;
  }
}
