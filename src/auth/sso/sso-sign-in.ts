/**
 * Signing in by an organization's own identity provider (OpenID Connect, authorization code with PKCE), for the pages and
 * for every dialect that has a browser sign-in. Two calls: `start` gives the address that the browser is sent to, `finish`
 * takes what it comes back with and says whose sign-in that was. Opening a session is the caller's.
 *
 *     const url = await sso.start({ org, browser, redirectUri, purpose: { kind: 'sign-in' }, returnTo });
 *     // … 303 to url; later, at redirectUri:
 *     const outcome = await sso.finish({ url: theWholeCallbackUrl, browser, redirectUri });
 *     if (outcome.kind === 'verified') await sessions.open(outcome, { name: 'browser', origin: 'native-api' });
 *
 * `browser` is a secret of the browser (from a cookie) or of whoever waits; nobody else can finish. The identity that comes
 * of it is good in that organization alone, and so is the session that it opens.
 */
import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  fetchUserInfo,
} from 'openid-client';
import type { Identity, Membership, SsoConnection } from '../../domain/model/people.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import { INSTALLATION, type Store } from '../../domain/ports/store.ts';
import { type Clock, SECOND } from '../../kernel/clock.ts';
import { AppError, notFound } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import { type BindingParts, type BindingRefusal, bindArrival } from './binding.ts';
import { claimsOf, needsMore, type SsoClaims } from './claims.ts';
import { createGuardedFetch } from './guarded-fetch.ts';
import { createProviders } from './provider.ts';
import { createSsoStates, type SsoPurpose, type SsoState } from './sso-state.ts';

export type SsoRefusal =
  | BindingRefusal
  /** Begun in another browser, too long ago, or for another address than this one. */
  | 'state'
  /** The provider is not to be reached, or does not answer as one. */
  | 'provider-unavailable'
  /** The provider did not let the person in, or the person did not want to. */
  | 'provider-refused'
  /** Asked to have the person prove who they are once more, the provider did not, or does not say so. */
  | 'not-fresh'
  /** What the provider said cannot be believed. */
  | 'untrusted';

/** What a caller set out with; undefined when the state cannot be read. */
interface SsoReturn {
  readonly org: number;
  readonly purpose: SsoPurpose;
  readonly returnTo: string;
}

export type SsoOutcome =
  | (SsoReturn & {
      readonly kind: 'verified';
      readonly member: Membership;
      readonly identity: Identity;
      /** When the person proved who they are, as far as the provider says (milliseconds since 1970); else 0. */
      readonly provenAt: number;
    })
  | { readonly kind: 'refused'; readonly reason: SsoRefusal; readonly began: SsoReturn | undefined };

/** A connection as the sign-in page shows it. */
export interface ShownConnection {
  readonly id: number;
  /** The provider's host. */
  readonly name: string;
}

export interface SsoSignIn {
  /** Those of an organization that people can sign in by, in order of their making. */
  connections(org: number): Promise<ShownConnection[]>;
  /**
   * Where to send the browser. Errors: `not_found` (no such connection), `unavailable` (the provider).
   * @param connection default: the organization's first
   */
  start(request: {
    readonly org: number;
    readonly connection?: number;
    readonly browser: string;
    /** Absolute; registered with the provider. */
    readonly redirectUri: string;
    readonly purpose: SsoPurpose;
    /** Whether the person is to prove who they are at the provider even if they are signed in there. Default: no. */
    readonly fresh?: boolean;
    /** Given back with the outcome. At most 1,000 characters. Whether it may be gone to is the caller's to check. */
    readonly returnTo: string;
  }): Promise<string>;
  /**
   * @param url the address that the browser came back to, with its parameters
   * @param redirectUri the one that it was sent out with
   */
  finish(request: {
    readonly url: string;
    readonly browser: string;
    readonly redirectUri: string;
    /** Who is signed in in that browser now. A way to sign in is added to them alone: the session may have been ended. */
    readonly signedIn?: { readonly org: number; readonly membership: number } | undefined;
  }): Promise<SsoOutcome>;
}

export interface SsoSignInParts {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyedTexts: BindingParts['keyedTexts'];
  /** Whether providers may be at private and loopback addresses, and without TLS. */
  readonly allowPrivate: boolean;
  /** Told why a provider could not be used; holds no secrets. */
  readonly onProblem?: (connection: number, error: unknown) => void;
  readonly timeoutMs?: number;
}

const MAX_RETURN = 1_000;
const MAX_CONNECTIONS = 10;
const MAX_URL = 8_000;
const MAX_SUBJECT = 255;
/** By how much a provider's clock may be behind ours. */
const CLOCK_SKEW_MS = 30 * SECOND;
const NONCE_LENGTH = 32;
/** RFC 7636 §4.1: 43 to 128 characters. */
const VERIFIER_LENGTH = 64;

/** What a provider says of a person, and of when it asked them. */
interface Said {
  readonly claims: SsoClaims;
  readonly provenAt: number;
}

const scopesOf = (configuration: Configuration): string =>
  ['openid', 'email', 'profile', 'groups']
    .filter((scope) => scope !== 'groups' || configuration.serverMetadata().scopes_supported?.includes(scope))
    .join(' ');

export function createSsoSignIn(parts: SsoSignInParts): SsoSignIn {
  const { store, clock, random, keyedTexts, sealer, allowPrivate, onProblem, timeoutMs } = parts;
  const fetch = createGuardedFetch({ allowPrivate, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  const providers = createProviders({ sealer, clock, fetch, allowPrivate });
  const states = createSsoStates({ sealer, clock });

  /** Those that could work: an identifier that is no address is accepted when it is set, and unusable here. */
  const usable = async (org: number): Promise<SsoConnection[]> =>
    (await store.list('ssoConnection', org, { limit: MAX_CONNECTIONS })).filter(
      ({ identifier, clientId }) => URL.canParse(identifier) && Boolean(clientId),
    );

  const start: SsoSignIn['start'] = async (request) => {
    const { org, browser, redirectUri, purpose, returnTo, fresh = false } = request;
    if (returnTo.length > MAX_RETURN) throw new AppError('too_large', 'the address to return to is too long');
    const all = await usable(org);
    const chosen =
      request.connection === undefined ? all[0] : all.find(({ id }) => id === request.connection);
    if (chosen === undefined) throw notFound('SSO connection');
    const { id: connection, identifier } = chosen;
    const nonce = randomSecret(random, NONCE_LENGTH);
    const verifier = randomSecret(random, VERIFIER_LENGTH);
    const state: SsoState = {
      ...{ org, connection, identifier, nonce, verifier, redirectUri, purpose, returnTo, fresh },
      startedAt: clock.now(),
    };
    const sealed = states.seal(state, browser);
    const challenge = await calculatePKCECodeChallenge(verifier);
    try {
      const configuration = await providers.configurationOf(chosen);
      // Throws for an endpoint that is no address, or none that may be gone to.
      return buildAuthorizationUrl(configuration, {
        response_type: 'code',
        redirect_uri: redirectUri,
        scope: scopesOf(configuration),
        state: sealed,
        nonce,
        code_challenge: challenge,
        code_challenge_method: 'S256',
        // OpenID Connect Core §3.1.2.1: a provider that is asked for `max_age` has to say when it last asked the person.
        ...(fresh ? { prompt: 'login', max_age: '0' } : {}),
      }).href;
    } catch (error) {
      onProblem?.(chosen.id, error);
      throw new AppError('unavailable', 'the identity provider of this organization cannot be reached now');
    }
  };

  /** A time to come is none that could be relied on. */
  const provenAtOf = (authTime: unknown): number =>
    typeof authTime === 'number' && authTime > 0 ? Math.min(authTime * SECOND, clock.now()) : 0;

  /** The person that the provider's answer speaks of. */
  const ask = async (configuration: Configuration, url: URL, state: SsoState): Promise<Said> => {
    const tokens = await authorizationCodeGrant(configuration, url, {
      expectedState: url.searchParams.get('state') ?? '',
      expectedNonce: state.nonce,
      pkceCodeVerifier: state.verifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new Error('no id token');
    const { sub } = claims;
    if (sub === '' || sub.length > MAX_SUBJECT) throw new Error('the subject is empty or too long');
    const more = configuration.serverMetadata().userinfo_endpoint !== undefined && needsMore(claims);
    // The library holds the answer against the subject of the token.
    const info = more ? await fetchUserInfo(configuration, tokens.access_token, sub) : {};
    return { claims: claimsOf(sub, claims, info), provenAt: provenAtOf(claims.auth_time) };
  };

  const finish: SsoSignIn['finish'] = async ({ url: text, browser, redirectUri, signedIn }) => {
    const url = text.length <= MAX_URL && URL.canParse(text) ? new URL(text) : undefined;
    const state = url && states.open(url.searchParams.get('state') ?? '', browser);
    if (url === undefined || state === undefined || state.redirectUri !== redirectUri) {
      return { kind: 'refused', reason: 'state', began: undefined };
    }
    const { org, purpose, returnTo } = state;
    const began: SsoReturn = { org, purpose, returnTo };
    const refused = (reason: SsoRefusal): SsoOutcome => ({ kind: 'refused', reason, began });
    const isOwn = signedIn !== undefined && signedIn.org === org;
    if (purpose.kind === 'link' && !(isOwn && signedIn.membership === purpose.membership)) {
      return refused('state');
    }
    const connection = (await usable(org)).find(({ id }) => id === state.connection);
    if (connection?.identifier !== state.identifier) return refused('gone');

    let configuration: Configuration;
    try {
      configuration = await providers.configurationOf(connection);
    } catch (error) {
      onProblem?.(connection.id, error);
      return refused('provider-unavailable');
    }
    // What the library compares with the token's address must be what the provider was told.
    const answer = new URL(redirectUri);
    answer.search = url.search;
    let said: Said;
    try {
      said = await ask(configuration, answer, state);
    } catch (error) {
      onProblem?.(connection.id, error);
      return refused(reasonOf(error));
    }
    const { claims } = said;
    if (state.fresh && said.provenAt < state.startedAt - CLOCK_SKEW_MS) return refused('not-fresh');
    const provenAt = state.fresh ? Math.max(said.provenAt, state.startedAt) : said.provenAt;
    const once = { hash: sha256Hex(state.nonce), until: state.expiresAt };
    const bound = await store.write(
      {
        orgs: [INSTALLATION, org],
        by: { kind: 'system', id: '', name: 'single sign-on' },
        origin: 'native-api',
        ids: 256,
      },
      (tx) =>
        bindArrival(
          tx,
          { random, keyedTexts },
          { org, connection, issuer: connection.identifier, claims, purpose, once },
        ),
    );
    return bound.kind === 'verified' ? { ...bound, ...began, provenAt } : refused(bound.reason);
  };

  return {
    start,
    finish,
    connections: async (org) =>
      (await usable(org)).map(({ id, identifier }) => ({ id, name: new URL(identifier).host })),
  };
}

const NETWORK = new Set(['AbortError', 'TimeoutError', 'PrivateTarget']);

/** Whether the provider said no, could not be reached, or said what cannot be believed. */
function reasonOf(error: unknown): SsoRefusal {
  if (error instanceof AuthorizationResponseError) return 'provider-refused';
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  for (const one of [error, cause]) {
    if (!(one instanceof Error)) continue;
    if (NETWORK.has(one.name) || ('code' in one && /^E[A-Z]+$/u.test(String(one.code))))
      return 'provider-unavailable';
  }
  return 'untrusted';
}
