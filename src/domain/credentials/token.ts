/**
 * The text of a machine credential: `tskey-<word>-<public id>-<secret>`. The public id finds the row; only the SHA-256 of
 * the secret is stored. The prefix is the one that existing clients know (`tailscale up` looks for `tskey-client-`).
 */
import { sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import { encodeExternalId } from '../ids/external-id.ts';
import type { CredentialKind } from '../model/credentials.ts';

const WORDS: Readonly<Record<CredentialKind, string>> = {
  api: 'api',
  pat: 'pat',
  session: 'session',
  'oauth-client': 'client',
  federated: 'federated',
  'sa-credential': 'sa',
  access: 'access',
  'auth-key': 'auth',
  'connector-access': 'connector',
  'connector-refresh': 'refresh',
  'service-key': 'service',
  'gateway-agent': 'agent',
};
const KINDS = new Map(Object.entries(WORDS).map(([kind, word]) => [word, kind as CredentialKind]));

const TOKEN = /^tskey-([a-z]+)-([A-Za-z0-9]{4,40})-([A-Za-z0-9]{16,80})$/u;

export interface ParsedToken {
  readonly kind: CredentialKind;
  readonly publicId: string;
  readonly secretHash: string;
}

export interface NewToken extends ParsedToken {
  /** Shown once, never stored. */
  readonly token: string;
}

/** A token for the credential that will have this id. */
export function createToken(random: Random, kind: CredentialKind, id: number): NewToken {
  const publicId = encodeExternalId('credential', id);
  const secret = randomSecret(random);
  return {
    kind,
    publicId,
    secretHash: sha256Hex(secret),
    token: `tskey-${WORDS[kind]}-${publicId}-${secret}`,
  };
}

/** The parts of a token, or undefined when the text is none. Says nothing about whether it is valid. */
export function parseToken(text: string): ParsedToken | undefined {
  const match = TOKEN.exec(text);
  const kind = KINDS.get(match?.[1] ?? '');
  const publicId = match?.[2];
  const secret = match?.[3];
  if (kind === undefined || publicId === undefined || secret === undefined) return undefined;
  return { kind, publicId, secretHash: sha256Hex(secret) };
}
