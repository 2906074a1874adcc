// `holdfast access request`, `approve` and `reject`, as a person at a prompt has them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore } from '../../src/store/open-store.ts';
import { commandLine, newPlace, type Outcome, type Place } from '../support/command-line.ts';
import {
  addToGroup,
  insertEdge,
  insertGroup,
  insertNetwork,
  insertResource,
  seed,
} from '../support/seeds.ts';

describe('access on the command line', () => {
  let place: Place;
  beforeAll(async () => {
    place = await newPlace('sqlite');
    await commandLine(
      ...['init', '--org', 'acme', '--domain', 'acme.test', '--owner', 'ada@acme.test'],
      ...place.flags,
    );
    const [, directory = ''] = place.flags;
    const onError = (error: unknown): void => {
      throw error;
    };
    const store = await openStore({ location: { kind: 'sqlite', directory }, clock: systemClock, onError });
    const org = (await store.organizationBy('label', 'acme'))?.id ?? 0;
    const [ada] = await store.find('membership', org, { role: 'owner' });
    await seed(store, org, async (tx) => {
      const network = await insertNetwork(tx, org, { name: 'Plant' });
      const group = await insertGroup(tx, org, { name: 'Ops' });
      await addToGroup(tx, org, group.id, [ada?.id ?? 0]);
      for (const name of ['db', 'twin', 'twin']) {
        const resource = await insertResource(tx, org, {
          network: network.id,
          name,
          accessMode: 'access-request',
          accessSeconds: 7_200,
        });
        await insertEdge(tx, org, { resource: resource.id, principalKind: 'group', principal: group.id });
      }
    });
    await store.close();
  });
  afterAll(() => place.remove());

  const access = (...args: readonly string[]): Promise<Outcome> =>
    commandLine('access', ...args, '--org', 'acme', ...place.flags);
  const request = (...args: readonly string[]): Promise<Outcome> =>
    access('request', '--user', 'ada@acme.test', ...args);

  test('a request waits, and opens the access for the time asked for when it is approved', async () => {
    const made = await request('--resource', 'db', '--for', '1h', '--reason', 'logs', '--json');
    expect([made.code, made.err]).toEqual([0, '']);
    const { id, status } = made.json<{ id: number; status: string }>();
    expect(status).toBe('pending');
    const approved = await access('approve', String(id), '--json');
    const until = Date.parse(approved.json<{ access_until: string }>().access_until);
    expect(until - Date.now()).toBeGreaterThan(3_500_000);
    expect(until - Date.now()).toBeLessThanOrEqual(3_600_000);
    expect(await access('reject', String(id))).toMatchObject({
      code: 1,
      err: expect.stringContaining('approved already'),
    });
  });

  test.each([
    [['--resource', 'nothing'], 'no resource of acme has the name or id nothing'],
    [['--resource', 'twin'], '2 resources have the name twin: give the id of one'],
  ])('says what is wrong with %j', async (args, sentence) => {
    expect(await request(...args)).toMatchObject({ code: 1, err: expect.stringContaining(sentence) });
  });

  test('a number that is none is refused', async () => {
    expect(await access('approve', 'x')).toMatchObject({ code: 1, err: expect.stringContaining('no id') });
  });
});
