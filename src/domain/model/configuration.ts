import { boolean, byColumns, entity, integer, json, nullable, type RowOf, real, text, time } from './spec.ts';

export interface Nameserver {
  /** An address, address with port, or https URL. */
  readonly address: string;
  readonly useWithExitNode: boolean;
}

/** One row an organization (key 1). */
export const dnsConfig = entity(
  {
    id: integer(),
    nameservers: json<readonly Nameserver[]>(),
    split: json<Readonly<Record<string, readonly Nameserver[]>>>(),
    searchPaths: json<readonly string[]>(),
    magicDns: boolean(),
    overrideLocal: boolean(),
  },
  {},
);
export type DnsConfig = RowOf<typeof dnsConfig.columns>;

export interface FilterLists {
  readonly allowed: readonly string[];
  readonly denied: readonly string[];
}
/** Switches by category; a category that was never set is absent. */
export type FilterCategories = Readonly<
  Partial<Record<'privacy' | 'security' | 'content', Readonly<Record<string, boolean>>>>
>;

export const dnsFilterProfile = entity(
  {
    id: integer(),
    name: text(),
    priority: real(),
    fallback: text<'auto' | 'strict'>(),
    lists: json<FilterLists>(),
    categories: json<FilterCategories>(),
    createdAt: time(),
    updatedAt: time(),
  },
  { unique: [['name']] },
);
export type DnsFilterProfile = RowOf<typeof dnsFilterProfile.columns>;
export const dnsFilterGroup = entity(
  { group: integer(), profile: integer() },
  { key: ['group'], indexes: [['profile']] },
);

/** A saved version of the policy file, kept byte for byte. The newest is in force. */
export const policyVersion = entity(
  {
    id: integer(),
    version: integer(),
    text: text(),
    /** SHA-256 of the canonical form, hex. */
    etag: text(),
    isDefault: boolean(),
    createdAt: time(),
    ...byColumns,
  },
  { unique: [['version']] },
);
export type PolicyVersion = RowOf<typeof policyVersion.columns>;

/** One setting a row; names, types and defaults are in domain/settings. */
export const setting = entity({ name: text(), value: json<unknown>(), updatedAt: time() }, { key: ['name'] });
export type Setting = RowOf<typeof setting.columns>;

export const contact = entity(
  {
    kind: text<'account' | 'support' | 'security'>(),
    email: text(),
    verifiedAt: nullable(time()),
    fallbackEmail: nullable(text()),
    tokenHash: nullable(text()),
  },
  { key: ['kind'] },
);

export const webhook = entity({
  id: integer(),
  url: text(),
  providerType: text(),
  subscriptions: json<readonly string[]>(),
  secretSealed: text(),
  createdAt: time(),
  updatedAt: time(),
  ...byColumns,
});

export const delivery = entity(
  {
    id: integer(),
    webhook: integer(),
    event: text(),
    status: nullable(integer()),
    error: nullable(text()),
    attempt: integer(),
    at: time(),
  },
  { indexes: [['webhook', 'at']], volatile: true },
);

export const logStream = entity(
  {
    logType: text<'configuration' | 'network'>(),
    destination: text(),
    config: json<Readonly<Record<string, unknown>>>(),
    secretsSealed: nullable(text()),
    /** When a stream was set where none was: what was logged from then on is sent. */
    createdAt: time(),
    updatedAt: time(),
    ...byColumns,
  },
  { key: ['logType'] },
);

export const awsExternalId = entity(
  { id: integer(), externalId: text(), reusable: boolean(), createdAt: time() },
  { unique: [{ columns: ['externalId'], global: true }] },
);

export const oauthApp = entity({
  id: integer(),
  name: text(),
  description: text(),
  redirectUris: json<readonly string[]>(),
  scopes: json<readonly string[]>(),
  allowedNodeAttributes: json<readonly string[]>(),
  secretHash: text(),
  createdAt: time(),
  updatedAt: time(),
});

/**
 * A request that its caller gave a name, so that it may be sent again without being done again. `ref` is the SHA-256 of who,
 * what and which. Without `status` it is being done.
 */
export const namedRequest = entity(
  {
    ref: text(),
    status: nullable(integer()),
    /** The body of the answer; null where it held a secret, which is shown once. */
    answer: nullable(text()),
    at: time(),
  },
  { key: ['ref'], indexes: [['at']], volatile: true },
);
