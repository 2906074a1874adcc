/**
 * What an SSO connection says of its provider beside the issuer: endpoints that stand in for what discovery finds. Kept as
 * they were set, and nothing else: clients compare what they read with what they wrote.
 */
import { invalid } from '../../kernel/errors.ts';
import type { SsoProtocols } from '../model/people.ts';

type Leaf = string | readonly string[];
type Part = Readonly<Record<string, Leaf | null | undefined>>;

/** A merge: what is absent stays, null clears, a value is set; of both parts and of each of their fields. */
export type ProtocolsPatch = { readonly [K in keyof SsoProtocols]?: Part | null | undefined };

const MAX_URI = 2_048;
const MAX_TEXT = 255;
const MAX_LIST = 100;

type Check = (value: unknown, field: string) => Leaf;

const text: Check = (value, field) => {
  if (typeof value !== 'string' || value.length < 1 || value.length > MAX_TEXT) {
    throw invalid(`${field} must have 1 to ${MAX_TEXT} characters`, field);
  }
  return value;
};
const uri: Check = (value, field) => {
  if (typeof value !== 'string' || value.length > MAX_URI || !URL.canParse(value)) {
    throw invalid(`${field} must be a URI of at most ${MAX_URI} characters`, field);
  }
  return value;
};
const texts: Check = (value, field) => {
  if (!Array.isArray(value) || value.length > MAX_LIST) {
    throw invalid(`${field} must be a list of at most ${MAX_LIST} texts`, field);
  }
  return value.map((one: unknown) => String(text(one, field)));
};

/** Every field that a connection may set, in the words of the OpenID and OAuth metadata documents. */
const FIELDS: Readonly<Record<keyof SsoProtocols, Readonly<Record<string, Check>>>> = {
  oauth2: {
    authorization_endpoint: uri,
    token_endpoint: uri,
    jwks_uri: uri,
    registration_endpoint: uri,
    scopes_supported: texts,
    code_challenge_methods_supported: texts,
  },
  openid: { userinfo_endpoint: uri, external_id_claim: text },
};

/** Where the provider's word comes from: whoever sets these decides whom the provider vouches for. */
const TRUSTED = [
  'authorization_endpoint',
  'token_endpoint',
  'jwks_uri',
  'userinfo_endpoint',
  'external_id_claim',
];

function mergePart(
  fields: Readonly<Record<string, Check>>,
  before: Part | undefined,
  patch: Part,
  path: string,
): Part {
  const merged: Record<string, Leaf> = {};
  for (const [name, check] of Object.entries(fields)) {
    const given = patch[name];
    const value = given === undefined ? before?.[name] : given;
    if (value !== null && value !== undefined)
      merged[name] = given === undefined ? value : check(value, `${path}.${name}`);
  }
  return merged;
}

/** Errors: `invalid`, naming the field. Fields that nobody knows are ignored. */
export function mergeProtocols(
  before: SsoProtocols | null,
  patch: ProtocolsPatch | null | undefined,
): SsoProtocols | null {
  if (patch === undefined) return before;
  if (patch === null) return null;
  const merged: Record<string, Part> = {};
  for (const name of ['oauth2', 'openid'] as const) {
    const given = patch[name];
    const present = before?.[name];
    if (given === null) continue;
    if (given !== undefined) merged[name] = mergePart(FIELDS[name], present, given, `protocols.${name}`);
    else if (present !== undefined) merged[name] = present;
  }
  return merged;
}

/**
 * Where the client secret goes: what discovery finds at the issuer, or the endpoint that was set by hand. In a form that can
 * be compared.
 */
export const secretDestination = (identifier: string, protocols: SsoProtocols | null): string =>
  JSON.stringify([identifier, protocols?.oauth2?.token_endpoint ?? null]);

/** The part of a connection on which its provider's word rests, in a form that can be compared; '' for discovery alone. */
export function trustOf(protocols: SsoProtocols | null): string {
  const fields = { ...protocols?.oauth2, ...protocols?.openid } as Part;
  const set = TRUSTED.filter((name) => fields[name] !== undefined);
  return set.length === 0 ? '' : JSON.stringify(set.map((name) => [name, fields[name]]));
}
