import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newCredential } from '../domain/credentials/new-credential.ts';
import { createToken } from '../domain/credentials/token.ts';
import type { Credential, CredentialKind } from '../domain/model/credentials.ts';
import type { Membership } from '../domain/model/people.ts';
import type { Follower } from '../domain/ports/follower.ts';
import type { SignedTokens } from '../domain/ports/signed-tokens.ts';
import type { Store, Tx } from '../domain/ports/store.ts';
import { DAY } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import { createFollower } from '../store/follower.ts';
import { openStore } from '../store/open-store.ts';
import { type Authenticator, createAuthenticator } from './authenticator.ts';
import { createSealer, SEALING_KEY_BYTES } from './sealing.ts';
import { createSignedTokens } from './signed-tokens.ts';
import { createSigningKeys } from './signing-keys.ts';

const ORG = 1;
const OTHER = 2;
const OWNER = 50;
const ACCOUNT = 60;
const REFUSED = { code: 'unauthenticated' };
const STAMP = { byKind: 'system', byId: '', byName: '' };

let now = 0;
let directory: string;
let store: Store;
let follower: Follower;
let authenticator: Authenticator;
let reads: number;
/** Runs once, in the middle of the next read of a credential. */
let signedTokens: SignedTokens;
let duringRead: (() => Promise<void>) | undefined;

const write = <T>(work: (tx: Tx) => Promise<T>, on: Store = store): Promise<T> =>
  on.write({ orgs: [ORG, OTHER], by: { kind: 'system', id: '', name: '' }, origin: 'system' }, async (tx) => {
    const result = await work(tx);
    for (const org of [ORG, OTHER])
      tx.audit(org, { verb: 'update', objectKind: 'x', objectId: 1, objectName: '' });
    return result;
  });

const member = (org: number, id: number): Membership => ({
  org,
  id,
  nano: `nano${id}`,
  account: id,
  username: 'ann',
  usernameKey: 'ann',
  email: 'ann@example.com',
  emailKey: 'ann@example.com',
  displayName: null,
  givenName: null,
  familyName: null,
  avatarUrl: null,
  role: 'admin',
  createdAt: 0,
  updatedAt: 0,
  joinedAt: 1,
  approvedAt: 1,
  suspendedAt: null,
  keepClients: false,
  managedBy: 'none',
  externalId: null,
  ...STAMP,
});

/** Makes a credential; resolves with its token. */
async function credential(
  kind: CredentialKind,
  columns: Partial<Credential> = {},
): Promise<{ readonly token: string; readonly id: number }> {
  const id = await store.newId();
  const { token, publicId, secretHash } = createToken(systemRandom, kind, id);
  await write((tx) =>
    tx.insert(
      'credential',
      newCredential({
        org: ORG,
        id,
        kind,
        ownerKind: 'membership',
        owner: OWNER,
        name: 'made',
        publicId,
        secretHash,
        scopes: ['all'],
        createdAt: 0,
        ...STAMP,
        ...columns,
      }),
    ),
  );
  return { token, id };
}

const change = (id: number, patch: Partial<Credential>): Promise<unknown> =>
  write((tx) => tx.update('credential', ORG, id, patch));
const changeOwner = (patch: Partial<Membership>): Promise<unknown> =>
  write((tx) => tx.update('membership', ORG, OWNER, patch));

beforeEach(async () => {
  now = 100 * DAY;
  reads = 0;
  duringRead = undefined;
  directory = mkdtempSync(join(tmpdir(), 'holdfast-authenticator-'));
  const clock = { now: () => now };
  const onError = (): void => undefined;
  store = await openStore({ location: { kind: 'sqlite', directory }, clock, onError });
  follower = createFollower({ feed: store.feed, onError });
  const sealer = createSealer({ key: systemRandom.bytes(SEALING_KEY_BYTES), random: systemRandom });
  const keys = createSigningKeys({ store, sealer, clock, random: systemRandom });
  signedTokens = createSignedTokens({ keys, clock, random: systemRandom });
  const queries: Store['queries'] = {
    ...store.queries,
    credentialStanding: async (publicId) => {
      reads += 1;
      const standing = await store.queries.credentialStanding(publicId);
      const interrupt = duringRead;
      duringRead = undefined;
      await interrupt?.();
      return standing;
    },
  };
  authenticator = createAuthenticator({
    store: { feed: store.feed, queries },
    follower,
    clock,
    signedTokens,
  });
  await store.write({ orgs: [0], by: { kind: 'system', id: '', name: '' }, origin: 'system' }, async (tx) => {
    for (const id of [ORG, OTHER]) {
      await tx.insert('organization', {
        org: 0,
        id,
        nano: `organization${id}`,
        label: `label${id}`,
        name: '',
        tailnetName: `tailnet${id}`,
        domains: [],
        zoneNano: '',
        dnsBase: 'holdfast.internal',
        parent: 0,
        createdAt: 0,
        updatedAt: 0,
        ...STAMP,
      });
      tx.audit(0, { verb: 'create', objectKind: 'organization', objectId: id, objectName: '' });
    }
  });
  await write(async (tx) => {
    await tx.insert('membership', member(ORG, OWNER));
    await tx.insert('serviceAccount', {
      org: ORG,
      id: ACCOUNT,
      nano: 'sa',
      name: 'builder',
      description: null,
      role: 'org-service',
      system: false,
      createdAt: 0,
      updatedAt: 0,
      ...STAMP,
    });
  });
});
afterEach(async () => {
  authenticator.close();
  follower.close();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('the authenticator', () => {
  test('turns a token into its owner, with one question to the database for many uses', async () => {
    const { token, id } = await credential('api');
    for (let use = 0; use < 3; use += 1) {
      expect(await authenticator.authenticate(token)).toMatchObject({
        kind: 'member',
        org: ORG,
        membership: OWNER,
        name: 'ann@example.com',
        role: 'admin',
        credential: { id, kind: 'api' },
      });
    }
    // The first of its organization is read twice: its changes are followed from then on.
    expect(reads).toBe(2);
    const { token: second } = await credential('api');
    for (let use = 0; use < 3; use += 1) await authenticator.authenticate(second);
    expect(reads).toBe(3);
  });

  test.each<[CredentialKind, boolean]>([
    ['api', true],
    ['pat', true],
    ['session', true],
    ['access', true],
    ['auth-key', false],
    ['connector-access', false],
    ['connector-refresh', false],
    ['service-key', false],
  ])('a credential of kind %s is taken by admin APIs: %s', async (kind, taken) => {
    const { token } = await credential(kind);
    const asked = authenticator.authenticate(token);
    if (taken) expect(await asked).toMatchObject({ kind: 'member' });
    else await expect(asked).rejects.toMatchObject(REFUSED);
  });

  test.each<CredentialKind>(['oauth-client', 'sa-credential', 'federated'])(
    'a %s buys tokens and is none: the answer is "forbidden", and "unauthenticated" once it is revoked',
    async (kind) => {
      const { token, id } = await credential(kind);
      await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code: 'forbidden' });
      await change(id, { revokedAt: now });
      await expect(authenticator.authenticate(token)).rejects.toMatchObject(REFUSED);
    },
  );

  test('refuses what is no token, unknown, of another kind than it says, or has another secret', async () => {
    const { token } = await credential('api');
    const other = createToken(systemRandom, 'api', 9_999).token;
    const secret = (text: string): string => text.slice(text.lastIndexOf('-') + 1);
    const wrong = [
      '',
      'tskey-api-',
      `${token}\0`,
      `${token}x`,
      ` ${token}`,
      token.toUpperCase(),
      other,
      token.replace('tskey-api-', 'tskey-pat-'),
      token.replace(secret(token), secret(other)),
    ];
    for (const text of wrong)
      await expect(authenticator.authenticate(text), text).rejects.toMatchObject(REFUSED);
    expect(await authenticator.authenticate(token)).toMatchObject({ org: ORG });
  });

  test('refuses a credential from the moment of its expiry, known or not', async () => {
    const { token } = await credential('api', { expiresAt: now + 10 });
    const unseen = await credential('api', { expiresAt: now + 10 });
    now += 9;
    await authenticator.authenticate(token);
    now += 1;
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(REFUSED);
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(REFUSED);
    await expect(authenticator.authenticate(unseen.token)).rejects.toMatchObject(REFUSED);
  });

  test.each<[string, (id: number) => Promise<unknown>]>([
    ['the credential is revoked', (id) => change(id, { revokedAt: now })],
    ['the credential is removed', (id) => write((tx) => tx.remove('credential', ORG, id))],
    ['its owner is suspended', () => changeOwner({ suspendedAt: now })],
    ['its owner loses approval', () => changeOwner({ approvedAt: null })],
    ['its owner has not joined', () => changeOwner({ joinedAt: null })],
    ['its owner is removed', () => write((tx) => tx.remove('membership', ORG, OWNER))],
  ])('refuses a known token at once when %s', async (_name, happens) => {
    const { token, id } = await credential('api');
    await authenticator.authenticate(token);
    await happens(id);
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(REFUSED);
  });

  test('a revocation in another process is heard of within a second', async () => {
    const { token, id } = await credential('api');
    await authenticator.authenticate(token);
    const other = await openStore({
      location: { kind: 'sqlite', directory },
      clock: { now: () => now },
      onError: () => undefined,
    });
    await write((tx) => tx.update('credential', ORG, id, { revokedAt: now }), other);
    const revoked = performance.now();
    let accepted = true;
    while (accepted && performance.now() - revoked < 5_000) {
      accepted = await authenticator.authenticate(token).then(
        () => true,
        () => false,
      );
      await sleep(10);
    }
    expect(accepted).toBe(false);
    await other.close();
  });

  test('a revocation that is told while the token is being read is not forgotten', async () => {
    const { token, id } = await credential('api');
    const { token: known } = await credential('api');
    // The organization is followed already.
    await authenticator.authenticate(known);
    duringRead = async () => {
      await change(id, { revokedAt: now });
      await follower.settled(ORG);
    };
    await authenticator.authenticate(token);
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(REFUSED);
  });

  test('what is known is read again after a minute, whatever the feed says', async () => {
    const { token } = await credential('api');
    await authenticator.authenticate(token);
    const first = reads;
    now += 59_999;
    await authenticator.authenticate(token);
    expect(reads).toBe(first);
    now += 1;
    await authenticator.authenticate(token);
    expect(reads).toBe(first + 1);
  });

  test('a changed role counts from the next use, and scopes limit what it allows', async () => {
    const { token } = await credential('api', { scopes: ['devices:core:read'] });
    const { token: whole } = await credential('api');
    const first = await authenticator.authenticate(token);
    const all = await authenticator.authenticate(whole);
    expect(first.permissions.size).toBeGreaterThan(0);
    expect(first.permissions.size).toBeLessThan(all.permissions.size);
    for (const permission of first.permissions) expect(all.permissions.has(permission)).toBe(true);
    await changeOwner({ role: 'member' });
    const later = await authenticator.authenticate(whole);
    expect(later).toMatchObject({ role: 'member' });
    expect(later.permissions.size).toBeLessThan(all.permissions.size);
  });

  test('a minted token ends with its parent, by expiry, revocation or removal', async () => {
    const ends: ((parent: number) => Promise<unknown>)[] = [
      (parent) => change(parent, { revokedAt: now }),
      (parent) => write((tx) => tx.remove('credential', ORG, parent)),
      (parent) => change(parent, { expiresAt: now }),
    ];
    for (const end of ends) {
      const parent = await credential('oauth-client', { ownerKind: 'organization', owner: ORG });
      const minted = await credential('access', { ownerKind: 'organization', owner: ORG, parent: parent.id });
      expect(await authenticator.authenticate(minted.token)).toMatchObject({ kind: 'client', org: ORG });
      await end(parent.id);
      await expect(authenticator.authenticate(minted.token)).rejects.toMatchObject(REFUSED);
    }
    const parent = await credential('oauth-client', {
      ownerKind: 'organization',
      owner: ORG,
      expiresAt: now + 5,
    });
    const minted = await credential('access', { ownerKind: 'organization', owner: ORG, parent: parent.id });
    await authenticator.authenticate(minted.token);
    now += 5;
    await expect(authenticator.authenticate(minted.token)).rejects.toMatchObject(REFUSED);
  });

  test('a service account acts by its role, and not once it is gone', async () => {
    const { token } = await credential('access', { ownerKind: 'service_account', owner: ACCOUNT });
    const actor = await authenticator.authenticate(token);
    expect(actor).toMatchObject({ kind: 'service-account', serviceAccount: ACCOUNT, name: 'builder' });
    await write((tx) => tx.update('serviceAccount', ORG, ACCOUNT, { role: 'none' }));
    const limited = await authenticator.authenticate(token);
    expect([...limited.permissions]).toEqual(['organization:read']);
    await write((tx) => tx.remove('serviceAccount', ORG, ACCOUNT));
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(REFUSED);
  });

  test('a credential whose owner is in another organization opens nothing', async () => {
    await write((tx) => tx.insert('membership', member(OTHER, 77)));
    const { token } = await credential('api', { owner: 77 });
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(REFUSED);
    const gateways = await credential('access', { ownerKind: 'gateway', owner: 5 });
    await expect(authenticator.authenticate(gateways.token)).rejects.toMatchObject(REFUSED);
  });

  describe('of a signed token', () => {
    const HOUR = 3_600_000;
    const publicIdOf = async (id: number) => (await store.get('credential', ORG, id))?.publicId ?? '';
    const sign = async (id: number, lifetime = HOUR) =>
      signedTokens.sign(
        { credential: await publicIdOf(id), subject: 'subject', organization: 'organization1' },
        { issuer: 'https://holdfast.test', expiresAt: now + lifetime },
      );
    const onAccount = { ownerKind: 'service_account', owner: ACCOUNT } as const;

    test('takes the owner of the credential that it was got with, with one question for many uses', async () => {
      const { id } = await credential('sa-credential', onAccount);
      const token = await sign(id);
      for (let use = 0; use < 3; use += 1) {
        expect(await authenticator.authenticate(token)).toMatchObject({
          kind: 'service-account',
          org: ORG,
          serviceAccount: ACCOUNT,
          credential: { id, kind: 'access' },
        });
      }
      const first = reads;
      await authenticator.authenticate(await sign(id));
      expect(reads).toBe(first + 1);
    });

    test.each<CredentialKind>(['oauth-client', 'federated', 'access', 'auth-key', 'service-key'])(
      'refuses one in the name of a %s',
      async (kind) => {
        const { id } = await credential(kind);
        await expect(authenticator.authenticate(await sign(id))).rejects.toMatchObject(REFUSED);
      },
    );

    test('refuses it from the moment of its expiry, or of its credential’s', async () => {
      const { id } = await credential('sa-credential', { ...onAccount, expiresAt: now + 2 * HOUR });
      const [short, long] = [await sign(id), await sign(id, 3 * HOUR)];
      await authenticator.authenticate(short);
      now += HOUR;
      for (let use = 0; use < 2; use += 1)
        await expect(authenticator.authenticate(short)).rejects.toMatchObject(REFUSED);
      await authenticator.authenticate(long);
      now += HOUR;
      await expect(authenticator.authenticate(long)).rejects.toMatchObject(REFUSED);
    });

    test.each<[string, (id: number) => Promise<unknown>]>([
      ['its credential is revoked', (id) => change(id, { revokedAt: now })],
      ['its credential is removed', (id) => write((tx) => tx.remove('credential', ORG, id))],
      ['its account is removed', () => write((tx) => tx.remove('serviceAccount', ORG, ACCOUNT))],
    ])('refuses it at once when %s', async (_name, happens) => {
      const { id } = await credential('sa-credential', onAccount);
      const token = await sign(id);
      await authenticator.authenticate(token);
      await happens(id);
      await expect(authenticator.authenticate(token)).rejects.toMatchObject(REFUSED);
    });
  });
});
