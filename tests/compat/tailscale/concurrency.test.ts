import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

const WRITERS = 12;
const times = <T>(make: (index: number) => T): T[] =>
  Array.from({ length: WRITERS }, (_, index) => make(index));

describe.each(ENGINES)('writes at the same time on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  const statuses = async (answers: Promise<{ status: number }>[]): Promise<number[]> =>
    (await Promise.all(answers)).map(({ status }) => status).sort();
  const oneOf = (won: number, lost: number): number[] =>
    [won, ...Array<number>(WRITERS - 1).fill(lost)].sort();

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    acme = api;
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('one of many devices gets the name that all ask for', async () => {
    const devices = await addDevices(
      api,
      api.organization.id,
      times((index) => ({ label: `d${index}`, owner: api.owner.id })),
    );
    const rename = (id: number) => api.call('POST', `/api/v2/device/${id}/name`, { body: { name: 'prize' } });
    expect(await statuses(devices.map(({ id }) => rename(id)))).toEqual(oneOf(200, 400));
    const named = await api.call('GET', '/api/v2/tailnet/-/devices?name=prize.acme.holdfast.internal');
    expect(named.json<{ devices: unknown[] }>().devices).toHaveLength(1);
  });

  test('one of many devices gets the address that all ask for', async () => {
    const devices = await addDevices(
      api,
      api.organization.id,
      times((index) => ({ label: `d${index}`, owner: api.owner.id })),
    );
    const take = (id: number) =>
      api.call('POST', `/api/v2/device/${id}/ip`, { body: { ipv4: '100.99.0.1' } });
    expect(await statuses(devices.map(({ id }) => take(id)))).toEqual(oneOf(200, 400));
  });

  test('an organization that is given to many at once has one owner afterwards', async () => {
    const members = await Promise.all(times((index) => api.createMember(acme, 'admin', `m${index}`)));
    const answers = members.map(({ member }) =>
      api.call('POST', `/api/v2/users/${member.id}/role`, { body: { role: 'owner' } }),
    );
    expect(await statuses(answers)).toEqual(oneOf(200, 403));
    expect(await api.store.find('membership', api.organization.id, { role: 'owner' })).toHaveLength(1);
  });

  test('a service that many make at once is made once', async () => {
    const put = () =>
      api.call('PUT', '/api/v2/tailnet/-/vip-services/svc:web', { body: { ports: ['tcp:1'] } });
    expect(await statuses(times(put))).toEqual(Array(WRITERS).fill(200));
    expect(await api.store.find('service', api.organization.id, {})).toHaveLength(1);
    expect(await api.store.find('address', api.organization.id, { holderKind: 'service' })).toHaveLength(2);
  });

  test('the first of many writes fixes the type of an attribute', async () => {
    const [device] = await addDevices(api, api.organization.id, [{ label: 'd', owner: api.owner.id }]);
    const set = (index: number) =>
      api.call('POST', `/api/v2/device/${device!.id}/attributes/custom:x`, {
        body: { value: index % 2 === 0 ? index : `v${index}` },
      });
    const answers = await statuses(times(set));
    expect(answers).toEqual([...Array(WRITERS / 2).fill(200), ...Array(WRITERS / 2).fill(400)]);
  });

  test('the audit chain holds after all of it', async () => {
    await Promise.all(
      times((index) =>
        api.call('POST', '/api/v2/tailnet/-/keys', {
          body: { capabilities: { devices: {} }, description: `k${index}` },
        }),
      ),
    );
    const events = await api.store.auditEvents(api.organization.id, { afterSeq: 0, limit: 1_000 });
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    for (const [index, event] of events.entries()) {
      expect(event.prevHash).toBe(index === 0 ? '' : events[index - 1]!.hash);
    }
  });
});
