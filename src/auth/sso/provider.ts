/**
 * What is known of an organization's identity provider when somebody signs in: found by discovery then and not before, kept
 * for some minutes. Endpoints that were set on the connection go before those that are found.
 */
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  customFetch,
  enableNonRepudiationChecks,
  None,
} from 'openid-client';
import { z } from 'zod';
import type { SsoConnection } from '../../domain/model/people.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import { ssoClientSecret } from '../../domain/sso-connections/sso-connection-service.ts';
import { type Clock, MINUTE, SECOND } from '../../kernel/clock.ts';
import type { GuardedFetch } from './guarded-fetch.ts';

export interface Providers {
  /** Rejects when the provider is not to be reached, or says nothing that could be used. */
  configurationOf(connection: SsoConnection): Promise<Configuration>;
}

export interface ProvidersParts {
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly fetch: GuardedFetch;
  /** Also plain HTTP. */
  readonly allowPrivate: boolean;
}

const KEPT_MS = 10 * MINUTE;
/** A provider that does not answer is not asked again at once, however many want to sign in. */
const FAILURE_KEPT_MS = 5 * SECOND;
const MAX_KEPT = 1_000;

/** What id tokens may be signed with. `none` and what rests on a shared secret are not among them. */
const ALGORITHMS: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

const endpoint = z.string().optional();
const texts = z.array(z.string()).optional();
const Discovered = z.object({
  issuer: z.string(),
  authorization_endpoint: endpoint,
  token_endpoint: endpoint,
  jwks_uri: endpoint,
  userinfo_endpoint: endpoint,
  scopes_supported: texts,
  id_token_signing_alg_values_supported: texts,
  token_endpoint_auth_methods_supported: texts,
  authorization_response_iss_parameter_supported: z.boolean().optional(),
});
type Discovered = z.output<typeof Discovered>;

const given = z.string().nullish();
/** The part of what a connection may set by hand that signing in uses. */
const Protocols = z
  .object({
    oauth2: z
      .object({
        authorization_endpoint: given,
        token_endpoint: given,
        jwks_uri: given,
        scopes_supported: z.array(z.string()).nullish(),
      })
      .nullish(),
    openid: z.object({ userinfo_endpoint: given }).nullish(),
  })
  .nullish();

const present = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));

/** OpenID Connect Discovery 1.0 §4, and where OAuth servers keep it (RFC 8414 §3.1: before the path of the issuer). */
function discoveryUrls(identifier: string): string[] {
  const issuer = new URL(identifier);
  const path = issuer.pathname.replace(/\/$/u, '');
  return [
    `${issuer.origin}${path}/.well-known/openid-configuration`,
    `${issuer.origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

export function createProviders({ sealer, clock, fetch, allowPrivate }: ProvidersParts): Providers {
  const discover = async (identifier: string): Promise<Discovered> => {
    const problems: string[] = [];
    for (const url of discoveryUrls(identifier)) {
      const answer = await fetch(url, { headers: { accept: 'application/json' } });
      if (answer.status !== 200) {
        problems.push(`${url} answered ${answer.status}`);
        continue;
      }
      const found = Discovered.parse(JSON.parse(await answer.text()));
      // Else one provider could speak in another's name.
      if (new URL(found.issuer).href !== new URL(identifier).href) {
        throw new Error(`${url} is of the issuer ${found.issuer}, not of ${identifier}`);
      }
      return found;
    }
    throw new Error(problems.join(', '));
  };

  const configure = async (connection: SsoConnection): Promise<Configuration> => {
    const { identifier, clientId } = connection;
    if (!clientId) throw new Error('the connection has no client id');
    const protocols = Protocols.parse(connection.protocols);
    const set = present({ ...protocols?.oauth2, ...protocols?.openid }) as Partial<Discovered>;
    const whole = set.authorization_endpoint && set.token_endpoint && set.jwks_uri;
    const server = { ...(whole ? { issuer: identifier } : await discover(identifier)), ...set };
    for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const) {
      if (server[name] === undefined) throw new Error(`the provider has no ${name}`);
    }
    const { id_token_signing_alg_values_supported: signing = ALGORITHMS } = server;
    const secret = ssoClientSecret(sealer, connection);
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const posts = methods.includes('client_secret_post') && !methods.includes('client_secret_basic');
    const configuration = new Configuration(
      {
        ...(present(server) as Discovered),
        id_token_signing_alg_values_supported: signing.filter((name) => ALGORITHMS.includes(name)),
      },
      clientId,
      {},
      secret === null ? None() : posts ? ClientSecretPost(secret) : ClientSecretBasic(secret),
    );
    configuration[customFetch] = (url, { method, headers, body, signal }) =>
      fetch(url, {
        method,
        headers,
        ...(body === undefined || body === null ? {} : { body: String(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    // The library leaves the signature of a token that came over TLS unchecked unless told otherwise.
    enableNonRepudiationChecks(configuration);
    if (allowPrivate) allowInsecureRequests(configuration);
    return configuration;
  };

  interface Kept {
    readonly updatedAt: number;
    readonly until: number;
    readonly configuration: Promise<Configuration>;
  }
  const kept = new Map<number, Kept>();

  return {
    configurationOf: (connection) => {
      const { id, updatedAt } = connection;
      const found = kept.get(id);
      if (found !== undefined && found.updatedAt === updatedAt && found.until > clock.now()) {
        return found.configuration;
      }
      const oldest = kept.size >= MAX_KEPT ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      const configuration = configure(connection);
      const entry: Kept = { updatedAt, until: clock.now() + KEPT_MS, configuration };
      kept.set(id, entry);
      configuration.catch(() => {
        if (kept.get(id) === entry) kept.set(id, { ...entry, until: clock.now() + FAILURE_KEPT_MS });
      });
      return configuration;
    },
  };
}
