/**
 * What lets a device in: an auth key, or a person who signed in for it. Both answer the same questions, so that neither way
 * can skip a check of the other.
 */
import type { Credential } from '../model/credentials.ts';
import type { Device, DeviceOwnerKind } from '../model/devices.ts';
import type { By } from '../model/operations.ts';
import type { Membership } from '../model/people.ts';
import { memberState } from '../people/member-state.ts';
import { INSTALLATION, type Tx } from '../ports/store.ts';

export interface JoinOwner {
  readonly ownerKind: DeviceOwnerKind;
  readonly owner: number;
  readonly deviceClass: Device['class'];
  /** The person behind the device, if there is one. */
  readonly member: Membership | null;
}

export interface Admission {
  /** The organization that the device joins. */
  readonly org: number;
  /** All that the write may touch. */
  readonly orgs: readonly number[];
  readonly by: By;
  /** What it allows now, read in the join's own write; a text for the person at the client when it allows nothing. */
  grant(tx: Tx): Promise<Grant | string>;
}

export interface Grant {
  readonly owner: JoinOwner;
  /** The auth key, or 0. */
  readonly credential: number;
  /** Tags that the device gets, and whose subset alone it may ask for; without any, the policy decides. */
  readonly tags: readonly string[];
  readonly ephemeral: boolean;
  /** Let in even where new devices wait for approval. */
  readonly preauthorized: boolean;
  /** Of a gateway's tokens. */
  readonly generation: number;
  /** Used up: good only for the device that it brought in. */
  readonly spent: boolean;
  /** Notes in the write that it brought a device in. */
  use(tx: Tx): Promise<void>;
}

/** The kinds of credential that bring devices in. */
export const joinsDevices = (credential: Credential): boolean =>
  credential.kind === 'auth-key' ||
  credential.kind === 'connector-access' ||
  credential.kind === 'service-key';

/** Why a key is not good, in words for the person at the client; undefined when it is good. */
function keyProblem(credential: Credential, now: number): string | undefined {
  if (credential.revokedAt !== null) return 'the auth key was revoked';
  if (credential.expiresAt !== null && credential.expiresAt <= now) return 'the auth key has expired';
  return undefined;
}

/** Whom the device will belong to; a text when the key's owner may bring in none. */
async function ownerOfKey(tx: Tx, key: Credential): Promise<JoinOwner | string> {
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

/** Admission by an auth key whose secret was found right. */
export const keyAdmission = (found: Credential): Admission => ({
  org: found.org,
  orgs: [found.org],
  by: { kind: 'credential', id: String(found.id), name: found.description || found.publicId },
  grant: async (tx) => {
    const key = await tx.get('credential', found.org, found.id);
    if (key === undefined) return 'the auth key is not known';
    const problem = keyProblem(key, tx.now);
    if (problem !== undefined) return problem;
    const owner = await ownerOfKey(tx, key);
    if (typeof owner === 'string') return owner;
    return {
      owner,
      credential: key.id,
      tags: key.tags,
      ephemeral: key.ephemeral,
      preauthorized: key.preauthorized,
      generation: key.generation,
      spent: !key.reusable && key.consumedAt !== null,
      use: async () => {
        if (key.reusable || key.consumedAt !== null) return;
        await tx.update('credential', key.org, key.id, { consumedAt: tx.now });
        tx.audit(key.org, {
          verb: 'consume',
          objectKind: 'credential',
          objectId: key.id,
          objectName: key.description,
        });
      },
    };
  },
});

export interface SignedInPerson {
  readonly org: number;
  readonly membership: number;
  readonly name: string;
}

/**
 * Admission by a person who signed in and said yes to this device. `claim` takes the device's pending login in the join's
 * write, and says why when it is not to be had any more.
 */
export const personAdmission = (
  person: SignedInPerson,
  claim: (tx: Tx) => Promise<string | undefined>,
): Admission => ({
  org: person.org,
  orgs: [INSTALLATION, person.org],
  by: { kind: 'membership', id: String(person.membership), name: person.name },
  grant: async (tx) => {
    const member = await tx.get('membership', person.org, person.membership);
    if (member === undefined || memberState(member) !== 'active')
      return 'the person who signed in is not active';
    const problem = await claim(tx);
    if (problem !== undefined) return problem;
    return {
      owner: { ownerKind: 'membership', owner: member.id, deviceClass: 'normal', member },
      credential: 0,
      tags: [],
      ephemeral: false,
      preauthorized: false,
      generation: 0,
      spent: false,
      use: async () => undefined,
    };
  },
});
