/** What the Kubernetes operator asks, in its order (contract §14): it starts, makes keys for proxies, and offers services. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, createApiServer } from '../../support/api-server.ts';
import { addDevices, tailscaleDialect } from './support.ts';

const T = '/api/v2/tailnet/-';

let api: ApiServer;
let token: string;
const call = (method: string, path: string, body?: unknown) =>
  api.call(method, path, body === undefined ? { token } : { token, body });

beforeAll(async () => {
  api = await createApiServer('sqlite', tailscaleDialect());
  const tagOwners = { 'tag:k8s-operator': [], 'tag:k8s': ['tag:k8s-operator'] };
  await api.call('POST', `${T}/acl`, {
    body: { grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }], tagOwners },
  });
  const client = {
    keyType: 'client',
    scopes: ['devices:core', 'auth_keys', 'services'],
    tags: ['tag:k8s-operator'],
  };
  const made = await api.call('POST', `${T}/keys`, { body: client });
  const { id, key } = made.json<{ id: string; key: string }>();
  // As Go's x/oauth2 asks: id and secret in the header first.
  const answer = await api.call('POST', '/api/v2/oauth/token', {
    token: null,
    body: 'grant_type=client_credentials',
    headers: {
      authorization: `Basic ${Buffer.from(`${id}:${key}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
  });
  token = answer.json<{ access_token: string }>().access_token;
});
afterAll(async () => {
  expect(api.failures).toEqual([]);
  await api.close();
});

test('it may read what it looks at before it starts', async () => {
  for (const path of ['devices', 'keys', 'vip-services']) {
    expect([path, (await call('GET', `${T}/${path}`)).status]).toEqual([path, 200]);
  }
});

test('it makes a key for a proxy, with a tag that its own tag owns, and no other', async () => {
  const create = { reusable: false, ephemeral: false, preauthorized: true, tags: ['tag:k8s'] };
  const made = await call('POST', `${T}/keys`, { capabilities: { devices: { create } } });
  expect(made.status).toBe(200);
  expect(made.json<{ key: string }>().key).toMatch(/^tskey-auth-/u);
  const foreign = { ...create, tags: ['tag:other'] };
  expect((await call('POST', `${T}/keys`, { capabilities: { devices: { create: foreign } } })).status).toBe(
    400,
  );
});

test('it looks after the devices of its proxies, and bears that one is gone already', async () => {
  const [proxy] = await addDevices(api, api.organization.id, [{ label: 'proxy', tags: ['tag:k8s'] }]);
  const listed = await call('GET', `${T}/devices`);
  const { devices } = listed.json<{ devices: { id: string; nodeId: string }[] }>();
  const { nodeId } = devices.find(({ id }) => id === String(proxy!.id))!;
  expect((await call('GET', `/api/v2/device/${nodeId}`)).json()).toMatchObject({ nodeId, tags: ['tag:k8s'] });
  expect((await call('DELETE', `/api/v2/device/${nodeId}`)).status).toBe(200);
  for (const method of ['GET', 'DELETE']) {
    expect([method, (await call(method, `/api/v2/device/${nodeId}`)).status]).toEqual([method, 404]);
  }
});

test('it offers a service, keeps its own marks on it, and takes it away', async () => {
  const path = `${T}/vip-services/svc:web`;
  expect((await call('GET', path)).status).toBe(404);
  const annotations = { 'tailscale.com/owner-references': '{"ownerRefs":[{"operatorID":"o"}]}' };
  const body = { name: 'svc:web', tags: ['tag:k8s'], comment: 'managed', ports: ['tcp:443'], annotations };
  expect((await call('PUT', path, body)).status).toBe(200);
  const { addrs } = (await call('GET', path)).json<{ addrs: string[] }>();
  expect(addrs).toHaveLength(2);
  // It copies the addresses that it has read.
  expect((await call('PUT', path, { ...body, addrs, ports: ['tcp:80', 'tcp:443'] })).status).toBe(200);
  expect((await call('GET', path)).json()).toMatchObject({
    addrs,
    annotations,
    ports: ['tcp:80', 'tcp:443'],
  });
  expect((await call('DELETE', path)).status).toBe(200);
  expect((await call('DELETE', path)).status).toBe(404);
});
