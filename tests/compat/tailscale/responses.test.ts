/** Every operation is made to succeed once, so that every answer is held against its schema (which the hook does everywhere). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTailscaleApi } from '../../../src/api/tailscale/index.ts';
import { createAwsRoles } from '../../../src/jobs/outgoing/aws.ts';
import { createOutgoing, type Outgoing } from '../../../src/jobs/outgoing/exchange.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import {
  type Answer,
  type ApiServer,
  createApiServer,
  type TestOrganization,
} from '../../support/api-server.ts';
import { createFakeAws, type FakeAws } from '../../support/aws-services.ts';
import { ACCESS } from './access-table.ts';
import { createIssuer, type TestIssuer } from './issuer.ts';
import { createResponseCheck } from './response-check.ts';
import { RESPONSES } from './response-schemas.ts';
import { addDevices, type Internet, tailscaleParts } from './support.ts';

const T = '/api/v2/tailnet/-';
const ARN = 'arn:aws:iam::123456789012:role/good';

const responses = createResponseCheck();
const internet: Internet = new Map();
let aws: FakeAws;
let outgoing: Outgoing;
let issuer: TestIssuer;
let api: ApiServer;
let acme: TestOrganization;

beforeAll(async () => {
  aws = await createFakeAws();
  outgoing = createOutgoing({ allowPrivate: true, userAgent: 'test' });
  issuer = await createIssuer(internet);
  const account = { ...aws.account, stsUrl: aws.url };
  const roles = createAwsRoles({ account, exchange: outgoing.exchange, clock: systemClock });
  api = await createApiServer('sqlite', (parts) => [
    responses.plugin,
    createTailscaleApi(tailscaleParts(parts, undefined, internet, 'administrators', roles)),
  ]);
  acme = api;
});
afterAll(async () => {
  expect(api.failures).toEqual([]);
  await api.close();
  outgoing.close();
  await aws.close();
});

const call = async (
  operation: string,
  body?: unknown,
  more: { token?: string; headers?: Record<string, string> } = {},
) => {
  const [method = '', path = ''] = operation.split(' ');
  const answer: Answer = await api.call(method, path, { ...(body === undefined ? {} : { body }), ...more });
  expect([operation, answer.status, answer.status >= 300 ? answer.text : '']).toEqual([
    operation,
    answer.status,
    '',
  ]);
  return answer;
};
const made = async <V>(operation: string, body?: unknown, more = {}): Promise<V> =>
  (await call(operation, body, more)).json<V>();

const DNS_FORMS = ['nameservers', 'preferences', 'searchpaths', 'split-dns', 'configuration', 'config'];

test('the schemas are those of the operations, one each', () => {
  expect([...RESPONSES.keys()].toSorted()).toEqual(ACCESS.map(({ operation }) => operation).toSorted());
});

test('devices, their routes, attributes and invites', async () => {
  const tagOwners = { 'tag:x': ['autogroup:admin'] };
  await call(`POST ${T}/acl`, { grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }], tagOwners });
  const [box, other, third] = await addDevices(api, api.organization.id, [
    { label: 'box', owner: api.owner.id, advertised: ['10.0.0.0/16'], online: true },
    { label: 'other', owner: api.owner.id },
    { label: 'third', owner: api.owner.id, tags: ['tag:x'] },
  ]);
  const D = `/api/v2/device/${box!.id}`;
  await call(`GET ${T}/devices`);
  await call(`GET ${T}/devices?fields=all`);
  await call(`GET ${D}?fields=all`);
  await call(`GET /api/v2/device/${third!.id}`);
  await call(`POST ${D}/routes`, { routes: ['10.0.0.0/16', '1.2.0.0/16'] });
  await call(`GET ${D}/routes`);
  await call(`POST ${D}/authorized`, { authorized: true });
  await call(`POST ${D}/name`, { name: 'renamed' });
  await call(`POST ${D}/key`, { keyExpiryDisabled: true });
  await call(`POST ${D}/ip`, { ipv4: '100.80.1.2' });
  await call(`POST ${D}/attributes/custom:x`, {
    value: 7,
    expiry: new Date(api.clock.now() + 3_600_000).toISOString(),
  });
  await call(`GET ${D}/attributes`);
  await call(`PATCH ${T}/device-attributes`, {
    nodes: { [String(other!.id)]: { 'custom:x': { value: 8 } } },
  });
  await call(`DELETE ${D}/attributes/custom:x`);

  const [invite] = await made<{ id: string; inviteUrl: string }[]>(`POST ${D}/device-invites`, [
    { multiUse: true, email: 'guest@else.test', allowExitNode: true },
  ]);
  await call(`GET ${D}/device-invites`);
  const rival = await api.createOrganization('rival');
  await call('POST /api/v2/device-invites/-/accept', { invite: invite!.inviteUrl }, { token: rival.token });
  await call(`GET ${T}/devices?fields=all`, undefined, { token: rival.token });
  await call(`GET ${T}/users?type=all`);
  await call(`GET /api/v2/device-invites/${invite!.id}`);
  api.clock.advance(120_000);
  await call(`POST /api/v2/device-invites/${invite!.id}/resend`);
  await call(`DELETE /api/v2/device-invites/${invite!.id}`);

  await call(`POST ${D}/tags`, { tags: ['tag:x'] });
  await call(`POST /api/v2/device/${other!.id}/expire`);
  await call(`DELETE /api/v2/device/${other!.id}`);
});

test('keys of every type, and tokens made from them', async () => {
  const auth = {
    capabilities: { devices: { create: { reusable: true, tags: ['tag:x'] } } },
    expirySeconds: 3_600,
  };
  await call(`POST ${T}/keys`, auth);
  const client = await made<{ id: string; key: string }>(`POST ${T}/keys`, {
    keyType: 'client',
    scopes: ['dns'],
  });
  await call(`PUT ${T}/keys/${client.id}`, { keyType: 'client', scopes: ['all'], description: 'x' });
  const form = new URLSearchParams({ client_id: client.id, client_secret: client.key });
  await call('POST /api/v2/oauth/token', form.toString());
  const federated = await made<{ id: string; audience: string }>(`POST ${T}/keys`, {
    ...{ keyType: 'federated', scopes: ['dns'], issuer: issuer.url, subject: 'repo:*' },
    customClaimRules: {},
  });
  const jwt = await issuer.token({ sub: 'repo:x', aud: federated.audience }, api.clock.now());
  await call(
    'POST /api/v2/oauth/token-exchange',
    new URLSearchParams({ client_id: federated.id, jwt }).toString(),
  );
  await call(`GET ${T}/keys?all=true`);
  await call(`GET ${T}/keys/${federated.id}`);
  await call(`DELETE ${T}/keys/${client.id}`);
  await call(`GET ${T}/keys/${client.id}`);
});

test('the policy file in all its forms', async () => {
  for (const accept of ['application/json', 'application/hujson', '*/*']) {
    await call(`GET ${T}/acl`, undefined, { headers: { accept } });
    await call(`POST ${T}/acl`, '{"grants": [], "tagOwners": {"tag:x": []}, /* x */}', {
      headers: { accept },
    });
  }
  await call(`GET ${T}/acl?details=1`);
  const policy = {
    acls: [{ action: 'accept', src: ['owner@acme.test'], dst: ['*:22'], srcPosture: ['posture:p'] }],
    postures: { 'posture:p': ["node:os == 'linux'"] },
  };
  await call(`POST ${T}/acl/preview?type=user&previewFor=owner@acme.test`, policy);
  await call(`POST ${T}/acl/preview?type=ipport&previewFor=100.80.1.2:22`, policy);
  await call(`POST ${T}/acl/validate`, policy);
  await call(`POST ${T}/acl/validate`, { acls: 'x' });
  await call(`POST ${T}/acl/validate`, [{ src: 'owner@acme.test', accept: ['100.80.1.2:22'] }]);
});

test('DNS in all its forms, full and empty', async () => {
  await call(`POST ${T}/dns/nameservers`, { dns: ['8.8.8.8'] });
  await call(`POST ${T}/dns/preferences`, { magicDNS: true });
  await call(`POST ${T}/dns/searchpaths`, { searchPaths: ['acme.test'] });
  await call(`PATCH ${T}/dns/split-dns`, { 'a.test': ['1.1.1.1'] });
  await call(`PUT ${T}/dns/split-dns`, { 'b.test': ['1.1.1.1'] });
  for (const name of DNS_FORMS) {
    await call(`GET ${T}/dns/${name}`);
  }
  await call(`POST ${T}/dns/configuration`, {});
  await call(`POST ${T}/dns/config`, { proxied: true });
  for (const name of DNS_FORMS) {
    await call(`GET ${T}/dns/${name}`);
  }
});

test('people, settings and contacts', async () => {
  const { member } = await api.createMember(acme, 'member', 'bea');
  const user = `/api/v2/users/${member.id}`;
  await call(`GET ${T}/users`);
  await call(`GET ${user}`);
  await call(`POST ${user}/role`, { role: 'auditor' });
  for (const name of ['approve', 'suspend', 'restore', 'delete']) await call(`POST ${user}/${name}`);
  await call(`PATCH ${T}/settings`, { devicesApprovalOn: true, networkFlowLoggingOn: true });
  await call(`GET ${T}/settings`);
  await call(`GET ${T}/settings`, undefined, {
    token: await api.createToken(acme, api.owner, ['logs:network:read']),
  });
  await call(`PATCH ${T}/contacts/support`, { email: 'help@acme.test' });
  await call(`GET ${T}/contacts`);
  await call(`POST ${T}/contacts/support/resend-verification-email`);
  const [invite] = await made<{ id: string }[]>(`POST ${T}/user-invites`, [
    { email: 'x@y.test' },
    { email: 'z@y.test', role: 'auditor' },
  ]);
  await call(`GET ${T}/user-invites`);
  await call(`GET /api/v2/user-invites/${invite!.id}`);
  api.clock.advance(120_000);
  await call(`POST /api/v2/user-invites/${invite!.id}/resend`);
  await call(`DELETE /api/v2/user-invites/${invite!.id}`);
});

test.each(['vip-services', 'services'])('services under %s', async (base) => {
  const one = `${T}/${base}/svc:web`;
  const [host] = await addDevices(api, api.organization.id, [{ label: `host-${base}`, tags: ['tag:x'] }]);
  await call(`PUT ${one}`, { ports: ['tcp:443'], comment: 'c', tags: ['tag:x'], annotations: { a: 'b' } });
  await call(`GET ${one}`);
  await call(`GET ${T}/${base}`);
  await call(`POST ${one}/device/${host!.id}/approved`, { approved: true });
  await call(`GET ${one}/device/${host!.id}/approved`);
  await call(`GET ${one}/devices`);
  await call(`DELETE ${one}`);
});

test('webhooks and posture integrations', async () => {
  const body = { endpointUrl: 'https://hook.test', subscriptions: ['nodeCreated'] };
  const { endpointId } = await made<{ endpointId: string }>(`POST ${T}/webhooks`, body);
  const webhook = `/api/v2/webhooks/${endpointId}`;
  await call(`GET ${T}/webhooks`);
  await call(`GET ${webhook}`);
  await call(`PATCH ${webhook}`, { subscriptions: ['nodeDeleted'] });
  await call(`POST ${webhook}/test`);
  await call(`POST ${webhook}/rotate`);
  await call(`DELETE ${webhook}`);
  const { id } = await made<{ id: string }>(`POST ${T}/posture/integrations`, {
    provider: 'kolide',
    clientSecret: 's',
  });
  await call(`GET ${T}/posture/integrations`);
  await call(`GET /api/v2/posture/integrations/${id}`);
  await call(`PATCH /api/v2/posture/integrations/${id}`, { clientId: 'c' });
  await call(`PATCH ${T}/posture/integrations/${id}`, { clientId: 'd' });
  await call(`DELETE /api/v2/posture/integrations/${id}`);
});

test('logs, their streams, and ids for AWS', async () => {
  const { id: org } = api.organization;
  const [box] = await addDevices(api, org, [{ label: 'talker', owner: api.owner.id }]);
  const record = { device: box!.id, startAt: 0, endAt: 1, traffic: '{"virtualTraffic":[]}' };
  await api.flowLogs.accept({ org, device: box!.id }, [record]);
  const window = 'start=2000-01-01T00:00:00Z&end=2100-01-01T00:00:00Z';
  await call(`GET ${T}/logging/configuration?${window}`);
  const { logs } = await made<{ logs: unknown[] }>(`GET ${T}/logging/network?${window}`);
  expect(logs).toHaveLength(1);
  const stream = `${T}/logging/network/stream`;
  await call(`PUT ${stream}`, { destinationType: 'axiom', url: 'https://a.test', token: 't' });
  await call(`GET ${stream}`);
  await call(`GET ${stream}/status`);
  await call(`DELETE ${stream}`);
  const { externalId } = await made<{ externalId: string }>(`POST ${T}/aws-external-id`, { reusable: true });
  aws.roles.push({ arn: ARN, externalId });
  await call(`POST ${T}/aws-external-id/${externalId}/validate-aws-trust-policy`, { roleArn: ARN });
});

test('OAuth apps and further tailnets', async () => {
  const body = { name: 'an-app', redirectURIs: ['https://app.test/back'], scopes: ['dns'] };
  const { id } = await made<{ id: string }>(`POST ${T}/oauth-apps`, body);
  await call(`GET ${T}/oauth-apps`);
  await call(`GET ${T}/oauth-apps/${id}`);
  await call(`PUT ${T}/oauth-apps/${id}`, { ...body, description: 'an app' });
  await call(`DELETE ${T}/oauth-apps/${id}`);
  for (const [displayName, path] of [
    ['Child', T],
    ['Other child', `${T}/tailnet`],
  ] as const) {
    const child = await made<{ id: string; oauthClient: { id: string; secret: string } }>(
      'POST /api/v2/organizations/-/tailnets',
      { displayName },
    );
    await call('GET /api/v2/organizations/-/tailnets');
    const { id: client_id, secret: client_secret } = child.oauthClient;
    const form = new URLSearchParams({ client_id, client_secret });
    const { access_token: token } = await made<{ access_token: string }>(
      'POST /api/v2/oauth/token',
      form.toString(),
    );
    await call(`DELETE ${path}`, undefined, { token });
  }
});

test('every operation was among them', () => {
  const missing = [...RESPONSES.keys()].filter((operation) => !responses.seen.has(operation));
  expect(missing).toEqual([]);
});
