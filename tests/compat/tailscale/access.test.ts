/**
 * Who may call what. The expectations are the role matrix and the scope table of the API's contract (§3.2, §1.3), written
 * down as data; a new operation fails here until it has its line.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tailscaleOperations } from '../../../src/api/tailscale/index.ts';
import type { Role } from '../../../src/domain/model/people.ts';
import { type ApiServer, createApiServer, type TestOrganization } from '../../support/api-server.ts';
import { ACCESS } from './access-table.ts';
import { addDevices, tailscaleDialect, tailscaleParts } from './support.ts';

const ROLES: readonly Role[] = [
  ...(['owner', 'admin', 'network-admin', 'it-admin', 'billing-admin', 'auditor', 'member'] as const),
];

let api: ApiServer;
let acme: TestOrganization;
let rival: TestOrganization;
let rivalDevice: number;
let rivalKey: string;
let rivalInvite: number;
let rivalShare: number;
let rivalApp: number;
let rivalWebhook: number;
let rivalIntegration: number;
let rivalExternalId: string;
const roleTokens = new Map<Role, string>();

beforeAll(async () => {
  api = await createApiServer('sqlite', tailscaleDialect());
  acme = api;
  roleTokens.set('owner', api.token);
  for (const role of ROLES) {
    if (role !== 'owner') roleTokens.set(role, (await api.createMember(acme, role)).token);
  }
  rival = await api.createOrganization('rival');
  const [device] = await addDevices(api, rival.organization.id, [{ label: 'secret', owner: rival.owner.id }]);
  rivalDevice = device!.id;
  const key = await api.call('POST', '/api/v2/tailnet/-/keys', {
    token: rival.token,
    body: { keyType: 'client', scopes: ['dns'] },
  });
  rivalKey = key.json<{ id: string }>().id;
  const asRival = async (method: string, path: string, body: object): Promise<void> => {
    const answer = await api.call(method, `/api/v2/tailnet/-/${path}`, { token: rival.token, body });
    expect([path, answer.status, answer.text]).toEqual([path, 200, answer.text]);
  };
  await asRival('POST', 'webhooks', { endpointUrl: 'https://r.test', subscriptions: ['nodeCreated'] });
  await asRival('POST', 'posture/integrations', { provider: 'kolide', clientSecret: 'x' });
  await asRival('POST', 'user-invites', [{ email: 'guest@rival.test' }]);
  await asRival('PUT', 'vip-services/svc:hidden', { ports: ['tcp:443'] });
  await asRival('POST', 'oauth-apps', APP);
  const shared = await api.call('POST', `/api/v2/device/${rivalDevice}/device-invites`, {
    token: rival.token,
    body: [{}],
  });
  rivalShare = Number(shared.json<{ id: string }[]>()[0]!.id);
  const org = rival.organization.id;
  await asRival('PUT', 'logging/configuration/stream', {
    ...{ destinationType: 'http', url: 'https://r.test', token: 't' },
  });
  await asRival('POST', 'aws-external-id', { reusable: true });
  rivalExternalId = (await api.store.find('awsExternalId', rival.organization.id, {}))[0]!.externalId;
  rivalApp = (await api.store.find('oauthApp', org, {}))[0]!.id;
  rivalInvite = (await api.store.find('invitation', org, {}))[0]!.id;
  rivalWebhook = (await api.store.find('webhook', org, {}))[0]!.id;
  rivalIntegration = (await api.store.find('postureIntegration', org, {}))[0]!.id;
});
afterAll(async () => {
  expect(api.failures).toEqual([]);
  await api.close();
});

const fill = (path: string): string =>
  path
    .replace(':tailnet', '-')
    .replace(':organization', '-')
    .replace(':deviceId', '999999')
    .replace(':keyId', 'k1zzzzzCNTRL')
    .replace(/:[a-zA-Z]+/gu, '999999');

/** 401 and 403 are refusals of the caller; whatever else comes was let in (the bodies are empty, the ids unknown). */
const isRefused = (status: number): boolean => status === 401 || status === 403;

describe('every operation of the dialect', () => {
  test('has a line in the table, and every line an operation', () => {
    const mounted = tailscaleOperations(tailscaleParts(api)).map(({ method, path }) => `${method} ${path}`);
    expect(mounted.toSorted()).toEqual(ACCESS.map(({ operation }) => operation).toSorted());
  });

  test('declares what it requires', () => {
    for (const operation of tailscaleOperations(tailscaleParts(api))) {
      expect(operation.requires, operation.id).toBeTruthy();
    }
  });

  test.each(ACCESS.filter(({ roles, apart }) => roles !== 'public' && apart === undefined))(
    '$operation lets in the roles of the matrix and no other',
    async ({ operation, roles }) => {
      const [method, path] = operation.split(' ') as [string, string];
      const letIn: string[] = [];
      for (const role of ROLES) {
        // A reset of the policy file or a list of all keys must not depend on the body: it is never one that works.
        const answer = await api.call(method, fill(path), { token: roleTokens.get(role)!, body: '{"x' });
        if (!isRefused(answer.status)) letIn.push(role);
      }
      expect(letIn).toEqual(roles);
      const anonymous = await api.call(method, fill(path), { token: null, body: '{"x' });
      expect(anonymous.status).toBe(401);
    },
  );

  test.each(ACCESS.filter(({ roles, apart }) => roles !== 'public' && apart === undefined))(
    '$operation lets in the scopes of the table and no other',
    async ({ operation, scopes }) => {
      const [method, path] = operation.split(' ') as [string, string];
      const letIn: string[] = [];
      for (const scope of SCOPES) {
        const token = await scopedToken(scope);
        const answer = await api.call(method, fill(path), { token, body: '{"x' });
        if (!isRefused(answer.status)) letIn.push(scope);
      }
      expect(letIn.toSorted()).toEqual([...scopes].toSorted());
    },
  );

  // A PUT of a name or type that only the other organization has makes a thing of one's own.
  const NAMED_THING = /:(?!tailnet)/u;
  const MAKES_OWN = /^PUT .*:(?:serviceName|logType\/stream)$/u;
  test.each(ACCESS.filter(({ operation }) => NAMED_THING.test(operation) && !MAKES_OWN.test(operation)))(
    '$operation does not know the things of another organization',
    async ({ operation }) => {
      const [method, path] = operation.split(' ') as [string, string];
      const before = await snapshotOf(rival.organization.id);
      for (const plain of [true, false]) {
        const id = (letter: string, value: number): string =>
          plain ? String(value) : `${letter}${encode(value)}CNTRL`;
        const names: Readonly<Record<string, string>> = {
          tailnet: '-',
          deviceId: id('n', rivalDevice),
          userId: id('u', rival.owner.id),
          endpointId: id('w', rivalWebhook),
          integrationId: id('p', rivalIntegration),
          keyId: rivalKey,
          userInviteId: String(rivalInvite),
          deviceInviteId: String(rivalShare),
          appId: id('a', rivalApp),
          organization: id('T', rival.organization.id),
          serviceName: 'svc:hidden',
          attributeKey: 'custom:x',
          contactType: 'nobody',
          externalId: rivalExternalId,
          logType: 'configuration',
        };
        const url = path.replace(/:([a-zA-Z]+)/gu, (_all, name: string) => names[name]!);
        const last = path.split('/').at(-1)!;
        const body = BODIES[`${method} ${last}`] ?? BODIES[last] ?? VALID_KEY;
        const answer = await api.call(method, url, { body });
        expect([url, answer.status]).toEqual([url, 404]);
      }
      expect(await snapshotOf(rival.organization.id)).toBe(before);
    },
  );

  test.each(ACCESS.filter(({ operation, apart }) => operation.includes(':tailnet') && apart === undefined))(
    '$operation does not know the tailnet of another organization',
    async ({ operation }) => {
      const [method, path] = operation.split(' ') as [string, string];
      const before = await snapshotOf(rival.organization.id);
      for (const tailnet of ['rival.test', `T${encode(rival.organization.id)}CNTRL`]) {
        const url = fill(path.replace(':tailnet', tailnet).replace(':keyId', rivalKey));
        const answer = await api.call(method, url, { body: VALID_KEY });
        expect([url, answer.status]).toEqual([url, 404]);
      }
      expect(await snapshotOf(rival.organization.id)).toBe(before);
    },
  );
});

const APP = { name: 'app', redirectURIs: ['https://app.test/back'], scopes: ['dns:read'] };

const BODIES: Readonly<Record<string, unknown>> = {
  'device-invites': [{}],
  'PUT :appId': APP,
  tailnets: { displayName: 'Taken over' },
  routes: { routes: [] },
  authorized: { authorized: false },
  name: { name: 'taken-over' },
  tags: { tags: [] },
  key: { keyExpiryDisabled: true },
  ip: { ipv4: '100.90.1.1' },
  role: { role: 'member' },
  approved: { approved: false },
  ':attributeKey': { value: 1 },
  'validate-aws-trust-policy': { roleArn: 'arn:aws:iam::123456789012:role/x' },
  ':contactType': { email: 'x@x.test' },
  'PATCH :endpointId': { subscriptions: ['nodeDeleted'] },
};
const VALID_KEY = { keyType: 'client', scopes: ['dns'], description: 'taken over' };

/** The canonical digits of an id, as the contract's ids hold them. */
function encode(id: number): string {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let digits = '';
  for (let rest = id; rest > 0; rest = Math.floor(rest / alphabet.length)) {
    digits = alphabet[rest % alphabet.length] + digits;
  }
  return digits.padStart(6, '1');
}

/** What every write moves but marks of use, which are noted in the background. */
async function snapshotOf(org: number): Promise<string> {
  return JSON.stringify(await api.store.auditHead(org));
}

const SCOPES = [
  ...['all', 'all:read', 'devices:core', 'devices:core:read', 'devices:routes', 'devices:routes:read'],
  ...['devices:posture_attributes', 'devices:posture_attributes:read', 'auth_keys', 'auth_keys:read'],
  ...['oauth_keys', 'oauth_keys:read', 'federated_keys', 'federated_keys:read', 'api_access_tokens'],
  ...['api_access_tokens:read', 'policy_file', 'policy_file:read', 'dns', 'dns:read', 'users', 'users:read'],
  ...['account_settings', 'account_settings:read', 'feature_settings', 'feature_settings:read'],
  ...['networking_settings', 'networking_settings:read', 'logs:network', 'logs:network:read'],
  ...['logs:configuration:read', 'log_streaming', 'log_streaming:read', 'webhooks', 'webhooks:read'],
  ...['services', 'services:read', 'device_invites', 'device_invites:read', 'oauth_apps', 'oauth_apps:read'],
  ...['tailnets', 'tailnets:read'],
];
const scoped = new Map<string, string>();
async function scopedToken(scope: string): Promise<string> {
  let token = scoped.get(scope);
  if (token === undefined) {
    token = await api.createToken(acme, api.owner, [scope]);
    scoped.set(scope, token);
  }
  return token;
}
