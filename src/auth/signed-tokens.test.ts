import { createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, exportSPKI, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { DAY, HOUR } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import { openStore } from '../store/open-store.ts';
import { createSealer, SEALING_KEY_BYTES } from './sealing.ts';
import { createSignedTokens } from './signed-tokens.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';

const SUBJECT = { credential: 'clientid', subject: 'account', organization: 'acme' };
const ISSUER = 'https://holdfast.test';

let now = 0;
let directory: string;
let store: Store;
const clock = { now: () => now };
const sealer = createSealer({ key: systemRandom.bytes(SEALING_KEY_BYTES), random: systemRandom });
const newKeys = (): SigningKeys => createSigningKeys({ store, sealer, clock, random: systemRandom });
const newTokens = (keys = newKeys()) => createSignedTokens({ keys, clock, random: systemRandom });
const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

beforeEach(async () => {
  now = 1_000 * DAY;
  directory = mkdtempSync(join(tmpdir(), 'holdfast-signed-'));
  store = await openStore({ location: { kind: 'sqlite', directory }, clock, onError: () => undefined });
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('signed tokens', () => {
  test('name credential, owner and organization, and are checked by the published keys', async () => {
    const keys = newKeys();
    const token = await newTokens(keys).sign(SUBJECT, { issuer: ISSUER, expiresAt: now + HOUR });
    const published = createLocalJWKSet({ keys: [...(await keys.published())] as never[] });
    const { payload, protectedHeader } = await jwtVerify(token, published, { currentDate: new Date(now) });
    expect(payload).toEqual({
      client_id: 'clientid',
      'https://api.keycard.sh/organization_id': 'acme',
      iss: ISSUER,
      sub: 'account',
      aud: 'holdfast',
      iat: now / 1_000,
      exp: (now + HOUR) / 1_000,
      jti: expect.stringMatching(/^[a-z0-9]{26}$/u),
    });
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    for (const jwk of await keys.published()) expect(Object.keys(jwk)).not.toContain('d');
    const rows = await store.find('signingKey', INSTALLATION, {});
    expect(rows[0]?.privateSealed).toMatch(/^s1\./u);
  });

  test('are good at every process, until the second in which they end', async () => {
    const token = await newTokens().sign(SUBJECT, { issuer: ISSUER, expiresAt: now + HOUR });
    const elsewhere = newTokens();
    expect(await elsewhere.verify(token)).toEqual({ credential: 'clientid', expiresAt: now + HOUR });
    now += HOUR - 1_000;
    expect(await elsewhere.verify(token)).toBeDefined();
    now += 1_000;
    expect(await elsewhere.verify(token)).toBeUndefined();
  });

  describe('that were not made here open nothing:', () => {
    let good: readonly [string, string, string];
    let kid = '';
    let key: KeyObject;
    let tokens: ReturnType<typeof newTokens>;
    let spki = '';
    beforeEach(async () => {
      const keys = newKeys();
      tokens = newTokens(keys);
      const token = await tokens.sign(SUBJECT, { issuer: ISSUER, expiresAt: now + HOUR });
      good = token.split('.') as [string, string, string];
      ({ kid, key } = await keys.current());
      const publicKey = await keys.find(kid);
      spki = publicKey === undefined ? '' : await exportSPKI(publicKey as never).catch(() => '');
      if (spki === '') spki = String(publicKey?.export({ format: 'pem', type: 'spki' }));
    });
    const es256 = (head: unknown, body: unknown, by = key): string => {
      const text = `${encode(head)}.${encode(body)}`;
      const signature = signBytes('sha256', Buffer.from(text), { key: by, dsaEncoding: 'ieee-p1363' });
      return `${text}.${signature.toString('base64url')}`;
    };
    const header = () => ({ alg: 'ES256', typ: 'at+jwt', kid });
    const claims = () => ({ aud: 'holdfast', client_id: 'clientid', exp: now / 1_000 + 60 });
    const hs256 = (secret: string): string => {
      const text = `${encode({ ...header(), alg: 'HS256' })}.${encode(claims())}`;
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    };
    const cases: readonly (readonly [string, () => string])[] = [
      ['no signature', () => `${good[0]}.${good[1]}.`],
      ['algorithm none', () => `${encode({ ...header(), alg: 'none' })}.${good[1]}.`],
      [
        'algorithm none, with the signature',
        () => `${encode({ ...header(), alg: 'none' })}.${good[1]}.${good[2]}`,
      ],
      ['a shared secret that is the public key', () => hs256(spki)],
      ['a shared secret that is the key’s name', () => hs256(kid)],
      [
        'another key under our name',
        () => es256(header(), claims(), generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      ],
      ['a name that is none', () => es256({ ...header(), kid: 'nobody' }, claims())],
      ['no name of a key', () => es256({ alg: 'ES256', typ: 'at+jwt' }, claims())],
      ['a name that is no text', () => es256({ ...header(), kid: { toString: 'x' } }, claims())],
      ['its own key in the header', () => es256({ ...header(), kid: undefined, jwk: {} }, claims())],
      ['another type', () => es256({ ...header(), typ: 'JWT' }, claims())],
      ['no type', () => es256({ alg: 'ES256', kid }, claims())],
      ['something critical that is not known', () => es256({ ...header(), crit: ['x'], x: 1 }, claims())],
      ['another audience', () => es256(header(), { ...claims(), aud: 'other' })],
      ['no audience', () => es256(header(), { ...claims(), aud: undefined })],
      ['no expiry', () => es256(header(), { ...claims(), exp: undefined })],
      ['an expiry that is text', () => es256(header(), { ...claims(), exp: String(now) })],
      ['an expiry that passed', () => es256(header(), { ...claims(), exp: now / 1_000 - 1 })],
      ['a beginning that has not come', () => es256(header(), { ...claims(), nbf: now / 1_000 + 60 })],
      ['no credential', () => es256(header(), { ...claims(), client_id: undefined })],
      ['a credential that is no text', () => es256(header(), { ...claims(), client_id: ['clientid'] })],
      ['claims that are no object', () => es256(header(), [claims()])],
      ['claims that are no JSON', () => es256(header(), '{')],
      ['a changed claim', () => `${good[0]}.${encode({ ...claims(), client_id: 'other' })}.${good[2]}`],
      ['a part too many', () => `${good.join('.')}.x`],
      ['a part too few', () => good.slice(0, 2).join('.')],
      ['a space', () => ` ${good.join('.')}`],
      ['too much', () => es256(header(), { ...claims(), more: 'x'.repeat(5_000) })],
      ['nothing', () => ''],
    ];
    test('(one made by hand like ours does)', async () => {
      expect(await tokens.verify(es256(header(), claims()))).toMatchObject({ credential: 'clientid' });
    });
    test.each(cases)('%s', async (_name, make) => {
      expect(await tokens.verify(make())).toBeUndefined();
    });
  });
});

describe('signing keys', () => {
  test('are made once, however many processes ask at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => newKeys().current()));
    expect(new Set(made.map(({ kid }) => kid)).size).toBe(1);
    expect(await store.count('signingKey', INSTALLATION)).toBe(1);
  });

  test('sign for a month; the next is published a day before it signs, and the last stays two days', async () => {
    const keys = newKeys();
    const first = (await keys.current()).kid;
    const names = async () => (await keys.published()).map(({ kid }) => kid);
    now += 29 * DAY - 1;
    expect(await names()).toEqual([first]);
    now += 1;
    const [, second] = await names();
    expect(second).toBeDefined();
    expect((await keys.current()).kid).toBe(first);
    now += DAY;
    expect((await keys.current()).kid).toBe(second);
    expect(await names()).toEqual([first, second]);
    expect(await keys.find(first)).toBeDefined();
    // The next rotation takes away what has long ended.
    now += 29 * DAY;
    expect(await names()).toEqual([second, expect.any(String)]);
    expect(await keys.find(first)).toBeUndefined();
  });

  test('a token outlives the change of the key that signed it', async () => {
    const keys = newKeys();
    const tokens = newTokens(keys);
    await keys.current();
    now += 29 * DAY;
    await keys.published();
    now += DAY - 1_000;
    const token = await tokens.sign(SUBJECT, { issuer: ISSUER, expiresAt: now + HOUR });
    now += HOUR - 1_000;
    await tokens.sign(SUBJECT, { issuer: ISSUER, expiresAt: now + HOUR });
    expect(await newTokens().verify(token)).toMatchObject({ credential: 'clientid' });
  });

  test('names that nobody has do not cost a read each', async () => {
    let reads = 0;
    const counted: Store = {
      ...store,
      list: ((...args: Parameters<Store['list']>) => {
        reads += 1;
        return store.list(...args);
      }) as Store['list'],
    };
    const keys = createSigningKeys({ store: counted, sealer, clock, random: systemRandom });
    await keys.current();
    const before = reads;
    now += 2_000;
    for (let turn = 0; turn < 50; turn += 1) expect(await keys.find(`nobody${turn}`)).toBeUndefined();
    expect(reads - before).toBe(1);
  });
});
