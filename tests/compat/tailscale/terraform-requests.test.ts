/**
 * The requests of the vendor's Terraform provider (0.29.2), recorded while it created, read, changed and destroyed one
 * resource of each type, sent again without it; and between them a change from elsewhere, which the next read must show.
 * What a read must hold is what the provider compares with its configuration.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

type Body = string | Readonly<Record<string, unknown>>;
/** `{name}` in paths and texts stands for a value of an earlier answer. */
type Request = readonly [method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: Body];

interface Resource {
  readonly type: string;
  /** Sent before the resource is made: what it depends on. */
  readonly before?: readonly Request[];
  readonly create: readonly Request[];
  readonly read: string;
  readonly created: object;
  /** Somebody else's change, and what the provider must then see. */
  readonly drift: Request;
  readonly drifted: object | number;
  /** None where a change makes the provider replace the resource. */
  readonly update?: readonly Request[];
  readonly updated?: object;
  readonly destroy: readonly Request[];
  /** What is read afterwards: a status, or what remains. */
  readonly gone: object | number;
}

const T = '/api/v2/tailnet/-';
const D = '/api/v2/device/{device}';
const POLICY: Request = ['POST', `${T}/acl`, '{"tagOwners": {"tag:web": ["autogroup:admin"]}}'];
const policy = (port: number): string =>
  `{
  // kept as it is written
  "tagOwners": {"tag:web": ["autogroup:admin"]},
  "grants": [{"src": ["autogroup:member"], "dst": ["tag:web"], "ip": ["tcp:${port}"]}],
}
`;
const twice = (request: Request): readonly Request[] => [request, request];
const contact = (kind: string, email: string): readonly Request[] =>
  twice(['PATCH', `${T}/contacts/${kind}`, { email }]);
const stream = (s3Bucket: string): Request => [
  'PUT',
  `${T}/logging/configuration/stream`,
  {
    destinationType: 's3',
    user: 'user',
    compressionFormat: 'none',
    s3Bucket,
    s3Region: 'us-west-2',
    s3AuthenticationType: 'rolearn',
    s3RoleArn: 'arn:aws:iam::123456789012:role/writer',
    s3ExternalId: '{externalId}',
    gcsScopes: [],
  },
];
const federated = { keyType: 'federated', scopes: ['devices:core:read'], tags: [] };
const claims = {
  issuer: 'https://issuer.example.com',
  subject: 'repo:acme/*',
  customClaimRules: { ref: 'main' },
};

const RESOURCES: readonly Resource[] = [
  {
    type: 'acl',
    create: [
      ['POST', `${T}/acl/validate`, policy(443)],
      ['POST', `${T}/acl`, policy(443)],
    ],
    read: `${T}/acl`,
    created: { text: policy(443) },
    drift: ['POST', `${T}/acl`, '{"grants": []}'],
    drifted: { text: '{"grants": []}' },
    update: [
      ['POST', `${T}/acl/validate`, policy(80)],
      ['POST', `${T}/acl`, policy(80)],
    ],
    updated: { text: policy(80) },
    // Only with reset_acl_on_destroy.
    destroy: [['POST', `${T}/acl`, '']],
    gone: { text: expect.not.stringContaining('tag:web') },
  },
  {
    type: 'contacts',
    create: [...contact('account', 'a@example.com'), ...contact('support', 's@example.com')],
    read: `${T}/contacts`,
    created: { account: { email: 'a@example.com' }, support: { email: 's@example.com' } },
    drift: ['PATCH', `${T}/contacts/support`, { email: 'else@example.com' }],
    drifted: { account: { email: 'a@example.com' }, support: { email: 'else@example.com' } },
    update: [...contact('account', 'a@example.com'), ...contact('support', 'help@example.com')],
    updated: { account: { email: 'a@example.com' }, support: { email: 'help@example.com' } },
    destroy: [],
    gone: { support: { email: 'help@example.com' } },
  },
  {
    type: 'device_authorization',
    create: [['POST', `${D}/authorized`, { authorized: true }]],
    read: D,
    created: { authorized: true },
    drift: ['POST', `${D}/authorized`, { authorized: false }],
    drifted: { authorized: false },
    update: [['POST', `${D}/authorized`, { authorized: true }]],
    updated: { authorized: true },
    destroy: [],
    gone: { authorized: true },
  },
  {
    type: 'device_key',
    create: [['POST', `${D}/key`, { keyExpiryDisabled: true }]],
    read: D,
    created: { keyExpiryDisabled: true },
    drift: ['POST', `${D}/key`, { keyExpiryDisabled: false }],
    drifted: { keyExpiryDisabled: false },
    update: [['POST', `${D}/key`, { keyExpiryDisabled: true }]],
    updated: { keyExpiryDisabled: true },
    destroy: [['POST', `${D}/key`, { keyExpiryDisabled: false }]],
    gone: { keyExpiryDisabled: false },
  },
  {
    type: 'device_subnet_routes',
    create: [['POST', `${D}/routes`, { routes: ['0.0.0.0/0', '10.0.1.0/24', '::/0'] }]],
    read: `${D}/routes`,
    created: { advertisedRoutes: [], enabledRoutes: ['0.0.0.0/0', '10.0.1.0/24', '::/0'] },
    drift: ['POST', `${D}/routes`, { routes: ['10.0.1.0/24'] }],
    drifted: { enabledRoutes: ['10.0.1.0/24'] },
    update: [['POST', `${D}/routes`, { routes: ['10.0.2.0/24'] }]],
    updated: { enabledRoutes: ['10.0.2.0/24'] },
    destroy: [['POST', `${D}/routes`, { routes: [] }]],
    gone: { enabledRoutes: [] },
  },
  {
    type: 'device_tags',
    before: [
      ['POST', `${T}/acl`, '{"tagOwners": {"tag:web": ["autogroup:admin"], "tag:db": ["autogroup:admin"]}}'],
    ],
    create: [['POST', `${D}/tags`, { tags: ['tag:web'] }]],
    read: D,
    created: { tags: ['tag:web'] },
    drift: ['POST', `${D}/tags`, { tags: ['tag:db'] }],
    drifted: { tags: ['tag:db'] },
    update: [['POST', `${D}/tags`, { tags: ['tag:web'] }]],
    updated: { tags: ['tag:web'] },
    // The service refuses to take the last tag of a device, and the provider says so.
    destroy: [],
    gone: { tags: ['tag:web'] },
  },
  {
    type: 'dns_configuration',
    create: [
      [
        'POST',
        `${T}/dns/configuration`,
        {
          nameservers: [{ address: '8.8.8.8' }, { address: '1.1.1.1', useWithExitNode: true }],
          splitDNS: { 'foo.example.com': [{ address: '1.1.1.2', useWithExitNode: true }] },
          searchPaths: ['example.com'],
          preferences: { overrideLocalDNS: true, magicDNS: true },
        },
      ],
    ],
    read: `${T}/dns/configuration`,
    created: {
      nameservers: [{ address: '8.8.8.8' }, { address: '1.1.1.1', useWithExitNode: true }],
      splitDNS: { 'foo.example.com': [{ address: '1.1.1.2', useWithExitNode: true }] },
      searchPaths: ['example.com'],
      preferences: { overrideLocalDNS: true, magicDNS: true },
    },
    drift: ['POST', `${T}/dns/searchpaths`, { searchPaths: ['else.example.com'] }],
    drifted: { searchPaths: ['else.example.com'] },
    update: [['POST', `${T}/dns/configuration`, { searchPaths: ['new.example.com'], preferences: {} }]],
    updated: { searchPaths: ['new.example.com'], preferences: { overrideLocalDNS: false, magicDNS: false } },
    destroy: [['POST', `${T}/dns/configuration`, { preferences: {} }]],
    gone: { preferences: { overrideLocalDNS: false, magicDNS: false } },
  },
  {
    type: 'dns_nameservers',
    create: [['POST', `${T}/dns/nameservers`, { dns: ['1.1.1.1', '8.8.8.8'] }]],
    read: `${T}/dns/nameservers`,
    created: { dns: ['1.1.1.1', '8.8.8.8'] },
    drift: ['POST', `${T}/dns/configuration`, { nameservers: [{ address: '9.9.9.9' }] }],
    drifted: { dns: ['9.9.9.9'] },
    update: [['POST', `${T}/dns/nameservers`, { dns: ['8.8.8.8'] }]],
    updated: { dns: ['8.8.8.8'] },
    destroy: [['POST', `${T}/dns/nameservers`, { dns: [] }]],
    gone: { dns: [] },
  },
  {
    type: 'dns_preferences',
    create: [['POST', `${T}/dns/preferences`, { magicDNS: true }]],
    read: `${T}/dns/preferences`,
    created: { magicDNS: true },
    drift: ['POST', `${T}/dns/configuration`, { preferences: { magicDNS: false } }],
    drifted: { magicDNS: false },
    update: [['POST', `${T}/dns/preferences`, { magicDNS: true }]],
    updated: { magicDNS: true },
    destroy: [['POST', `${T}/dns/preferences`, { magicDNS: false }]],
    gone: { magicDNS: false },
  },
  {
    type: 'dns_search_paths',
    create: [['POST', `${T}/dns/searchpaths`, { searchPaths: ['corp.example.com'] }]],
    read: `${T}/dns/searchpaths`,
    created: { searchPaths: ['corp.example.com'] },
    drift: ['POST', `${T}/dns/configuration`, { searchPaths: ['else.example.com'] }],
    drifted: { searchPaths: ['else.example.com'] },
    update: [['POST', `${T}/dns/searchpaths`, { searchPaths: ['new.example.com'] }]],
    updated: { searchPaths: ['new.example.com'] },
    destroy: [['POST', `${T}/dns/searchpaths`, { searchPaths: [] }]],
    gone: { searchPaths: [] },
  },
  {
    type: 'dns_split_nameservers',
    before: [['PUT', `${T}/dns/split-dns`, { 'other.example.com': ['10.0.9.53'] }]],
    create: [['PATCH', `${T}/dns/split-dns`, { 'inner.example.com': ['10.0.1.53'] }]],
    read: `${T}/dns/split-dns`,
    created: { 'inner.example.com': ['10.0.1.53'], 'other.example.com': ['10.0.9.53'] },
    drift: ['PUT', `${T}/dns/split-dns`, { 'other.example.com': ['10.0.9.53'] }],
    drifted: { text: '{"other.example.com":["10.0.9.53"]}' },
    update: [['PATCH', `${T}/dns/split-dns`, { 'inner.example.com': ['10.0.1.54'] }]],
    updated: { 'inner.example.com': ['10.0.1.54'], 'other.example.com': ['10.0.9.53'] },
    destroy: [['PATCH', `${T}/dns/split-dns`, { 'inner.example.com': [] }]],
    gone: { text: '{"other.example.com":["10.0.9.53"]}' },
  },
  {
    type: 'federated_identity',
    create: [['POST', `${T}/keys`, { ...federated, audience: '', ...claims, description: 'runner' }]],
    read: `${T}/keys/{id}`,
    created: { keyType: 'federated', scopes: ['devices:core:read'], ...claims, description: 'runner' },
    drift: [
      'PUT',
      `${T}/keys/{id}`,
      { ...federated, audience: '{audience}', ...claims, description: 'else' },
    ],
    drifted: { description: 'else' },
    update: [
      ['PUT', `${T}/keys/{id}`, { ...federated, audience: '{audience}', ...claims, description: 'changed' }],
    ],
    updated: { ...claims, description: 'changed' },
    destroy: [['DELETE', `${T}/keys/{id}`]],
    gone: { invalid: true },
  },
  {
    type: 'oauth_client',
    create: [
      ['POST', `${T}/keys`, { keyType: 'client', scopes: ['all:read'], tags: [], description: 'client' }],
    ],
    read: `${T}/keys/{id}`,
    created: { keyType: 'client', scopes: ['all:read'], description: 'client' },
    drift: [
      'PUT',
      `${T}/keys/{id}`,
      { keyType: 'client', scopes: ['dns:read'], tags: [], description: 'client' },
    ],
    drifted: { scopes: ['dns:read'] },
    update: [
      [
        'PUT',
        `${T}/keys/{id}`,
        { keyType: 'client', scopes: ['all:read'], tags: [], description: 'changed' },
      ],
    ],
    updated: { scopes: ['all:read'], description: 'changed' },
    destroy: [['DELETE', `${T}/keys/{id}`]],
    gone: { invalid: true },
  },
  {
    type: 'tailnet_key',
    before: [POLICY],
    create: [
      [
        'POST',
        `${T}/keys`,
        {
          capabilities: {
            devices: { create: { reusable: true, ephemeral: false, tags: ['tag:web'], preauthorized: true } },
          },
          expirySeconds: 3600,
          description: 'made by terraform',
        },
      ],
    ],
    read: `${T}/keys/{id}`,
    created: {
      keyType: 'auth',
      capabilities: {
        devices: { create: { reusable: true, ephemeral: false, tags: ['tag:web'], preauthorized: true } },
      },
      invalid: false,
      description: 'made by terraform',
    },
    drift: ['DELETE', `${T}/keys/{id}`],
    drifted: { invalid: true },
    destroy: [['DELETE', `${T}/keys/{id}`]],
    gone: { invalid: true },
  },
  {
    type: 'logstream_configuration',
    // The resource aws_external_id.
    before: [['POST', `${T}/aws-external-id`, { reusable: false }]],
    create: [stream('bucket')],
    read: `${T}/logging/configuration/stream`,
    created: { destinationType: 's3', user: 'user', s3Bucket: 'bucket', s3AuthenticationType: 'rolearn' },
    drift: ['DELETE', `${T}/logging/configuration/stream`],
    drifted: 404,
    update: [stream('other')],
    updated: {
      s3Bucket: 'other',
      s3Region: 'us-west-2',
      compressionFormat: 'none',
      logType: 'configuration',
    },
    destroy: [['DELETE', `${T}/logging/configuration/stream`]],
    gone: 404,
  },
  {
    type: 'posture_integration',
    create: [
      [
        'POST',
        `${T}/posture/integrations`,
        { provider: 'falcon', cloudId: 'us-1', clientId: 'client', clientSecret: 'secret' },
      ],
    ],
    read: '/api/v2/posture/integrations/{id}',
    created: { provider: 'falcon', cloudId: 'us-1', clientId: 'client' },
    drift: ['PATCH', '/api/v2/posture/integrations/{id}', { cloudId: 'eu-1' }],
    drifted: { cloudId: 'eu-1', clientId: 'client' },
    update: [
      [
        'PATCH',
        '/api/v2/posture/integrations/{id}',
        { cloudId: 'us-2', clientId: 'client', clientSecret: 'secret' },
      ],
    ],
    updated: { provider: 'falcon', cloudId: 'us-2', clientId: 'client' },
    destroy: [['DELETE', '/api/v2/posture/integrations/{id}']],
    gone: 404,
  },
  {
    type: 'service',
    before: [POLICY],
    create: [
      [
        'PUT',
        `${T}/vip-services/svc:web`,
        { name: 'svc:web', comment: 'the web', ports: ['tcp:443'], tags: ['tag:web'] },
      ],
    ],
    read: `${T}/vip-services/svc:web`,
    created: { name: 'svc:web', comment: 'the web', ports: ['tcp:443'], tags: ['tag:web'] },
    drift: ['PUT', `${T}/services/svc:web`, { name: 'svc:web', ports: ['tcp:80'] }],
    drifted: { ports: ['tcp:80'] },
    update: [
      [
        'PUT',
        `${T}/vip-services/svc:web`,
        { name: 'svc:web', comment: 'changed', ports: ['tcp:443'], tags: ['tag:web'] },
      ],
    ],
    updated: { comment: 'changed', ports: ['tcp:443'], tags: ['tag:web'] },
    destroy: [['DELETE', `${T}/vip-services/svc:web`]],
    gone: 404,
  },
  {
    type: 'tailnet_settings',
    create: [
      [
        'PATCH',
        `${T}/settings`,
        {
          aclsExternallyManagedOn: null,
          aclsExternalLink: null,
          devicesApprovalOn: false,
          devicesKeyDurationDays: 7,
          httpsEnabled: true,
        },
      ],
    ],
    read: `${T}/settings`,
    created: { devicesApprovalOn: false, devicesKeyDurationDays: 7, httpsEnabled: true },
    drift: ['PATCH', `${T}/settings`, { devicesKeyDurationDays: 30 }],
    drifted: { devicesKeyDurationDays: 30, httpsEnabled: true },
    update: [
      [
        'PATCH',
        `${T}/settings`,
        { aclsExternallyManagedOn: null, aclsExternalLink: null, devicesKeyDurationDays: 9 },
      ],
    ],
    updated: { devicesKeyDurationDays: 9, httpsEnabled: true },
    destroy: [],
    gone: { devicesKeyDurationDays: 9 },
  },
  {
    type: 'webhook',
    create: [
      [
        'POST',
        `${T}/webhooks`,
        {
          endpointUrl: 'https://example.com/hook',
          providerType: 'slack',
          subscriptions: ['nodeCreated', 'userDeleted'],
        },
      ],
    ],
    read: '/api/v2/webhooks/{endpointId}',
    created: {
      endpointUrl: 'https://example.com/hook',
      providerType: 'slack',
      subscriptions: ['nodeCreated', 'userDeleted'],
    },
    drift: ['PATCH', '/api/v2/webhooks/{endpointId}', { subscriptions: ['policyUpdate'] }],
    drifted: { subscriptions: ['policyUpdate'] },
    update: [['PATCH', '/api/v2/webhooks/{endpointId}', { subscriptions: ['nodeCreated', 'policyUpdate'] }]],
    updated: { subscriptions: ['nodeCreated', 'policyUpdate'] },
    destroy: [['DELETE', '/api/v2/webhooks/{endpointId}']],
    gone: 404,
  },
];

describe.each(ENGINES)('requests of the Terraform provider on %s', (engine) => {
  let api: ApiServer;
  let values: Map<string, string>;

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    const [device] = await addDevices(api, api.organization.id, [{ label: 'box', owner: api.owner.id }]);
    values = new Map([['device', String(device!.id)]]);
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const fill = (text: string): string =>
    text.replace(/\{(\w+)\}/gu, (whole, name: string) => values.get(name) ?? whole);
  const send = async ([method, path, body]: Request): Promise<void> => {
    const filled =
      body === undefined ? undefined : fill(typeof body === 'string' ? body : JSON.stringify(body));
    const answer = await api.call(method, fill(path), filled === undefined ? {} : { body: filled });
    expect([method, path, answer.status, answer.text]).toEqual([method, path, 200, answer.text]);
    if (answer.text.startsWith('{"')) {
      for (const [name, value] of Object.entries(answer.json<Record<string, unknown>>())) {
        if (typeof value === 'string') values.set(name, value);
      }
    }
  };
  const expectRead = async (path: string, wanted: object | number): Promise<void> => {
    const hujson = path.endsWith('/acl');
    const headers = { accept: hujson ? 'application/hujson' : 'application/json' };
    const answer = await api.call('GET', fill(path), { headers });
    if (typeof wanted === 'number') {
      expect(answer.status).toBe(wanted);
      return;
    }
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
    if ('text' in wanted) expect({ text: answer.text }).toEqual(wanted);
    else expect(answer.json()).toMatchObject(wanted);
  };

  test.each(RESOURCES)(
    '$type is made, read alike, seen to drift, put right and destroyed',
    async (resource) => {
      for (const request of resource.before ?? []) await send(request);
      for (const request of resource.create) await send(request);
      await expectRead(resource.read, resource.created);
      await expectRead(resource.read, resource.created);
      await send(resource.drift);
      await expectRead(resource.read, resource.drifted);
      if (resource.update !== undefined) {
        for (const request of resource.update) await send(request);
        await expectRead(resource.read, resource.updated ?? {});
      }
      for (const request of resource.destroy) {
        if (resource.update === undefined) await api.call(request[0], fill(request[1]));
        else await send(request);
      }
      await expectRead(resource.read, resource.gone);
    },
  );
});
