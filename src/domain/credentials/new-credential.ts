/** A new row of the one table of credentials. */
import type { Credential } from '../model/credentials.ts';

/** What is so of a credential unless whoever makes it says otherwise: good for ever, for nothing in particular, any number of times. */
const PLAIN = {
  nano: null,
  description: '',
  publicKey: null,
  scopes: [],
  tags: [],
  reusable: true,
  ephemeral: false,
  preauthorized: false,
  expirySeconds: null,
  updatedAt: null,
  expiresAt: null,
  consumedAt: null,
  revokedAt: null,
  generation: 0,
  parent: 0,
  federation: null,
} as const satisfies Partial<Credential>;

export type NewCredential = Omit<Credential, keyof typeof PLAIN> & Partial<Credential>;

export const newCredential = (given: NewCredential): Credential => ({ ...PLAIN, ...given });
