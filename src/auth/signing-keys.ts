/**
 * The keys that sign access tokens: in the store, sealed, the same for all processes. A key signs for a month. Its successor
 * is published a day before it begins to sign, so that whoever keeps the list for a while knows it by then, and it stays
 * published until everything it signed has ended.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { SigningKey } from '../domain/model/credentials.ts';
import type { SealedPlace, Sealer } from '../domain/ports/sealer.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { type Clock, DAY, MINUTE, SECOND } from '../kernel/clock.ts';
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
}

export const SIGNING_ALGORITHM = 'ES256';
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

const place = (kid: string): SealedPlace => ({
  kind: 'signingKey',
  org: INSTALLATION,
  key: kid,
  column: 'privateSealed',
});

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

export function createSigningKeys({ store, sealer, clock, random }: SigningKeysParts): SigningKeys {
  let ring: Promise<KeyRing> | undefined;
  let rotating: Promise<void> | undefined;

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
      .list('signingKey', INSTALLATION, { orderBy: [{ column: 'activeFrom' }], limit: 100 })
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

  const newKey = (now: number, activeFrom: number): SigningKey => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const kid = randomNanoId(random);
    const der = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
    const { kty = '', crv = '', x = '', y = '' } = publicKey.export({ format: 'jwk' });
    return {
      org: INSTALLATION,
      kid,
      publicJwk: { kty, crv, x, y, kid, use: 'sig', alg: SIGNING_ALGORITHM },
      privateSealed: sealer.seal(der, place(kid)),
      createdAt: now,
      activeFrom,
    };
  };
  /** Looks again under the lock: processes that notice at the same time make one key. */
  const rotate = async (): Promise<void> => {
    const by = { kind: 'system', id: '', name: 'signing keys' } as const;
    await store.write({ orgs: [INSTALLATION], by, origin: 'system' }, async (tx) => {
      const rows = await tx.list('signingKey', INSTALLATION, {
        orderBy: [{ column: 'activeFrom' }],
        limit: 100,
      });
      const newest = rows.at(-1);
      if (!isDue(newest, tx.now)) return;
      const made = newKey(tx.now, newest === undefined ? tx.now : tx.now + PUBLISHED_AHEAD);
      await tx.insert('signingKey', made);
      const audit = (verb: 'create' | 'delete', kid: string): void =>
        tx.audit(INSTALLATION, { verb, objectKind: 'signingKey', objectId: kid, objectName: kid });
      audit('create', made.kid);
      for (const [index, { kid }] of rows.entries()) {
        const endedAt = rows[index + 1]?.activeFrom;
        if (endedAt === undefined || endedAt + PUBLISHED_AFTER > tx.now) continue;
        await tx.remove('signingKey', INSTALLATION, { kid });
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
