/**
 * The workload identity configuration with which a Google bucket is written to. It holds no secret and is shown, so
 * nothing else is taken. It is kept in one form, which clients compare as text (Terraform's acceptance tests do): known
 * fields first in the order below, without white space, escaped as Go's encoder does.
 */
import { invalid } from '../../kernel/errors.ts';

const FIELD = 'gcsCredentials';
const TYPE = 'external_account';
const FIELDS = [
  ...['universe_domain', 'type', 'audience', 'subject_token_type', 'service_account_impersonation_url'],
  ...['token_url', 'credential_source'],
];
const SOURCE_FIELDS = [
  ...['environment_id', 'region_url', 'url', 'regional_cred_verification_url', 'imdsv2_session_token_url'],
];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The known fields in their order, then the others in theirs. */
function ordered(object: Readonly<Record<string, unknown>>, first: readonly string[]): [string, unknown][] {
  const known = first.filter((name) => Object.hasOwn(object, name));
  const others = Object.keys(object).filter((name) => !first.includes(name));
  return [...known, ...others].map((name) => [name, object[name]]);
}

/** Go escapes these wherever they stand in a text; outside of texts JSON has none of them. */
const escaped = (json: string): string =>
  json.replace(
    /[<>&\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Errors: `invalid` for anything but a workload identity configuration. */
export function canonicalGcsCredentials(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid(`${FIELD}: expected JSON`, FIELD);
  }
  if (!isObject(parsed) || parsed.type !== TYPE || Object.hasOwn(parsed, 'private_key')) {
    throw invalid(`${FIELD}: expected a workload identity configuration, of type "${TYPE}"`, FIELD);
  }
  const fields = ordered(parsed, FIELDS).map(([name, value]): [string, unknown] =>
    name === 'credential_source' && isObject(value)
      ? [name, Object.fromEntries(ordered(value, SOURCE_FIELDS))]
      : [name, value],
  );
  return escaped(JSON.stringify(Object.fromEntries(fields)));
}
