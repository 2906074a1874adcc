/** What each kind of credential is about, for whoever lists, reads or revokes them. */
import type { Permission } from '../access/permissions.ts';
import type { CredentialKind } from '../model/credentials.ts';

/** The families that administrators see; sessions and minted tokens come and go with what they were made from. */
export type CredentialFamily = 'auth' | 'api' | 'client' | 'federated';

const FAMILIES: Readonly<Record<CredentialKind, CredentialFamily | undefined>> = {
  api: 'api',
  pat: 'api',
  session: undefined,
  'oauth-client': 'client',
  federated: 'federated',
  'sa-credential': undefined,
  access: undefined,
  'auth-key': 'auth',
  'connector-access': 'auth',
  'connector-refresh': undefined,
  'service-key': 'auth',
  'gateway-agent': undefined,
};

export const familyOf = (kind: CredentialKind): CredentialFamily | undefined => FAMILIES[kind];

/** Kinds of a family. */
export const kindsOfFamily = (family: CredentialFamily): readonly CredentialKind[] =>
  (Object.keys(FAMILIES) as CredentialKind[]).filter((kind) => FAMILIES[kind] === family);

export const FAMILY_PERMISSIONS: Readonly<
  Record<CredentialFamily, { readonly read: Permission; readonly write: Permission }>
> = {
  auth: { read: 'auth-keys:read', write: 'auth-keys:write' },
  api: { read: 'api-tokens:read', write: 'api-tokens:write' },
  client: { read: 'oauth-clients:read', write: 'oauth-clients:write' },
  federated: { read: 'federated-identities:read', write: 'federated-identities:write' },
};

export const CREDENTIAL_FAMILIES = Object.keys(FAMILY_PERMISSIONS) as readonly CredentialFamily[];
