/**
 * The calls of the vendor's dashboard (0.26) in its order, as recorded from its source: what it sends along, and the fields
 * that it stumbles over when they are missing. A browser test runs the dashboard itself where it is built.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, createApiServer } from '../../support/api-server.ts';
import { type Call, callOf, responseOf, type Wire } from './calls.ts';
import { netmakerDialect, setPassword } from './support.ts';

const DASHBOARD = 'https://dashboard.acme.test';
const PASSWORD = 'a right password';

let api: ApiServer;
let call: Call;
let jwt = '';
beforeAll(async () => {
  api = await createApiServer('sqlite', (parts) => netmakerDialect(parts, { dashboardUrl: DASHBOARD }));
  call = callOf(api);
  await setPassword(api, api.owner, PASSWORD);
});
afterAll(async () => {
  expect(api.failures).toEqual([]);
  await api.close();
});
const ask = async <T = Wire>(method: string, path: string, body?: unknown): Promise<T> => {
  const answer = await call(method, path, body, jwt === '' ? null : jwt, { origin: DASHBOARD });
  expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBe(200);
  return answer.body as T;
};
const response = async <T = Wire>(method: string, path: string, body?: unknown): Promise<T> =>
  (await ask<{ Response: T }>(method, path, body)).Response;

test('its origin may call, with its headers; no other may', async () => {
  const preflight = (origin: string) =>
    api.call('OPTIONS', '/api/v1/users/group?group_id=x', {
      token: null,
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization,content-type,from-ui',
      },
    });
  const allowed = await preflight(DASHBOARD);
  expect([allowed.status, allowed.headers['access-control-allow-origin']]).toEqual([204, DASHBOARD]);
  expect(String(allowed.headers['access-control-allow-headers']).toLowerCase()).toContain('from-ui');
  expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
  const other = await preflight('https://evil.test');
  expect(other.headers['access-control-allow-origin']).toBeUndefined();
  // Refusals are read as well.
  const refused = await api.call('GET', '/api/users', { token: null, headers: { origin: DASHBOARD } });
  expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, DASHBOARD]);
});

test('it loads: status, and whether there is an administrator', async () => {
  expect(await ask('GET', '/api/server/status')).toMatchObject({
    db_connected: true,
    broker_connected: true,
    license_error: '',
    is_pro: true,
  });
  expect(await ask('GET', '/api/users/adm/hassuperadmin')).toBe(true);
});

test('it signs in: a token that looks like a JWT, the user with the role', async () => {
  const login = await responseOf<{ UserName: string; AuthToken: string }>(
    call('POST', '/api/users/adm/authenticate', { username: api.owner.username, password: PASSWORD }, null, {
      'from-ui': 'true',
    }),
  );
  const claims = JSON.parse(Buffer.from(login.AuthToken.split('.')[1] ?? '', 'base64url').toString()) as Wire;
  expect(Number(claims.exp) * 1000).toBeGreaterThan(Date.now());
  jwt = login.AuthToken;
  expect(await ask('GET', '/api/server/getconfig')).toMatchObject({ IsEE: 'yes' });
  const user = await response('GET', `/api/v1/users?username=${encodeURIComponent(login.UserName)}`);
  expect(user).toMatchObject({
    platform_role: { id: 'super-admin', full_access: true, deny_dashboard_access: false },
  });
  expect(await ask<unknown[]>('GET', '/api/networks')).toEqual([]);
  expect(await ask<unknown[]>('GET', '/api/hosts')).toEqual([]);
});

test('it opens the page of users', async () => {
  expect(await ask<unknown[]>('GET', '/api/users')).toHaveLength(1);
  expect(await response<unknown[]>('GET', '/api/v1/users/invites')).toEqual([]);
  expect((await response<unknown[]>('GET', '/api/v1/users/groups')).length).toBeGreaterThan(0);
  expect(await ask<unknown[]>('GET', '/api/users_pending')).toEqual([]);
  expect((await response<unknown[]>('GET', '/api/v1/users/roles')).length).toBeGreaterThan(0);
  expect((await response<Wire[]>('GET', '/api/v1/users/roles?platform=true')).map(({ id }) => id)).toContain(
    'admin',
  );
});

test('it creates a user, and sends back the whole user to change its password', async () => {
  const made = await ask('POST', '/api/users/alice', {
    username: 'alice',
    password: 'a password',
    platform_role_id: 'platform-user',
    network_roles: {},
    user_group_ids: { 'global-network-user-grp': {} },
  });
  expect(made).toMatchObject({ username: 'alice', user_group_ids: { 'global-network-user-grp': {} } });
  const [stored] = (await ask<Wire[]>('GET', '/api/users')).filter(({ username }) => username === 'alice');
  const updated = await ask('PUT', '/api/users/alice', {
    ...stored,
    platform_role: { id: 'platform-user' },
    password: 'another password',
  });
  expect(updated).toMatchObject({ username: 'alice', user_group_ids: { 'global-network-user-grp': {} } });
});

test('it creates a network role by its name, in the plural of kinds, and changes it', async () => {
  await ask('POST', '/api/networks', { netid: 'office', addressrange: '10.77.0.0/24' });
  const own = { create: true, read: true, update: true, delete: true, vpn_access: true, self_only: true };
  await ask('POST', '/api/v1/users/role', {
    id: 'VPN users',
    name: 'VPN users',
    network_id: 'office',
    network_level_access: { remote_access_gw: {}, extclients: { all_extclients: own } },
  });
  const roles = await response<Wire[]>('GET', '/api/v1/users/roles');
  const role = roles.find(({ name }) => name === 'VPN users');
  expect(role).toMatchObject({ network_id: 'office', default: false });
  await ask('PUT', `/api/v1/users/role?role_id=${role?.id}`, { ...role, full_access: true });
  expect(await response('GET', `/api/v1/users/role?role_id=${role?.id}`)).toMatchObject({
    full_access: true,
  });
  await ask('DELETE', `/api/v1/users/role?role_id=${role?.id}`);
});

test('it creates a group with members, changes its roles, moves members by their users', async () => {
  const group = await response('POST', '/api/v1/users/group', {
    user_group: { name: 'Staff', network_roles: { office: { 'office-network-user': {} } }, meta_data: '' },
    members: ['alice'],
  });
  await ask('PUT', `/api/v1/users/group?group_id=${group.id}`, {
    id: group.id,
    name: 'Staff',
    network_roles: { office: { 'office-network-admin': {} } },
    meta_data: 'on call',
    platform_role: '',
    default: false,
  });
  const shown = await response('GET', `/api/v1/users/group?group_id=${group.id}`);
  expect(shown).toMatchObject({
    network_roles: { office: { 'office-network-admin': {} } },
    meta_data: 'on call',
  });
  const user = (await ask<Wire[]>('GET', '/api/users')).find(({ username }) => username === 'alice');
  await ask('PUT', '/api/users/alice', { ...user, user_group_ids: {} });
  expect((await ask<Wire[]>('GET', '/api/users')).find(({ username }) => username === 'alice')).toMatchObject(
    {
      user_group_ids: {},
    },
  );
  await ask('DELETE', `/api/v1/users/group?group_id=${group.id}`);
});

test('it invites, and the link leads to its own page', async () => {
  await ask('POST', '/api/v1/users/invite', {
    user_emails: ['new@example.com'],
    user_group_ids: {},
    platform_role_id: 'service-user',
    network_roles: {},
  });
  const [invite] = await response<Wire[]>('GET', '/api/v1/users/invites');
  const link = new URL(String(invite?.invite_url));
  expect([link.origin, link.pathname]).toEqual([DASHBOARD, '/invite']);
  const email = decodeURIComponent(link.searchParams.get('email') ?? '');
  const code = decodeURIComponent(link.searchParams.get('invite_code') ?? '');
  await ask('POST', `/api/v1/users/invite-signup?email=${encodeURIComponent(email)}&invite_code=${code}`, {
    username: email,
    password: 'a password',
  });
  await ask('DELETE', '/api/users/new%40example.com');
  await ask('DELETE', '/api/v1/users/invites');
});
