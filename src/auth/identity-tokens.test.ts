import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createOrganizationService } from '../domain/organizations/organization-service.ts';
import type { IdentityTokens } from '../domain/ports/identity-tokens.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { DAY, HOUR } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import { openStore } from '../store/open-store.ts';
import { createIdentityTokens } from './identity-tokens.ts';
import { createSealer, SEALING_KEY_BYTES } from './sealing.ts';
import { createSignedTokens } from './signed-tokens.ts';
import { createSigningKeys } from './signing-keys.ts';

const BY_TEST = { kind: 'system', id: '', name: 'test' } as const;

let now = 0;
let directory: string;
let store: Store;
let org: number;
const clock = { now: () => now };
const random = systemRandom;
const sealer = createSealer({ key: random.bytes(SEALING_KEY_BYTES), random });
const newTokens = (): IdentityTokens => createIdentityTokens({ store, sealer, clock, random });
const organization = async (label: string): Promise<number> => {
  const organizations = createOrganizationService({ store, random });
  const about = { label, domain: `${label}.test`, owner: { email: `owner@${label}.test` } };
  return (await organizations.create(about, BY_TEST, 'system')).organization.id;
};
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const names = async (tokens: IdentityTokens) => (await tokens.published(org)).map(({ kid }) => kid);

beforeEach(async () => {
  now = 1_000 * DAY;
  directory = mkdtempSync(join(tmpdir(), 'holdfast-identity-'));
  store = await openStore({ location: { kind: 'sqlite', directory }, clock, onError: () => undefined });
  org = await organization('acme');
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

test('an organization’s keys change by the month, and what the last one signed stays good for its time', async () => {
  const tokens = newTokens();
  const first = kidOf(await tokens.sign(org, { sub: 'web' }));
  now += 29 * DAY;
  const [, second] = await names(tokens);
  expect(kidOf(await tokens.sign(org, {}))).toBe(first);
  now += DAY - HOUR;
  const token = await tokens.sign(org, { exp: (now + 2 * HOUR) / 1_000 });
  now += HOUR;
  expect(kidOf(await newTokens().sign(org, {}))).toBe(second);
  const published = createLocalJWKSet({ keys: [...(await newTokens().published(org))] as never[] });
  await expect(jwtVerify(token, published, { currentDate: new Date(now) })).resolves.toBeDefined();
  expect(await names(tokens)).toEqual([first, second]);
});

test('processes that begin at the same time keep one key', async () => {
  const signed = await Promise.all(Array.from({ length: 4 }, () => newTokens().sign(org, {})));
  expect(new Set(signed.map(kidOf)).size).toBe(1);
  expect(await store.count('signingKey', org)).toBe(1);
});

test('keys are another organization’s neither by name nor by being known, and sign no access token', async () => {
  const tokens = newTokens();
  const token = await tokens.sign(org, { aud: 'holdfast', client_id: 'x', exp: (now + HOUR) / 1_000 });
  const other = await tokens.published(await organization('rival'));
  expect(other.map(({ kid }) => kid)).not.toContain(kidOf(token));
  const keys = createSigningKeys({ store, sealer, clock, random });
  const access = createSignedTokens({ keys, clock, random });
  expect(await access.verify(token)).toBeUndefined();
  expect(await keys.find(String(kidOf(token)))).toBeUndefined();
  expect((await keys.published()).map(({ kid }) => kid)).not.toContain(kidOf(token));
});

test('an organization that is gone, or never was, gets no key', async () => {
  for (const none of [999_999, org + 1]) {
    await expect(newTokens().published(none)).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.count('signingKey', none)).toBe(0);
  }
  expect(await store.count('signingKey', INSTALLATION)).toBe(0);
});
