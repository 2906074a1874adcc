/** Whatever is sent, the answer is one that the contract knows, in JSON, and a refusal has written nothing. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../support/api-server.ts';
import { ACCESS } from './access-table.ts';
import { addDevices, createTailscaleServer } from './support.ts';

const DOCUMENTED = new Set([200, 202, 400, 401, 403, 404, 405, 409, 412, 413, 422, 429, 501]);
const RUNS = 1_200;

let api: ApiServer;
let device: number;
/** Things that are there, by their names in paths. */
let things: Readonly<Record<string, readonly string[]>>;
beforeAll(async () => {
  api = await createTailscaleServer('sqlite');
  const [made] = await addDevices(api, api.organization.id, [{ label: 'box', owner: api.owner.id }]);
  device = made!.id;
  const make = async (path: string, body: object): Promise<Record<string, string>> =>
    (await api.call('POST', `/api/v2/tailnet/-/${path}`, { body })).json();
  const key = await make('keys', { keyType: 'client', scopes: ['dns'] });
  const hook = { endpointUrl: 'https://h.test', subscriptions: ['nodeCreated'] };
  const app = { name: 'an-app', redirectURIs: ['https://app.test/'], scopes: ['dns'] };
  things = {
    tailnet: ['-'],
    organization: ['-'],
    deviceId: [String(device)],
    keyId: [key.id!],
    endpointId: [(await make('webhooks', hook)).endpointId!],
    integrationId: [(await make('posture/integrations', { provider: 'kolide', clientSecret: 's' })).id!],
    appId: [(await make('oauth-apps', app)).id!],
    externalId: [(await make('aws-external-id', { reusable: true })).externalId!],
    userId: [String(api.owner.id)],
    logType: ['configuration', 'network'],
    contactType: ['account', 'support', 'security'],
    attributeKey: ['custom:x', 'custom:y', 'node:os'],
    serviceName: ['svc:web', 'svc:db'],
  };
});
afterAll(() => api.close());

/** Names that the API has, so that random bodies reach past the first check. */
const memberName = fc.oneof(
  fc.constantFrom(
    ...['routes', 'authorized', 'name', 'tags', 'keyExpiryDisabled', 'ipv4', 'keyType', 'scopes', 'devices'],
    ...['capabilities', 'description', 'expirySeconds', 'issuer', 'subject', 'customClaimRules', 'create'],
    ...['acls', 'grants', 'src', 'dst', 'action', 'tagOwners', 'groups', 'ssh', 'value', 'expiry', 'nodes'],
    ...['email', 'role', 'dns', 'magicDNS', 'searchPaths', 'nameservers', 'splitDNS', 'preferences'],
    ...['devicesApprovalOn', 'devicesKeyDurationDays', 'endpointUrl', 'subscriptions', 'ports', 'addrs'],
    ...['destinationType', 'url', 'token', 'user', 'uploadPeriodMinutes', 'compressionFormat', 's3Bucket'],
    ...['s3Region', 's3AuthenticationType', 's3RoleArn', 's3ExternalId', 'gcsBucket', 'gcsCredentials'],
    ...['gcsScopes', 'roleArn', 'reusable', 'redirectURIs', 'multiUse', 'invite', 'provider', 'clientSecret'],
    ...['__proto__', 'constructor', 'toString'],
  ),
  fc.string(),
);
const leaf = fc.oneof(
  fc.constantFrom(
    ...[
      'auth',
      'client',
      'federated',
      'all',
      'dns',
      'tag:x',
      '10.0.0.0/8',
      '0.0.0.0/0',
      'accept',
      '*',
      '*:*',
    ],
    ...['axiom', 's3', 'gcs', 'accesskey', 'rolearn', 'gzip', 'arn:aws:iam::123456789012:role/x', '{}'],
    ...['https://i.test', '1.1.1.1', '100.80.1.1', 'member', 'custom:x', 'svc:x', 'tcp:443'],
  ),
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(memberName, tie('value'), { maxKeys: 5 }),
  ),
})).value;
const body = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.dictionary(memberName, value, { maxKeys: 6 }).map((each) => JSON.stringify(each)),
  },
  { weight: 2, arbitrary: value.map((each) => JSON.stringify(each) ?? '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 1, arbitrary: fc.constantFrom('', '{}', '[]', 'null', '{"a":', `${'['.repeat(5_000)}`) },
);
const segment = fc.oneof(
  fc.constantFrom('-', 'acme.test', '0', '..', '.', '%2F', '%2e%2e', '%00', 'svc:web', 'custom:x', '%'),
  fc.string({ unit: 'binary' }).map((each) => encodeURIComponent(each.toWellFormed())),
  fc.nat({ max: 40 }).map(String),
);
const query = fc.oneof(
  fc.constant(''),
  fc
    .array(
      fc.tuple(
        fc.constantFrom(
          'fields',
          'all',
          'name',
          'id',
          'tags',
          'details',
          'type',
          'previewFor',
          'start',
          'end',
          'actor',
          'event',
          'role',
          'limit',
          'cursor',
          'x',
          'created',
        ),
        fc.oneof(
          fc.constantFrom('all', 'true', '1', 'user', 'member', ZERO()),
          fc.string({ unit: 'binary' }),
        ),
      ),
      { maxLength: 4 },
    )
    .map((pairs) => `?${pairs.map(([a, b]) => `${a}=${encodeURIComponent(b.toWellFormed())}`).join('&')}`),
);
function ZERO(): string {
  return '0001-01-01T00:00:00Z';
}
const ifMatch = fc.option(fc.constantFrom('*', 'ts-default', '"x"', '""', 'W/"x"'), { nil: undefined });

/** Of whoever calls it is noted now and then that they did, whatever became of the call. */
const NOTED: ReadonlySet<string> = new Set(['credentialSeen', 'membershipSeen']);
const placeOf = async (): Promise<number> =>
  (await api.store.feed.heads([api.organization.id])).get(api.organization.id) ?? 0;
/** Kinds of what was written since, and the head of the audit chain. */
const writtenSince = async (place: number): Promise<string> => {
  const org = api.organization.id;
  const changes = await api.store.feed.read(org, place, 1_000);
  const kinds = changes.map(({ kind }) => kind).filter((kind) => !NOTED.has(kind));
  return JSON.stringify([kinds, await api.store.auditHead(org)]);
};

test('random paths, queries and bodies get documented answers and write nothing when they are refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ACCESS.filter(({ apart }) => apart === undefined).map(({ operation }) => operation)),
      fc.array(segment, { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 0, max: 9 }),
      query,
      body,
      ifMatch,
      async (operation, segments, wild, search, sent, match) => {
        const [method, pattern] = operation.split(' ') as [string, string];
        let at = 0;
        const path = pattern.replace(/:[a-zA-Z]+/gu, (name) => {
          // Mostly things that are there, so that bodies are looked at; sometimes anything.
          const there = wild > 2 ? things[name.slice(1)] : undefined;
          return there?.[wild % there.length] ?? segments[at++] ?? '-';
        });
        // The things that all others are tried on must stay.
        const last = pattern.split('/:').at(-1) ?? '';
        fc.pre(!(method === 'DELETE' && things[last]?.some((thing) => path.endsWith(`/${thing}`)) === true));
        const place = await placeOf();
        const before = await writtenSince(place);
        const answer = await api.call(method, `${path}${search}`, {
          body: sent,
          ...(match === undefined ? {} : { headers: { 'if-match': match } }),
        });
        expect(DOCUMENTED.has(answer.status), `${answer.status} ${answer.text}`).toBe(true);
        if (answer.status >= 400) {
          const wire = answer.json<{ message: unknown; data?: unknown }>();
          expect(typeof wire.message).toBe('string');
          if (wire.data !== undefined) expect(Array.isArray(wire.data)).toBe(true);
          expect(await writtenSince(place)).toBe(before);
        }
        if (method === 'GET') expect(await writtenSince(place)).toBe(before);
      },
    ),
    { numRuns: RUNS },
  );
  expect(api.failures).toEqual([]);
}, 120_000);
