import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

interface Entry {
  readonly action: string;
  readonly origin: string;
  readonly actor: { readonly id: string; readonly type: string; readonly loginName: string };
  readonly target: {
    readonly id: string;
    readonly type: string;
    readonly name: string;
    readonly property?: string;
  };
  readonly [name: string]: unknown;
}

describe.each(ENGINES)('the configuration log on %s', (engine) => {
  let api: ApiServer;
  let start: number;
  let nodeId: string;
  const T = '/api/v2/tailnet/-';
  const iso = (ms: number): string => new Date(ms).toISOString();
  const logs = async (query = '', from = start, to = api.clock.now() + 1_000): Promise<Entry[]> => {
    const answer = await api.call(
      'GET',
      `${T}/logging/configuration?start=${iso(from)}&end=${iso(to)}${query}`,
    );
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
    return answer.json<{ logs: Entry[] }>().logs;
  };
  const names = (entries: readonly Entry[]): string[] =>
    entries.map(({ target, action }) => [target.type, action, target.property].filter(Boolean).join('.'));

  beforeAll(async () => {
    api = await createTailscaleServer(engine);
    const [device] = await addDevices(api, api.organization.id, [{ label: 'box', owner: api.owner.id }]);
    api.clock.advance(60_000);
    start = api.clock.now();
    const id = device!.id;
    const post = (path: string, body: unknown) => api.call('POST', path, { body: body as object });
    nodeId = (await api.call('GET', `/api/v2/device/${id}`)).json<{ nodeId: string }>().nodeId;
    await post(`/api/v2/device/${id}/name`, { name: 'renamed' });
    await post(`/api/v2/device/${id}/routes`, { routes: ['10.0.0.0/8'] });
    await post(`/api/v2/device/${id}/key`, { keyExpiryDisabled: true });
    await post(`/api/v2/device/${id}/authorized`, { authorized: false });
    await post(`/api/v2/device/${id}/authorized`, { authorized: true });
    await post(`/api/v2/device/${id}/attributes/custom:a`, { value: 1, comment: 'why' });
    await post(`/api/v2/device/${id}/attributes/custom:a`, { value: 2 });
    await api.call('DELETE', `/api/v2/device/${id}/attributes/custom:a`);
    await post(`${T}/keys`, { capabilities: { devices: {} }, description: 'k' });
    await post(`${T}/acl`, { acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }] });
    await post(`${T}/dns/nameservers`, { dns: ['1.1.1.1'] });
    await post(`${T}/dns/preferences`, { magicDNS: false });
    await api.call('PATCH', `${T}/settings`, { body: { httpsEnabled: true, devicesKeyDurationDays: 7 } });
    await api.call('PATCH', `${T}/contacts/security`, { body: { email: 's@acme.test' } });
    await post(`${T}/webhooks`, { endpointUrl: 'https://h.test', subscriptions: ['nodeCreated'] });
    await post(`${T}/posture/integrations`, { provider: 'kolide', clientSecret: 'hidden' });
    const stream = { destinationType: 'splunk', url: 'https://splunk.test', token: 'hidden' };
    await api.call('PUT', `${T}/logging/network/stream`, { body: stream });
    await api.call('DELETE', `${T}/logging/network/stream`);
    await api.call('DELETE', `/api/v2/device/${id}`);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('every write is there, in order, under the name that the vendor has for it', async () => {
    expect(names(await logs())).toEqual([
      'NODE.UPDATE.MACHINE_NAME',
      'NODE.UPDATE.ALLOWED_IPS',
      'NODE.DISABLE.KEY_EXPIRY',
      'NODE.REVOKE',
      'NODE.APPROVE',
      'NODE.CREATE.ATTRIBUTES',
      'NODE.UPDATE.ATTRIBUTES',
      'NODE.DELETE.ATTRIBUTES',
      'API_KEY.CREATE',
      'TAILNET.UPDATE.ACL',
      'TAILNET.UPDATE.DNS_CONFIG',
      'TAILNET.DISABLE.MAGIC_DNS',
      'TAILNET.UPDATE.MAX_KEY_DURATION',
      'TAILNET.ENABLE.HTTPS',
      'TAILNET.UPDATE.SECURITY_EMAIL',
      'WEBHOOK_ENDPOINT.CREATE',
      'TAILNET.CREATE.POSTURE_INTEGRATION',
      'TAILNET.CREATE.LOGSTREAM_ENDPOINT',
      'TAILNET.DELETE.LOGSTREAM_ENDPOINT',
      'NODE.DELETE',
    ]);
  });

  test('an entry names who, what, before and after', async () => {
    const [entry] = await logs();
    expect(entry).toEqual({
      eventTime: iso(start),
      type: 'CONFIG',
      deferredAt: '0001-01-01T00:00:00Z',
      eventGroupID: expect.stringMatching(/^[0-9a-f]{32}$/u),
      origin: 'CONFIG_API',
      actor: {
        id: expect.stringMatching(/^u\w+CNTRL$/u),
        type: 'USER',
        loginName: 'owner@acme.test',
        displayName: 'owner@acme.test',
      },
      target: { id: nodeId, name: 'box', type: 'NODE', property: 'MACHINE_NAME' },
      action: 'UPDATE',
      old: 'box',
      new: 'renamed',
    });
  });

  test('it is narrowed by event, actor and target', async () => {
    expect(names(await logs('&event=NODE.UPDATE.MACHINE_NAME'))).toEqual(['NODE.UPDATE.MACHINE_NAME']);
    expect(names(await logs('&event=NODE.APPROVE&event=NODE.DELETE'))).toEqual([
      'NODE.APPROVE',
      'NODE.DELETE',
    ]);
    expect(await logs(`&target=${nodeId}`)).toHaveLength(9);
    expect(await logs('&actor=~OWNER')).toHaveLength(20);
    expect(await logs('&actor=owner@acme.test&target=~hooks')).toHaveLength(0);
    expect(await logs('&actor=somebody')).toEqual([]);
    expect(await logs('&event=NODE.CREATE.ATTRIBUTES')).toEqual([
      expect.objectContaining({ actionDetails: 'why' }),
    ]);
  });

  test('a target is found by any part of its id or name', async () => {
    expect(names(await logs('&target=RENAME&event=NODE.REVOKE'))).toEqual(['NODE.REVOKE']);
    expect(await logs(`&target=${nodeId.slice(1, -3)}`)).toHaveLength(9);
    expect(await logs('&target=nothing&target=renam')).toHaveLength(8);
  });

  test('what was not there before or is not there after is left out', async () => {
    const of = async (event: string): Promise<Entry | undefined> => (await logs(`&event=${event}`))[0];
    const made = await of('NODE.CREATE.ATTRIBUTES');
    expect([made?.new, Object.hasOwn(made ?? {}, 'old')]).toEqual([{ 'custom:a': 1 }, false]);
    const gone = await of('NODE.DELETE.ATTRIBUTES');
    expect([gone?.old, Object.hasOwn(gone ?? {}, 'new')]).toEqual([{ 'custom:a': 2 }, false]);
  });

  test('what one call changed is one group', async () => {
    const groupOf = async (event: string) => (await logs(`&event=${event}`))[0]?.eventGroupID;
    expect(await groupOf('TAILNET.UPDATE.MAX_KEY_DURATION')).toBe(await groupOf('TAILNET.ENABLE.HTTPS'));
    api.clock.advance(10);
    await api.call('PATCH', `${T}/settings`, { body: { httpsEnabled: false } });
    expect(await groupOf('TAILNET.DISABLE.HTTPS')).not.toBe(await groupOf('TAILNET.ENABLE.HTTPS'));
    await api.call('PATCH', `${T}/settings`, { body: { httpsEnabled: true } });
  });

  test('only the time asked for is told, its end excluded', async () => {
    expect(await logs('', start - 30_000, start)).toEqual([]);
    expect(await logs('', start, start + 1)).toHaveLength(20);
  });

  test('no secret is in it', async () => {
    expect(JSON.stringify(await logs('', 0))).not.toMatch(/tskey-|hidden/u);
  });

  test('every entry has an actor with an id, also what this program did by itself', async () => {
    const by = { kind: 'system', id: '', name: 'control' } as const;
    const context = { orgs: [api.organization.id], by, origin: 'system' } as const;
    const at = api.clock.now();
    await api.store.write(context, async (tx) =>
      tx.audit(api.organization.id, {
        verb: 'expire',
        objectKind: 'device',
        objectId: 1,
        objectName: 'gone',
      }),
    );
    const actor = { id: 'system', type: 'AUTOMATED_WORKER', loginName: 'control', displayName: 'control' };
    expect((await logs('&actor=control', at)).map((entry) => entry.actor)).toEqual([actor]);
  });

  test('ids for AWS roles are new each time, but for the one that may be used again', async () => {
    const make = async (reusable: boolean) =>
      (await api.call('POST', `${T}/aws-external-id`, { body: { reusable } })).json<{ externalId: string }>();
    const [one, two, three, four] = [
      await make(false),
      await make(false),
      await make(true),
      await make(true),
    ];
    expect(one).toEqual({
      externalId: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u,
      ),
      tailscaleAwsAccountId: expect.stringMatching(/^[0-9]{12}$/u),
    });
    expect(two.externalId).not.toBe(one.externalId);
    expect(three.externalId).not.toBe(one.externalId);
    expect(four).toEqual(three);
  });

  test.each([
    '',
    '?start=2026-01-01T00:00:00Z',
    '?start=yesterday&end=today',
    '?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z',
    `?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z${'&target=a'.repeat(101)}`,
  ])('the query %j is refused', async (query) => {
    const answer = await api.call('GET', `${T}/logging/configuration${query}`);
    expect([answer.status, answer.json()]).toEqual([400, { message: expect.any(String) }]);
  });
});
