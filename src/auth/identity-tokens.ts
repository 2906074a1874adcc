/**
 * Signs what devices are given to say who they are. The keys are the organization's: whoever trusts one organization's trusts
 * no other's, and no access token of this installation is ever signed by them. RS256, since that is the algorithm that every
 * consumer of id tokens must know (OpenID Connect Discovery 1.0, 3).
 */
import { SignJWT } from 'jose';
import { IDENTITY_ALGORITHM } from '../domain/devices/device-identity.ts';
import type { IdentityTokens } from '../domain/ports/identity-tokens.ts';
import { createRecentMap } from '../kernel/recent-map.ts';
import { createSigningKeys, type SigningKeys, type SigningKeysParts } from './signing-keys.ts';

/** Organizations whose keys are kept in memory; those that were not asked for the longest are read again. */
const MAX_KEPT = 1_000;

export function createIdentityTokens(parts: Omit<SigningKeysParts, 'org' | 'algorithm'>): IdentityTokens {
  const kept = createRecentMap<SigningKeys>(MAX_KEPT);
  const keysOf = (org: number): SigningKeys => {
    const name = String(org);
    const keys = kept.get(name) ?? createSigningKeys({ ...parts, org, algorithm: IDENTITY_ALGORITHM });
    kept.set(name, keys);
    return keys;
  };

  return {
    sign: async (org, claims) => {
      const { kid, key } = await keysOf(org).current();
      return new SignJWT({ ...claims })
        .setProtectedHeader({ alg: IDENTITY_ALGORITHM, typ: 'JWT', kid })
        .sign(key);
    },
    published: (org) => keysOf(org).published(),
  };
}
