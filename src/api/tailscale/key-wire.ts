/**
 * The key object. Clients compare it as a whole, so each type has exactly its own members: an auth key keeps its tags under
 * `capabilities` and nowhere else, a client has no expiry, a federated identity always has its claim rules.
 */
import { type CredentialFamily, familyOf } from '../../domain/credentials/kinds.ts';
import { encodeExternalId } from '../../domain/ids/external-id.ts';
import type { Credential } from '../../domain/model/credentials.ts';
import { wireTime } from './times.ts';

/** The person behind the key; absent for keys that the organization made itself. */
function userIdOf(key: Credential): string {
  if (key.ownerKind === 'membership') return encodeExternalId('membership', key.owner);
  return key.byKind === 'membership' ? encodeExternalId('membership', Number(key.byId)) : '';
}

function typeMembers(key: Credential, family: CredentialFamily): object {
  const { scopes, tags } = key;
  switch (family) {
    case 'auth':
      return {
        expirySeconds: key.expirySeconds ?? 0,
        capabilities: {
          devices: {
            create: {
              reusable: key.reusable,
              ephemeral: key.ephemeral,
              preauthorized: key.preauthorized,
              tags,
            },
          },
        },
      };
    case 'api':
      return { expirySeconds: key.expirySeconds ?? 0, ...(scopes.length === 0 ? {} : { scopes }) };
    case 'client':
      return { scopes, ...(tags.length === 0 ? {} : { tags }) };
    case 'federated':
      return {
        scopes,
        tags,
        issuer: key.federation?.issuer ?? '',
        subject: key.federation?.subject ?? '',
        audience: key.federation?.audience ?? '',
        customClaimRules: key.federation?.claims ?? {},
      };
  }
}

/** `now` decides whether an expired key is still shown as good; `token` only in the answer that creates it. */
export function keyWire(key: Credential, now: number, token: string | null = null): object {
  const family = familyOf(key.kind) ?? 'api';
  const expired = key.expiresAt !== null && key.expiresAt <= now;
  const used = key.consumedAt !== null;
  return {
    id: key.publicId,
    ...(token === null ? {} : { key: token }),
    keyType: family,
    description: key.description,
    created: wireTime(key.createdAt),
    // Auth keys are made once and never changed, as far as this API knows.
    ...(key.updatedAt === null || family === 'auth' ? {} : { updated: wireTime(key.updatedAt) }),
    ...(key.expiresAt === null ? {} : { expires: wireTime(key.expiresAt) }),
    ...(key.revokedAt === null ? {} : { revoked: wireTime(key.revokedAt) }),
    invalid: expired || used || key.revokedAt !== null,
    userId: userIdOf(key),
    ...typeMembers(key, family),
  };
}
