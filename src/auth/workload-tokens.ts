/**
 * Checks id tokens of OpenID providers: discovery (`/.well-known/openid-configuration`), the provider's keys, the
 * signature, and the time. What the claims must say is the caller's to decide.
 */
import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';
import type { WorkloadClaims, WorkloadTokens } from '../domain/ports/workload-tokens.ts';
import { type Clock, MINUTE, SECOND } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { parseStrictJson } from '../kernel/strict-json.ts';
import { createGuardedFetch } from './sso/guarded-fetch.ts';

/** Resolves with the body of a GET, as text. */
type FetchText = (url: string) => Promise<string>;

export interface WorkloadTokenParts {
  readonly clock: Clock;
  /** Issuers may be at private addresses, as a cluster's own is. */
  readonly allowPrivate?: boolean;
  readonly fetchText?: FetchText;
}

const KEYS_TTL = 10 * MINUTE;
/** A token with a key that is not known yet asks for the keys anew, but not more often than this. */
const REFRESH_INTERVAL = 30 * SECOND;
/** An issuer that did not answer is left alone for so long. */
const SILENCE = 5 * SECOND;
const LEEWAY = 60;
const OK = 200;
const MAX_TOKEN = 16 * 1024;
const MAX_ISSUERS = 1_000;

/** A token that asks for something beyond RFC 7519 (`crit`) asks for what is not done here. */
const header = z.object({ alg: z.string(), kid: z.string().optional(), crit: z.undefined().optional() });
const times = z.object({
  exp: z.number(),
  nbf: z.number().optional(),
  iat: z.number().optional(),
  iss: z.string(),
});
const discovery = z.object({ issuer: z.string(), jwks_uri: z.string() });
const keySet = z.object({
  keys: z
    .array(
      z.looseObject({
        kid: z.string().optional(),
        kty: z.string(),
        use: z.string().optional(),
        alg: z.string().optional(),
      }),
    )
    .max(100),
});

/** Signature algorithms that id tokens use. `none` and shared secrets are not among them. */
const ALGORITHMS: Readonly<
  Record<
    string,
    { readonly hash: string | null; readonly type: string; readonly pss?: true; readonly curve?: string }
  >
> = {
  RS256: { hash: 'sha256', type: 'rsa' },
  RS384: { hash: 'sha384', type: 'rsa' },
  RS512: { hash: 'sha512', type: 'rsa' },
  PS256: { hash: 'sha256', type: 'rsa', pss: true },
  PS384: { hash: 'sha384', type: 'rsa', pss: true },
  PS512: { hash: 'sha512', type: 'rsa', pss: true },
  ES256: { hash: 'sha256', type: 'ec', curve: 'prime256v1' },
  ES384: { hash: 'sha384', type: 'ec', curve: 'secp384r1' },
  EdDSA: { hash: null, type: 'ed25519' },
};
const PSS_PADDING = 6;
const DIGEST_SALT = -1;

/** Shorter ones are broken with effort. */
const MIN_RSA_BITS = 2_048;

interface IssuerKey {
  readonly kid: string | undefined;
  /** The only algorithm that it is for, where its issuer says so. */
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

interface IssuerKeys {
  readonly fetchedAt: number;
  readonly keys: readonly IssuerKey[];
}

const refused = (message: string): AppError => new AppError('forbidden', message);

/** The issuers are whatever the administrators of organizations wrote down. */
function createFetchText(allowPrivate: boolean): FetchText {
  const get = createGuardedFetch({ allowPrivate });
  return async (url) => {
    const answer = await get(url, { headers: { accept: 'application/json' } });
    if (answer.status !== OK) throw new Error(`status ${answer.status}`);
    return answer.text();
  };
}

function parsePart<T extends z.ZodType>(part: string | undefined, schema: T): z.output<T> {
  try {
    return schema.parse(parseStrictJson(Buffer.from(part ?? '', 'base64url').toString('utf8'))?.value);
  } catch {
    throw refused('the token is no signed JSON web token with a time of expiry');
  }
}

function importKeys(set: z.output<typeof keySet>): IssuerKeys['keys'] {
  return set.keys.flatMap((jwk) => {
    if (jwk.use !== undefined && jwk.use !== 'sig') return [];
    try {
      const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
      return [{ kid: jwk.kid, alg: jwk.alg, key }];
    } catch {
      // A key of a kind that this program does not know verifies no token that it could accept.
      return [];
    }
  });
}

function isSigned(token: string, { key, alg }: IssuerKey, algorithm: string): boolean {
  const known = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined;
  if (known === undefined || key.asymmetricKeyType !== known.type) return false;
  if (alg !== undefined && alg !== algorithm) return false;
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (known.curve !== namedCurve || (known.type === 'rsa' && modulusLength < MIN_RSA_BITS)) return false;
  const [head, body, signature] = token.split('.');
  const options = {
    key,
    ...(known.pss === true ? { padding: PSS_PADDING, saltLength: DIGEST_SALT } : {}),
    ...(known.curve !== undefined ? { dsaEncoding: 'ieee-p1363' as const } : {}),
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
  allowPrivate = false,
  fetchText: get = createFetchText(allowPrivate),
}: WorkloadTokenParts): WorkloadTokens {
  const cache = new Map<string, IssuerKeys>();
  /** Many tokens of one issuer may come at once, and ask once. */
  const loading = new Map<string, Promise<IssuerKeys>>();
  /** When each of those that did not answer was asked last. */
  const silent = new Map<string, number>();

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
  const fetchKeys = (issuer: string): Promise<IssuerKeys> => {
    const running = loading.get(issuer);
    if (running !== undefined) return running;
    // Whoever knows an identity may ask for it: an issuer that is away is not asked for each of them.
    if (clock.now() - (silent.get(issuer) ?? Number.NEGATIVE_INFINITY) < SILENCE) {
      throw new AppError('unavailable', `the keys of ${issuer} cannot be fetched`);
    }
    for (const map of [cache, silent]) if (map.size >= MAX_ISSUERS) map.clear();
    const fetching = load(issuer)
      .then((keys) => {
        silent.delete(issuer);
        cache.set(issuer, keys);
        return keys;
      })
      .catch((error: unknown) => {
        silent.set(issuer, clock.now());
        throw error;
      })
      .finally(() => loading.delete(issuer));
    loading.set(issuer, fetching);
    return fetching;
  };
  const keysOf = async (issuer: string, maxAge: number): Promise<IssuerKeys> => {
    const known = cache.get(issuer);
    return known !== undefined && clock.now() - known.fetchedAt < maxAge ? known : fetchKeys(issuer);
  };

  return {
    verify: async (issuer, token) => {
      const parts = token.split('.');
      if (token.length > MAX_TOKEN || parts.length !== 3)
        throw refused('the token is no signed JSON web token');
      const { alg, kid } = parsePart(parts[0], header);
      const claims: WorkloadClaims = parsePart(parts[1], z.record(z.string(), z.unknown()));
      const { exp, nbf, iat, iss } = parsePart(parts[1], times);
      if (iss !== issuer) throw refused(`the token is not of ${issuer}`);
      const now = clock.now() / SECOND;
      if (exp <= now - LEEWAY) throw refused('the token has expired');
      if (Math.max(nbf ?? 0, iat ?? 0) > now + LEEWAY) throw refused('the token is not valid yet');
      const fits = (keys: IssuerKeys): IssuerKeys['keys'] =>
        keys.keys.filter((key) => kid === undefined || key.kid === kid);
      let candidates = fits(await keysOf(issuer, KEYS_TTL));
      // The issuer may have changed its keys since they were fetched.
      if (candidates.length === 0) candidates = fits(await keysOf(issuer, REFRESH_INTERVAL));
      if (!candidates.some((key) => isSigned(token, key, alg))) {
        throw refused(`the token is not signed by ${issuer}`);
      }
      return claims;
    },
  };
}
