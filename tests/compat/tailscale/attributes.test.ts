import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/domain/model/devices.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

const BUILT_IN = {
  'node:os': 'linux',
  'node:osVersion': '6.1.0',
  'node:tsVersion': '1.102.5',
  'node:tsReleaseTrack': 'stable',
  // What a client does not say of itself is off.
  'node:tsAutoUpdate': false,
};

describe.each(ENGINES)('posture attributes over the REST API on %s', (engine) => {
  let api: ApiServer;
  let one: Device;
  let two: Device;
  const get = async (device: Device) =>
    (await api.call('GET', `/api/v2/device/${device.id}/attributes`)).json();
  const set = async (device: Device, key: string, body: unknown) => {
    const answer = await api.call('POST', `/api/v2/device/${device.id}/attributes/${key}`, { body });
    return [answer.status, answer.json()] as const;
  };
  const batch = async (body: unknown) => {
    const answer = await api.call('PATCH', '/api/v2/tailnet/-/device-attributes', { body });
    return [answer.status, answer.text] as const;
  };

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    const made = await addDevices(api, api.organization.id, [
      { label: 'one', owner: api.owner.id },
      { label: 'two', owner: api.owner.id },
    ]);
    one = made[0]!;
    two = made[1]!;
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('a device has attributes of its own, and those that were set, with their ends', async () => {
    expect(await get(one)).toEqual({ attributes: BUILT_IN, expiries: {} });
    const zero = { expiry: '0001-01-01T00:00:00Z', comment: '' };
    expect(await set(one, 'custom:tier', { value: 'Gold_1.2', ...zero })).toEqual([
      200,
      { attributes: { ...BUILT_IN, 'custom:tier': 'Gold_1.2' }, expiries: {} },
    ]);
    const expiry = new Date(Math.ceil(api.clock.now() / 1000) * 1000 + 60_000)
      .toISOString()
      .replace('.000', '');
    await set(one, 'custom:score', { value: -7, expiry });
    await set(one, 'custom:ok', { value: false });
    expect(await get(one)).toEqual({
      attributes: { ...BUILT_IN, 'custom:tier': 'Gold_1.2', 'custom:score': -7, 'custom:ok': false },
      expiries: { 'custom:score': expiry },
    });
    api.clock.advance(61_000);
    expect(await get(one)).toMatchObject({ expiries: {} });
    expect(await get(one)).not.toHaveProperty(['attributes', 'custom:score']);
  });

  test('the first write fixes spelling and type for the whole organization', async () => {
    await set(one, 'custom:Level', { value: 3 });
    expect((await set(two, 'custom:level', { value: 3 }))[0]).toBe(400);
    expect((await set(two, 'custom:Level', { value: '3' }))[0]).toBe(400);
    expect((await set(two, 'custom:Level', { value: 4 }))[0]).toBe(200);
  });

  test.each([
    ['node:os', { value: 'x' }],
    ['custom:', { value: 'x' }],
    ['custom:a-b', { value: 'x' }],
    [`custom:${'x'.repeat(122)}`, { value: 'x' }],
    ['custom:a', { value: 'with blank' }],
    ['custom:a', { value: 'x'.repeat(51) }],
    ['custom:a', { value: 1.5 }],
    ['custom:a', { value: 2 ** 53 }],
    ['custom:a', { value: null }],
    ['custom:a', { value: {} }],
    ['custom:a', {}],
    ['custom:a', { value: 1, expiry: 'tomorrow' }],
    ['custom:a', { value: 1, expiry: '2001-01-01T00:00:00Z' }],
    ['custom:a', { value: 1, expiry: '2099-11-31T00:00:00Z' }],
    ['custom:a', { value: 1, expiry: '2099-02-29T12:00:00+02:00' }],
    ['custom:a', { value: 1, expiry: '2099-01-01T24:00:00Z' }],
    ['custom:a', { value: 1, comment: 'x'.repeat(201) }],
  ])('%s with %j is refused', async (key, body) => {
    expect(await set(one, key, body)).toEqual([400, { message: expect.any(String) }]);
    expect(await get(one)).toEqual({ attributes: BUILT_IN, expiries: {} });
  });

  test('a key of 128 characters is taken', async () => {
    expect((await set(one, `custom:${'x'.repeat(121)}`, { value: 1 }))[0]).toBe(200);
  });

  test('deleting answers {}, and is refused for what is not ours to delete', async () => {
    await set(one, 'custom:a', { value: 1 });
    const remove = (key: string) => api.call('DELETE', `/api/v2/device/${one.id}/attributes/${key}`);
    const answer = await remove('custom:a');
    expect([answer.status, answer.json()]).toEqual([200, {}]);
    expect(await get(one)).toEqual({ attributes: BUILT_IN, expiries: {} });
    expect((await remove('node:os')).status).toBe(400);
  });

  test('deleting minds the case of a key, alone and in a batch', async () => {
    await set(one, 'custom:tier', { value: 'gold' });
    const answer = await api.call('DELETE', `/api/v2/device/${one.id}/attributes/custom:Tier`);
    expect([answer.status, answer.json()]).toEqual([200, {}]);
    expect(await batch({ nodes: { [String(one.id)]: { 'custom:TIER': null } } })).toEqual([200, 'null']);
    expect(await get(one)).toMatchObject({ attributes: { 'custom:tier': 'gold' } });
  });

  test('a batch merges, null removes, and one mistake keeps all of it out', async () => {
    await set(one, 'custom:a', { value: 1 });
    const nodes = {
      [String(one.id)]: { 'custom:a': null, 'custom:b': { value: true } },
      [String(two.id)]: { 'custom:b': { value: false } },
    };
    expect(await batch({ nodes, comment: 'audit me' })).toEqual([200, 'null']);
    expect(await get(one)).toMatchObject({ attributes: { 'custom:b': true } });
    expect(await get(two)).toMatchObject({ attributes: { 'custom:b': false } });
    const bad = { nodes: { [String(one.id)]: { 'custom:b': null, 'custom:c': { value: 'not ok!' } } } };
    expect((await batch(bad))[0]).toBe(400);
    expect((await batch({ nodes: { [String(one.id)]: { 'custom:b': null }, '999999': {} } }))[0]).toBe(404);
    expect(await get(one)).toMatchObject({ attributes: { 'custom:b': true } });
  });

  test('a batch for a device that cannot be is refused, whatever its name', async () => {
    const body = JSON.parse('{"nodes":{"__proto__":{"custom:a":{"value":1}}}}');
    expect(await batch(body)).toEqual([400, '{"message":"__proto__: is no name of anything"}']);
    expect(await set(one, 'custom:a', { value: '__proto__' })).toMatchObject([200, {}]);
  });

  test('a comment is kept in the audit log', async () => {
    const org = api.organization.id;
    const { auditSeq } = await api.store.auditHead(org);
    await set(one, 'custom:a', { value: 1, comment: 'ticket 12' });
    const [event] = await api.store.auditEvents(org, { afterSeq: auditSeq, limit: 5 });
    expect(event).toMatchObject({ field: 'custom:a', details: 'ticket 12', objectKind: 'device' });
  });
});
