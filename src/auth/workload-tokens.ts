/**
 * Checks id tokens of OpenID providers: discovery (`/.well-known/openid-configuration`), the provider's keys, the
 * signature, and the time. What the claims must say is the caller's to decide.
 */
import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';
import type { WorkloadClaims, WorkloadTokens } from '../domain/ports/workload-tokens.ts';
import { type Clock, MINUTE, SECOND } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';

/** Resolves with the body of a GET, as text. */
type FetchText = (url: string) => Promise<string>;

export interface WorkloadTokenParts {
  readonly clock: Clock;
  readonly fetchText?: FetchText;
}

const KEYS_TTL = 10 * MINUTE;
/** A token with a key that is not known yet asks for the keys anew, but not more often than this. */
const REFRESH_INTERVAL = 30 * SECOND;
const LEEWAY = 60;
const FETCH_TIMEOUT_MS = 5 * SECOND;
const MAX_RESPONSE = 256 * 1024;
const MAX_TOKEN = 16 * 1024;
const MAX_ISSUERS = 1_000;

const header = z.object({ alg: z.string(), kid: z.string().optional() });
const times = z.object({ exp: z.number(), nbf: z.number().optional(), iat: z.number().optional() });
const discovery = z.object({ issuer: z.string(), jwks_uri: z.string() });
const keySet = z.object({ keys: z.array(z.looseObject({ kid: z.string().optional(), kty: z.string() })) });

/** Signature algorithms that id tokens use. `none` and shared secrets are not among them. */
const ALGORITHMS: Readonly<
  Record<
    string,
    { readonly hash: string | null; readonly type: string; readonly pss?: true; readonly ec?: true }
  >
> = {
  RS256: { hash: 'sha256', type: 'rsa' },
  RS384: { hash: 'sha384', type: 'rsa' },
  RS512: { hash: 'sha512', type: 'rsa' },
  PS256: { hash: 'sha256', type: 'rsa', pss: true },
  PS384: { hash: 'sha384', type: 'rsa', pss: true },
  PS512: { hash: 'sha512', type: 'rsa', pss: true },
  ES256: { hash: 'sha256', type: 'ec', ec: true },
  ES384: { hash: 'sha384', type: 'ec', ec: true },
  EdDSA: { hash: null, type: 'ed25519' },
};
const PSS_PADDING = 6;
const DIGEST_SALT = -1;

interface IssuerKeys {
  readonly fetchedAt: number;
  readonly keys: readonly { readonly kid: string | undefined; readonly key: KeyObject }[];
}

const refused = (message: string): AppError => new AppError('forbidden', message);

/** No redirects: an issuer's answer must not send this server somewhere else. */
const fetchText: FetchText = async (url) => {
  const answer = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (!answer.ok || answer.body === null) throw new Error(`status ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > MAX_RESPONSE) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

function parsePart<T extends z.ZodType>(part: string | undefined, schema: T): z.output<T> {
  try {
    return schema.parse(JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8')));
  } catch {
    throw refused('the token is no signed JSON web token with a time of expiry');
  }
}

function importKeys(set: z.output<typeof keySet>): IssuerKeys['keys'] {
  return set.keys.flatMap((jwk) => {
    try {
      return [{ kid: jwk.kid, key: createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }) }];
    } catch {
      // A key of a kind that this program does not know verifies no token that it could accept.
      return [];
    }
  });
}

function isSigned(token: string, key: KeyObject, algorithm: string): boolean {
  const known = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined;
  if (known === undefined || key.asymmetricKeyType !== known.type) return false;
  const [head, body, signature] = token.split('.');
  const options = {
    key,
    ...(known.pss === true ? { padding: PSS_PADDING, saltLength: DIGEST_SALT } : {}),
    ...(known.ec === true ? { dsaEncoding: 'ieee-p1363' as const } : {}),
  };
  return verify(
    known.hash,
    Buffer.from(`${head}.${body}`),
    options,
    Buffer.from(signature ?? '', 'base64url'),
  );
}

export function createWorkloadTokens({
  clock,
  fetchText: get = fetchText,
}: WorkloadTokenParts): WorkloadTokens {
  const cache = new Map<string, Promise<IssuerKeys>>();

  const load = async (issuer: string): Promise<IssuerKeys> => {
    try {
      const url = `${issuer.replace(/\/+$/u, '')}/.well-known/openid-configuration`;
      const found = discovery.parse(JSON.parse(await get(url)));
      if (found.issuer !== issuer) throw new Error(`it calls itself ${found.issuer}`);
      if (!found.jwks_uri.startsWith('https://')) throw new Error('its keys are not at an https address');
      const set = keySet.parse(JSON.parse(await get(found.jwks_uri)));
      return { fetchedAt: clock.now(), keys: importKeys(set) };
    } catch (error) {
      throw new AppError('unavailable', `the keys of ${issuer} cannot be fetched`, { cause: error });
    }
  };
  const keysOf = async (issuer: string, maxAge: number): Promise<IssuerKeys> => {
    const known = await cache.get(issuer)?.catch(() => undefined);
    if (known !== undefined && clock.now() - known.fetchedAt < maxAge) return known;
    const loading = load(issuer);
    if (cache.size >= MAX_ISSUERS) cache.clear();
    cache.set(issuer, loading);
    loading.catch(() => cache.delete(issuer));
    return loading;
  };

  return {
    verify: async (issuer, token) => {
      const parts = token.split('.');
      if (token.length > MAX_TOKEN || parts.length !== 3)
        throw refused('the token is no signed JSON web token');
      const { alg, kid } = parsePart(parts[0], header);
      const claims: WorkloadClaims = parsePart(parts[1], z.record(z.string(), z.unknown()));
      const { exp, nbf, iat } = parsePart(parts[1], times);
      if (claims.iss !== issuer) throw refused(`the token is not of ${issuer}`);
      const now = clock.now() / SECOND;
      if (exp <= now - LEEWAY) throw refused('the token has expired');
      if ((nbf ?? iat ?? 0) > now + LEEWAY) throw refused('the token is not valid yet');
      const fits = (keys: IssuerKeys): IssuerKeys['keys'] =>
        keys.keys.filter((key) => kid === undefined || key.kid === kid);
      let candidates = fits(await keysOf(issuer, KEYS_TTL));
      // The issuer may have changed its keys since they were fetched.
      if (candidates.length === 0) candidates = fits(await keysOf(issuer, REFRESH_INTERVAL));
      if (!candidates.some(({ key }) => isSigned(token, key, alg))) {
        throw refused(`the token is not signed by ${issuer}`);
      }
      return claims;
    },
  };
}
