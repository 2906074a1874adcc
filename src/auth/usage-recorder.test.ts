import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ENGINES, openTestStore, type TestStore } from '../../tests/support/engines.ts';
import { createOrganizationService } from '../domain/organizations/organization-service.ts';
import { systemRandom } from '../kernel/random.ts';
import { createUsageRecorder } from './usage-recorder.ts';

const BY = { kind: 'system', id: '', name: 'test' } as const;
const MINUTE_MS = 60_000;

describe.each(ENGINES)('usage on %s', (engine) => {
  let opened: TestStore;
  let now = 1_000_000;
  const clock = { now: () => now };
  beforeEach(async () => {
    opened = await openTestStore(engine, clock);
  });
  afterEach(() => opened.close());

  const begin = async () => {
    const { store } = opened;
    const organizations = createOrganizationService({ store, random: systemRandom });
    const { organization, owner } = await organizations.create(
      { label: 'acme', owner: { email: 'ada@acme.test' } },
      BY,
      'system',
    );
    const [credential] = await store.find('credential', organization.id, {});
    const errors: unknown[] = [];
    const recorder = createUsageRecorder({ store, clock, onError: (error) => errors.push(error) });
    const use = { org: organization.id, credential: credential!.id, membership: owner.id };
    const lastUsed = async () =>
      (await store.get('credentialSeen', use.org, { credential: use.credential }))?.lastUsed;
    const lastSeen = async () =>
      (await store.get('membershipSeen', use.org, { membership: owner.id }))?.lastSeen;
    return { store, recorder, use, lastUsed, lastSeen, errors };
  };

  test('a use is written for the credential and for its member', async () => {
    const { recorder, use, lastUsed, lastSeen, errors } = await begin();
    recorder.record(use);
    expect(await lastUsed()).toBeUndefined();
    await recorder.flush();
    expect([await lastUsed(), await lastSeen()]).toEqual([now, now]);
    await recorder.close();
    expect(errors).toEqual([]);
  });

  test('within a minute a credential is written once', async () => {
    const { store, recorder, use, lastUsed } = await begin();
    const first = now;
    recorder.record(use);
    await recorder.flush();
    const heads = await store.feed.heads([use.org]);
    now += MINUTE_MS - 1;
    for (let i = 0; i < 100; i += 1) recorder.record(use);
    await recorder.flush();
    expect(await lastUsed()).toBe(first);
    expect(await store.feed.heads([use.org])).toEqual(heads);
    now += 1;
    recorder.record(use);
    await recorder.flush();
    expect(await lastUsed()).toBe(now);
    await recorder.close();
  });

  test('what waits is written when the recorder is closed', async () => {
    const { recorder, use, lastUsed } = await begin();
    recorder.record(use);
    await recorder.close();
    expect(await lastUsed()).toBe(now);
  });

  test('no trace is left of a credential that does not exist any more', async () => {
    const { store, recorder, use } = await begin();
    recorder.record({ org: use.org, credential: 999_999, membership: 999_998 });
    await recorder.flush();
    expect(await store.get('credentialSeen', use.org, { credential: 999_999 })).toBeUndefined();
    expect(await store.get('membershipSeen', use.org, { membership: 999_998 })).toBeUndefined();
    await recorder.close();
  });

  test('a use is no event of the audit log', async () => {
    const { store, recorder, use } = await begin();
    const before = await store.auditHead(use.org);
    recorder.record(use);
    await recorder.close();
    expect(await store.auditHead(use.org)).toEqual(before);
  });
});
