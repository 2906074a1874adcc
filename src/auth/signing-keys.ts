/**
 * Keys that sign tokens: in the store, sealed, the same for all processes. A key signs for a month. Its successor is published
 * a day before it begins to sign, so that whoever keeps the list for a while knows it by then, and it stays published until
 * everything it signed has ended. The installation's keys sign access tokens and nothing else, an organization's what its
 * devices are given (`identity-tokens.ts`): no token of the one is ever a token of the other.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningKey } from '../domain/model/credentials.ts';
import type { SealedPlace, Sealer } from '../domain/ports/sealer.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { type Clock, DAY, MINUTE, SECOND } from '../kernel/clock.ts';
import { notFound } from '../kernel/errors.ts';
import { type Random, randomNanoId } from '../kernel/random.ts';

/** The public half, as RFC 7517 writes it. */
export type PublicJwk = Readonly<Record<string, string>>;

export interface SigningKeys {
  /** The key that signs now; made if there is none. */
  current(): Promise<{ readonly kid: string; readonly key: KeyObject }>;
  /** The public key of that name. */
  find(kid: string): Promise<KeyObject | undefined>;
  published(): Promise<readonly PublicJwk[]>;
}

export interface SigningKeysParts {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  /** Whose keys; the installation's unless it says otherwise. */
  readonly org?: number;
  readonly algorithm?: SigningAlgorithm;
}

export type SigningAlgorithm = 'ES256' | 'RS256';
export const SIGNING_ALGORITHM = 'ES256';
const RSA_BITS = 2_048;
const SIGNS_FOR = 30 * DAY;
const PUBLISHED_AHEAD = DAY;
/** Longer than any token lives, and than anybody should keep the list. */
const PUBLISHED_AFTER = 2 * DAY;
/** What other processes made is looked for this often. */
const READ_AGAIN = 5 * MINUTE;
/** A key that is not known may have been made just now; tokens with invented names must not cost a read each. */
const LOOK_AGAIN = SECOND;

interface KnownKey {
  readonly row: SigningKey;
  readonly publicKey: KeyObject;
  readonly privateKey: () => KeyObject;
}

interface KeyRing {
  readonly readAt: number;
  /** The oldest first. */
  readonly keys: readonly KnownKey[];
}

const generate = promisify(generateKeyPair);

const newPair = (algorithm: SigningAlgorithm): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> =>
  algorithm === 'ES256'
    ? generate('ec', { namedCurve: 'P-256' })
    : generate('rsa', { modulusLength: RSA_BITS });

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

export function createSigningKeys({
  store,
  sealer,
  clock,
  random,
  org = INSTALLATION,
  algorithm = SIGNING_ALGORITHM,
}: SigningKeysParts): SigningKeys {
  let ring: Promise<KeyRing> | undefined;
  let rotating: Promise<void> | undefined;

  const place = (kid: string): SealedPlace => ({
    kind: 'signingKey',
    org,
    key: kid,
    column: 'privateSealed',
  });
  const known = (row: SigningKey): KnownKey => ({
    row,
    publicKey: createPublicKey({ key: row.publicJwk, format: 'jwk' }),
    privateKey: once(() =>
      createPrivateKey({
        key: Buffer.from(sealer.open(row.privateSealed, place(row.kid)), 'base64'),
        format: 'der',
        type: 'pkcs8',
      }),
    ),
  });
  const read = (): Promise<KeyRing> => {
    const readAt = clock.now();
    const reading = store
      .list('signingKey', org, { orderBy: [{ column: 'activeFrom' }], limit: 100 })
      .then((rows) => ({ readAt, keys: rows.map(known) }));
    ring = reading;
    reading.catch(() => {
      if (ring === reading) ring = undefined;
    });
    return reading;
  };
  const upTo = async (maxAge: number): Promise<KeyRing> => {
    const present = await ring;
    return present !== undefined && clock.now() - present.readAt < maxAge ? present : read();
  };

  type Made = Pick<SigningKey, 'kid' | 'publicJwk' | 'privateSealed'>;
  const newKey = async (): Promise<Made> => {
    const { privateKey, publicKey } = await newPair(algorithm);
    const kid = randomNanoId(random);
    const der = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
    const members = Object.entries(publicKey.export({ format: 'jwk' }));
    const half = Object.fromEntries(
      members.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
    return {
      kid,
      publicJwk: { ...half, kid, use: 'sig', alg: algorithm },
      privateSealed: sealer.seal(der, place(kid)),
    };
  };
  /**
   * Looks again under the lock: processes that notice at the same time keep one key. It is made before, as the kind that takes
   * long to make would hold up the organization's writers.
   */
  const rotate = async (): Promise<void> => {
    const made = await newKey();
    const by = { kind: 'system', id: '', name: 'signing keys' } as const;
    await store.write({ orgs: [org], by, origin: 'system' }, async (tx) => {
      // An organization that was deleted a moment ago gets no key any more.
      if (org !== INSTALLATION && (await tx.get('organization', INSTALLATION, org)) === undefined)
        throw notFound('organization');
      const rows = await tx.list('signingKey', org, { orderBy: [{ column: 'activeFrom' }], limit: 100 });
      const newest = rows.at(-1);
      if (!isDue(newest, tx.now)) return;
      const activeFrom = newest === undefined ? tx.now : tx.now + PUBLISHED_AHEAD;
      await tx.insert('signingKey', { ...made, org, createdAt: tx.now, activeFrom });
      const audit = (verb: 'create' | 'delete', kid: string): void =>
        tx.audit(org, { verb, objectKind: 'signingKey', objectId: kid, objectName: kid });
      audit('create', made.kid);
      for (const [index, { kid }] of rows.entries()) {
        const endedAt = rows[index + 1]?.activeFrom;
        if (endedAt === undefined || endedAt + PUBLISHED_AFTER > tx.now) continue;
        await tx.remove('signingKey', org, { kid });
        audit('delete', kid);
      }
    });
    await read();
  };
  const keys = async (): Promise<readonly KnownKey[]> => {
    const { keys: present } = await upTo(READ_AGAIN);
    if (!isDue(present.at(-1)?.row, clock.now())) return present;
    rotating ??= rotate().finally(() => {
      rotating = undefined;
    });
    await rotating;
    return (await upTo(READ_AGAIN)).keys;
  };

  return {
    current: async () => {
      const present = await keys();
      const now = clock.now();
      // The clock of another process may have made the only key a moment from now.
      const found = present.findLast(({ row }) => row.activeFrom <= now) ?? present[0];
      if (found === undefined) throw new Error('there is no signing key');
      return { kid: found.row.kid, key: found.privateKey() };
    },
    find: async (kid) => {
      const named = ({ keys: present }: KeyRing) => present.find(({ row }) => row.kid === kid)?.publicKey;
      return named(await upTo(READ_AGAIN)) ?? named(await upTo(LOOK_AGAIN));
    },
    published: async () => (await keys()).map(({ row }) => row.publicJwk),
  };
}

const isDue = (newest: Pick<SigningKey, 'activeFrom'> | undefined, now: number): boolean =>
  newest === undefined || newest.activeFrom + SIGNS_FOR - PUBLISHED_AHEAD <= now;
