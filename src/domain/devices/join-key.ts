/** Auth keys: who a device that joins with one belongs to, and whether the key is still good. */
import type { Credential } from '../model/credentials.ts';
import type { Device, DeviceOwnerKind } from '../model/devices.ts';
import type { Membership } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';

/** The kinds of credential that bring devices in. */
export const joinsDevices = (credential: Credential): boolean =>
  credential.kind === 'auth-key' ||
  credential.kind === 'connector-access' ||
  credential.kind === 'service-key';

/** Why a key is not good, in words for the person at the client; undefined when it is good. */
export function keyProblem(credential: Credential, now: number): string | undefined {
  if (credential.revokedAt !== null) return 'the auth key was revoked';
  if (credential.expiresAt !== null && credential.expiresAt <= now) return 'the auth key has expired';
  return undefined;
}

export interface JoinOwner {
  readonly ownerKind: DeviceOwnerKind;
  readonly owner: number;
  readonly deviceClass: Device['class'];
  /** The person behind the key, if there is one. */
  readonly member: Membership | null;
}

/** Whom the device will belong to; a text when the key's owner may bring in none. */
export async function ownerOfKey(tx: Tx, key: Credential): Promise<JoinOwner | string> {
  const member =
    key.ownerKind === 'membership' ? ((await tx.get('membership', key.org, key.owner)) ?? null) : null;
  if (
    key.ownerKind === 'membership' &&
    (member === null || member.joinedAt === null || member.suspendedAt !== null)
  ) {
    return 'the owner of the auth key is not active';
  }
  if (key.kind === 'service-key') {
    return { ownerKind: 'service_account', owner: key.owner, deviceClass: 'edge-only', member: null };
  }
  if (key.kind === 'connector-access') {
    const gateway = await tx.get('gateway', key.org, key.owner);
    // A newer pair of tokens ends this one (its generation has passed).
    if (gateway === undefined || gateway.tokenGeneration !== key.generation)
      return 'the connector token is no longer valid';
    return { ownerKind: 'gateway', owner: gateway.id, deviceClass: 'edge-only', member: null };
  }
  if (key.tags.length > 0) return { ownerKind: 'tags', owner: 0, deviceClass: 'normal', member };
  if (member === null) return 'the auth key has neither tags nor an owner';
  return { ownerKind: 'membership', owner: member.id, deviceClass: 'normal', member };
}
