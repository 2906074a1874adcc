/** What may be asked for in a new key, and who may hand out what. */
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { isScope, permissionsOfScopes } from '../access/scopes.ts';

const DAY_SECONDS = 86_400;
const MAX_KEY_SECONDS = 90 * DAY_SECONDS;
const DEFAULT_KEY_SECONDS = MAX_KEY_SECONDS;
const MAX_DESCRIPTION = 50;
const DESCRIPTION = /^[A-Za-z0-9 _-]*$/u;
const MAX_SCOPES = 100;
/** With one of these a client can bring in or change devices, which then belong to its tags. */
const SCOPES_NEEDING_TAGS: ReadonlySet<string> = new Set(['devices:core', 'auth_keys', 'devices']);

export function checkDescription(description: string): string {
  if (!DESCRIPTION.test(description)) {
    throw invalid('keys: description had invalid characters', 'description');
  }
  if (description.length > MAX_DESCRIPTION) {
    throw invalid(`keys: description is longer than ${MAX_DESCRIPTION} characters`, 'description');
  }
  return description;
}

/** Seconds of life; none given, or 0, is the longest. */
export function checkExpirySeconds(seconds: number | undefined): number {
  if (seconds === undefined || seconds === 0) return DEFAULT_KEY_SECONDS;
  if (!Number.isSafeInteger(seconds) || seconds < 0 || seconds > MAX_KEY_SECONDS) {
    throw invalid(`expirySeconds must be an integer between 1 and ${MAX_KEY_SECONDS}`, 'expirySeconds');
  }
  return seconds;
}

/** Each scope once. Errors: `invalid`; `forbidden` for scopes that hold more than the actor does. */
export function checkScopes(actor: Actor, scopes: readonly string[]): readonly string[] {
  if (scopes.length === 0) throw invalid('scopes cannot be empty', 'scopes');
  if (scopes.length > MAX_SCOPES) throw invalid(`at most ${MAX_SCOPES} scopes are allowed`, 'scopes');
  const unknown = scopes.filter((scope) => !isScope(scope));
  if (unknown.length > 0) throw invalid(`scopes: unknown scopes [${unknown.join(' ')}]`, 'scopes');
  const beyond = scopes.filter((scope) => !holdsScope(actor, scope));
  if (beyond.length > 0) {
    throw new AppError('forbidden', `actor cannot set scopes: [${beyond.join(' ')}]`, { field: 'scopes' });
  }
  return [...new Set(scopes)];
}

function holdsScope(actor: Actor, scope: string): boolean {
  for (const permission of permissionsOfScopes([scope])) {
    // Only the owner has this one, and an administrator may still give a client every scope: where an organization is
    // deleted, an owner is asked for, not a scope.
    if (permission === 'organization:delete') continue;
    if (!actor.permissions.has(permission)) return false;
  }
  return true;
}

export const needTags = (scopes: readonly string[]): boolean =>
  scopes.some((scope) => SCOPES_NEEDING_TAGS.has(scope));

const MAX_GLOB = 500;
const MAX_CLAIMS = 50;

/** An https URL without query, as an OpenID provider names itself. */
export function checkIssuer(issuer: string): string {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url?.protocol !== 'https:' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw invalid('issuer must be an https URL', 'issuer');
  }
  return issuer;
}

export function checkGlob(text: string, field: string): string {
  if (text === '' || text.length > MAX_GLOB) {
    throw invalid(`${field} must be a pattern of 1 to ${MAX_GLOB} characters`, field);
  }
  return text;
}

/** Claims that are checked by themselves and cannot have a rule. */
const RESERVED_CLAIMS: ReadonlySet<string> = new Set(['sub', 'iss', 'aud']);

export function checkClaims(claims: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = Object.keys(claims);
  if (names.length > MAX_CLAIMS) {
    throw invalid(`at most ${MAX_CLAIMS} custom claim rules are allowed`, 'customClaimRules');
  }
  const reserved = names.filter((name) => RESERVED_CLAIMS.has(name));
  if (reserved.length > 0) {
    throw invalid(`customClaimRules: [${reserved.join(' ')}] cannot have rules`, 'customClaimRules');
  }
  for (const [name, glob] of Object.entries(claims)) checkGlob(glob, `customClaimRules.${name}`);
  return claims;
}
