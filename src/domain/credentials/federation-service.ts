/** Federated identities: a workload shows a token of its own provider and gets a short-lived one of ours. */
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Credential, FederationRules } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store } from '../ports/store.ts';
import type { WorkloadClaims, WorkloadTokens } from '../ports/workload-tokens.ts';
import type { AccessToken, ClientTokenService } from './client-token-service.ts';

export interface FederationService {
  /** Errors: `unauthenticated` for an unknown identity; `forbidden` for a token that it does not take; `unavailable`. */
  exchange(publicId: string, token: string, origin: AuditOrigin): Promise<AccessToken>;
}

export interface FederationServiceParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly tokens: WorkloadTokens;
  readonly clientTokens: ClientTokenService;
}

/** Whether a text fits a pattern in which `*` stands for any text. Linear in both: patterns come from outside. */
export function fitsGlob(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return at <= end;
}

const textsOf = (claim: unknown): readonly string[] => {
  const values = Array.isArray(claim) ? claim : [claim];
  return values.filter((value) => ['string', 'number', 'boolean'].includes(typeof value)).map(String);
};

/** What of the rules the claims break; undefined when they keep all. */
function brokenRule(rules: FederationRules, claims: WorkloadClaims): string | undefined {
  if (!textsOf(claims.aud).includes(rules.audience)) return `the token is not made out to ${rules.audience}`;
  if (!textsOf(claims.sub).some((subject) => fitsGlob(rules.subject, subject))) {
    return 'the subject of the token does not fit the identity';
  }
  const unfit = Object.entries(rules.claims).find(
    ([name, pattern]) => !textsOf(claims[name]).some((value) => fitsGlob(pattern, value)),
  );
  return unfit === undefined ? undefined : `the claim ${unfit[0]} of the token does not fit the identity`;
}

export function createFederationService(parts: FederationServiceParts): FederationService {
  const { store, clock, tokens, clientTokens } = parts;
  const usable = (key: Credential): boolean =>
    key.kind === 'federated' &&
    key.revokedAt === null &&
    (key.expiresAt === null || key.expiresAt > clock.now());
  return {
    exchange: async (publicId, token, origin) => {
      const identity = await store.lookup('credential', 'publicId', publicId);
      const rules = identity?.federation ?? null;
      if (identity === undefined || rules === null || !usable(identity)) {
        throw new AppError('unauthenticated', 'API token invalid');
      }
      const claims = await tokens.verify(rules.issuer, token);
      const problem = brokenRule(rules, claims);
      if (problem !== undefined) throw new AppError('forbidden', problem);
      return clientTokens.mint(identity, { scopes: [], tags: [] }, origin);
    },
  };
}
