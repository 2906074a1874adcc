import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ApiServer, createApiServer } from '../../tests/support/api-server.ts';
import { seed } from '../../tests/support/seeds.ts';
import { DAY } from '../kernel/clock.ts';
import { lookAtCredentials } from './credential-expiry.ts';

let api: ApiServer;
beforeEach(async () => {
  api = await createApiServer('sqlite', () => []);
});
afterEach(() => api.close());
const look = () => lookAtCredentials(api.store, api.clock);
const makeToken = async (days: number, patch: object = {}): Promise<void> => {
  const org = api.organization.id;
  await api.createToken({ ...api }, api.owner, ['all']);
  const rows = await api.store.find('credential', org, { kind: 'api' });
  const id = rows.at(-1)?.id ?? 0;
  await seed(api.store, org, (tx) =>
    tx.update('credential', org, id, {
      expiresAt: api.clock.now() + days * DAY,
      description: `of ${days}`,
      ...patch,
    }),
  );
};

test('tokens that end within two weeks are named, the first to end first', async () => {
  expect(await look()).toMatchObject({ state: 'ok' });
  await makeToken(13);
  await makeToken(2);
  await makeToken(15);
  const { state, says } = await look();
  expect(state).toBe('warning');
  expect(says).toMatch(/api of 2 of acme on \d{4}-\d\d-\d\d; api of 13 of acme on/u);
  expect(says).not.toContain('of 15');
});

test('those that have ended, were revoked, or never end are not', async () => {
  await makeToken(-1);
  await makeToken(3, { revokedAt: 1 });
  await api.createToken({ ...api }, api.owner, ['all']);
  expect(await look()).toMatchObject({ state: 'ok' });
});

test('of very many, some', async () => {
  for (let day = 1; day <= 8; day += 1) await makeToken(day);
  expect((await look()).says).toMatch(/of 5 of acme on [^;]*, and more$/u);
});
