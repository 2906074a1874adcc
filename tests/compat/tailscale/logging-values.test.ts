import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

interface Entry {
  readonly action: string;
  readonly actor: object;
  readonly target: { readonly id: string; readonly type: string; readonly property?: string };
  readonly actionDetails?: string;
  readonly old?: unknown;
  readonly new?: unknown;
}
type Told = readonly [event: string, details: string | undefined, before: unknown, after: unknown];

describe.each(ENGINES)('what the configuration log says of a change on %s', (engine) => {
  let api: ApiServer;
  const T = '/api/v2/tailnet/-';
  const logs = async (from: number, query = ''): Promise<Entry[]> => {
    const iso = (ms: number): string => new Date(ms).toISOString();
    const range = `start=${iso(from)}&end=${iso(api.clock.now() + 1)}`;
    return (await api.call('GET', `${T}/logging/configuration?${range}${query}`)).json<{ logs: Entry[] }>()
      .logs;
  };
  const told = ({ target, action, actionDetails, old, new: after }: Entry): Told => [
    [target.type, action, target.property].filter(Boolean).join('.'),
    actionDetails,
    old,
    after,
  ];
  /** What one call leaves in the log. */
  const entriesOf = async (method: string, path: string, body?: object): Promise<Told[]> => {
    api.clock.advance(60_000);
    const from = api.clock.now();
    const answer = await api.call(method, path, body === undefined ? {} : { body });
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
    return (await logs(from)).map(told);
  };

  beforeAll(async () => {
    api = await createTailscaleServer(engine);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('which service it was, and all that its API shows of it, before and after', async () => {
    const path = `${T}/vip-services/svc:web`;
    const [made] = await entriesOf('PUT', path, { ports: ['tcp:443'] });
    const { addrs } = (await api.call('GET', path)).json<{ addrs: string[] }>();
    const service = { name: 'svc:web', displayName: '', addrs, tags: [], comment: '', annotations: {} };
    const before = { ...service, ports: ['tcp:443'] };
    expect(made).toEqual(['TAILNET.CREATE.SERVICE', 'svc:web', undefined, before]);
    const after = { ...service, ports: ['tcp:80'] };
    expect(await entriesOf('PUT', path, { ports: ['tcp:80'] })).toEqual([
      ['TAILNET.UPDATE.SERVICE', 'svc:web', before, after],
    ]);
    expect(await entriesOf('PUT', path, { ports: ['tcp:80'], addrs })).toEqual([]);
    expect(await entriesOf('DELETE', path)).toEqual([
      ['TAILNET.DELETE.SERVICE', 'svc:web', after, undefined],
    ]);
    expect(await logs(0, '&target=svc:web')).toHaveLength(3);
  });

  test('which integration it was, without its secret', async () => {
    const create = { provider: 'falcon', clientId: 'c', cloudId: 'us-1', clientSecret: 'hidden' };
    const shown = { provider: 'falcon', cloudId: 'us-1', clientId: 'c', tenantId: '' };
    expect(await entriesOf('POST', `${T}/posture/integrations`, create)).toEqual([
      ['TAILNET.CREATE.POSTURE_INTEGRATION', 'falcon', undefined, shown],
    ]);
    const list = await api.call('GET', `${T}/posture/integrations`);
    const path = `/api/v2/posture/integrations/${list.json<{ integrations: { id: string }[] }>().integrations[0]?.id}`;
    const other = { ...shown, cloudId: 'eu-1' };
    expect(await entriesOf('PATCH', path, { cloudId: 'eu-1' })).toEqual([
      ['TAILNET.UPDATE.POSTURE_INTEGRATION', 'falcon', shown, other],
    ]);
    expect(await entriesOf('PATCH', path, { clientSecret: 'hidden' })).toEqual([
      ['TAILNET.UPDATE.POSTURE_INTEGRATION', 'falcon: new client secret', other, other],
    ]);
    expect(await entriesOf('DELETE', path)).toEqual([
      ['TAILNET.DELETE.POSTURE_INTEGRATION', 'falcon', other, undefined],
    ]);
  });

  test('where a log stream leads, without what lets it in', async () => {
    const path = `${T}/logging/network/stream`;
    const plain = { compressionFormat: 'none', uploadPeriodMinutes: 0 };
    const splunk = { destinationType: 'splunk', url: 'https://splunk.test/in', ...plain };
    const url = 'https://splunk.test/in?key=hidden';
    expect(await entriesOf('PUT', path, { destinationType: 'splunk', url, token: 'hidden' })).toEqual([
      ['TAILNET.CREATE.LOGSTREAM_ENDPOINT', 'network', undefined, splunk],
    ]);
    const s3 = { s3Bucket: 'b', s3Region: 'r', s3AuthenticationType: 'accesskey' };
    const keys = { s3AccessKeyId: 'hidden', s3SecretAccessKey: 'hidden' };
    expect(await entriesOf('PUT', path, { destinationType: 's3', ...s3, ...keys })).toEqual([
      [
        'TAILNET.UPDATE.LOGSTREAM_ENDPOINT',
        'network',
        splunk,
        { destinationType: 's3', s3Bucket: 'b', ...plain },
      ],
    ]);
    expect(await entriesOf('DELETE', path)).toEqual([
      [
        'TAILNET.DELETE.LOGSTREAM_ENDPOINT',
        'network',
        { destinationType: 's3', s3Bucket: 'b', ...plain },
        undefined,
      ],
    ]);
  });

  test('what a webhook is told', async () => {
    const create = { endpointUrl: 'https://h.test', subscriptions: ['nodeCreated'] };
    const shown = { providerType: '', subscriptions: ['nodeCreated'] };
    expect(await entriesOf('POST', `${T}/webhooks`, create)).toEqual([
      ['WEBHOOK_ENDPOINT.CREATE', undefined, undefined, shown],
    ]);
  });

  test('what a key was good for, and whom a federated one trusts', async () => {
    const common = { keyType: 'federated', issuer: 'https://a.test', audience: 'api' };
    const made = await api.call('POST', `${T}/keys`, {
      body: { ...common, subject: 'one', scopes: ['dns:read'] },
    });
    const key = { kind: 'federated', tags: [], issuer: 'https://a.test', audience: 'api', claims: {} };
    const path = `${T}/keys/${made.json<{ id: string }>().id}`;
    expect(await entriesOf('PUT', path, { ...common, subject: 'two', scopes: ['dns'] })).toEqual([
      [
        'API_KEY.UPDATE',
        undefined,
        { ...key, subject: 'one', scopes: ['dns:read'] },
        { ...key, subject: 'two', scopes: ['dns'] },
      ],
    ]);
    expect(
      await entriesOf('POST', `${T}/keys`, {
        capabilities: { devices: { create: { reusable: true, ephemeral: true } } },
      }),
    ).toEqual([
      [
        'API_KEY.CREATE',
        undefined,
        undefined,
        {
          kind: 'auth-key',
          scopes: [],
          tags: [],
          reusable: true,
          ephemeral: true,
          preauthorized: false,
        },
      ],
    ]);
  });

  test('which part of the DNS settings', async () => {
    const path = `${T}/dns/configuration`;
    const body = {
      searchPaths: ['a.test'],
      splitDNS: { 'b.test': [{ address: '9.9.9.9' }] },
      preferences: { overrideLocalDNS: true, magicDNS: true },
    };
    const server = { address: '9.9.9.9', useWithExitNode: false };
    const event = 'TAILNET.UPDATE.DNS_CONFIG';
    expect(new Set(await entriesOf('POST', path, body))).toEqual(
      new Set([
        [event, undefined, { searchPaths: [] }, { searchPaths: ['a.test'] }],
        [event, undefined, { splitDNS: {} }, { splitDNS: { 'b.test': [server] } }],
        [event, undefined, { overrideLocalDNS: false }, { overrideLocalDNS: true }],
      ]),
    );
  });

  test('times as times, and addresses one against the other', async () => {
    const [device] = await addDevices(api, api.organization.id, [{ label: 'box', owner: api.owner.id }]);
    const path = `/api/v2/device/${device?.id}`;
    const { addresses } = (await api.call('GET', path)).json<{ addresses: string[] }>();
    expect(await entriesOf('POST', `${path}/ip`, { ipv4: '100.99.1.2' })).toEqual([
      ['NODE.UPDATE.IPV4', undefined, addresses[0], '100.99.1.2'],
    ]);
    const [[event, , , after] = []] = await entriesOf('POST', `${path}/expire`);
    expect([event, after]).toEqual(['NODE.EXPIRED.KEY_EXPIRY_TIME', new Date(api.clock.now()).toISOString()]);
  });

  test('which OAuth client it was, whichever of its tokens it used', async () => {
    const body = { keyType: 'client', scopes: ['dns'] };
    const { id, key } = (await api.call('POST', `${T}/keys`, { body })).json<{ id: string; key: string }>();
    const from = api.clock.now();
    for (const domain of ['one.test', 'two.test']) {
      const grant = await api.call('POST', '/api/v2/oauth/token', {
        body: `client_id=${id}&client_secret=${key}`,
        token: null,
      });
      const { access_token: token } = grant.json<{ access_token: string }>();
      const searchPaths = { body: { searchPaths: [domain] }, token };
      expect((await api.call('POST', `${T}/dns/searchpaths`, searchPaths)).status).toBe(200);
    }
    const made = await logs(from, `&actor=${id}&event=TAILNET.UPDATE.DNS_CONFIG`);
    const actor = { id, type: 'OAUTH_CLIENT', loginName: id, displayName: id };
    expect(made.map((entry) => entry.actor)).toEqual([actor, actor]);
  });

  test('that a device which comes or goes is ephemeral', async () => {
    const made = await addDevices(api, api.organization.id, [
      { label: 'lasting', owner: api.owner.id },
      { label: 'passing', owner: api.owner.id, ephemeral: true },
    ]);
    for (const { id, label } of made) {
      await entriesOf('DELETE', `/api/v2/device/${id}`);
      const [entry] = await logs(api.clock.now());
      const isEphemeral = label === 'passing' ? { isEphemeral: true } : {};
      expect(entry?.target).toEqual({ id: entry?.target.id, name: label, type: 'NODE', ...isEphemeral });
    }
  });

  test('who is invited is no user yet, by mail as by link, and an invitation goes by the name it came by', async () => {
    const invite = async (body: object) =>
      (await api.call('POST', `${T}/user-invites`, { body: [body] })).json<{ id: string }[]>()[0]?.id;
    api.clock.advance(60_000);
    const from = api.clock.now();
    for (const body of [{ role: 'member', email: 'new@elsewhere.test' }, { role: 'member' }]) {
      const id = await invite(body);
      await api.call('DELETE', `/api/v2/user-invites/${id}`);
      const entries = (await logs(from)).filter(({ target }) => target.id === id).map(told);
      expect(entries).toEqual([
        ['INVITE.CREATE.TAILNET_INVITE', undefined, undefined, { role: 'member' }],
        ['INVITE.DELETE.TAILNET_INVITE', undefined, undefined, undefined],
      ]);
    }
    expect((await logs(from)).map(({ target }) => target.type)).not.toContain('USER');
  });

  test('no secret is in any of it', async () => {
    expect(JSON.stringify(await logs(0))).not.toMatch(/tskey-|hidden/u);
  });
});
