/**
 * What happened to the original, each as a test that fails on the behaviour that did the harm: administrators' functions for
 * everybody, other people's names in the path, privileged fields in bodies, secrets in lists, the page of the first
 * administrator that came back, a server that anybody could stop, tricks with paths.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Operation } from '../../../src/api/shared/operation.ts';
import type { Role } from '../../../src/domain/model/people.ts';
import { type ApiServer, createApiServer } from '../../support/api-server.ts';
import type { Server } from '../../support/holdfast.ts';
import { ask, startServer } from '../../support/installation.ts';
import { ACCESS, PLATFORM } from './access-table.ts';
import { type Call, callOf, responseOf, type Wire } from './calls.ts';
import { netmakerDialect, setPassword } from './support.ts';

const ROLES: Readonly<Record<(typeof PLATFORM)[number], Role>> = {
  'super-admin': 'owner',
  admin: 'admin',
  'platform-user': 'member',
  'service-user': 'device-user',
  auditor: 'auditor',
};
const PASSWORD = 'a right password';
/** Operations of networks, devices and their clients have tables of their own. */
const ELSEWHERE =
  /^\/api\/(?:v1\/)?(?:networks|nodes|hosts|extclients|egress)|remote_access_gw|\/ingress\/|network_user|network_ip|\/rac\/|\/v1\/users\/network$/u;

let api: ApiServer;
let call: Call;
let operations: readonly Operation[];
const tokens = new Map<string, string>();
beforeAll(async () => {
  api = await createApiServer('sqlite', (parts) =>
    netmakerDialect(parts, { onOperations: (all) => (operations = all) }),
  );
  call = callOf(api);
  tokens.set('super-admin', api.token);
  for (const name of PLATFORM) {
    const role = ROLES[name];
    if (role === 'owner') continue;
    const { member, token } = await api.createMember(api, role, name);
    tokens.set(name, token);
    await setPassword(api, member, PASSWORD);
  }
  await api.createMember(api, 'member', 'victim');
});
afterAll(async () => {
  expect(api.failures).toEqual([]);
  await api.close();
});

const lineOf = ({ method, path: route }: Operation): string => `${method} ${route}`;
const mine = (): Operation[] => operations.filter(({ path: route }) => !ELSEWHERE.test(route));
/** As somebody asks about another person. */
const requestOf = (operation: string) => {
  const [method = '', route = ''] = operation.split(' ');
  const url = `${route.replace(':username', 'victim@acme.test')}?username=victim@acme.test`;
  const body = { name: 'x', user_name: 'victim@acme.test', username: 'victim@acme.test' };
  return { method, url, ...(method === 'GET' ? {} : { body }) };
};

describe('administrators’ functions (CVE-2022-36110, CVE-2023-32077)', () => {
  test('every operation has its line in the table, and every line its operation', () => {
    expect(mine().map(lineOf).sort()).toEqual(ACCESS.map(({ operation }) => operation).sort());
  });

  test('without a credential every operation is refused, but those that are for everybody', async () => {
    for (const { operation, who } of ACCESS) {
      const { method, url, ...rest } = requestOf(operation);
      const { status } = await call(method, url, 'body' in rest ? rest.body : undefined, null);
      const ownWords = operation.endsWith('verify-totp') || operation.endsWith('authenticate');
      if (who !== 'public' || ownWords)
        expect([operation, [400, 401].includes(status)]).toEqual([operation, true]);
      else expect([operation, status]).not.toEqual([operation, 401]);
    }
  });

  test.each(PLATFORM)('%s is let in where the table says so, and nowhere else', async (name) => {
    // Reading first: what is written may end what others ask about.
    const order = [...ACCESS].sort(
      (a, b) => Number(b.operation.startsWith('GET')) - Number(a.operation.startsWith('GET')),
    );
    for (const { operation, who } of order) {
      if (who === 'public') continue;
      const { method, url, ...rest } = requestOf(operation);
      const body = 'body' in rest ? rest.body : undefined;
      if (who.includes(name) && method !== 'GET') continue;
      const { status } = await call(method, url, body, tokens.get(name));
      const refused = status === 401 || status === 403;
      // A token that is nobody's is not told from one that is not yours.
      const unknown = operation.startsWith('DELETE /api/v1/users/access_token') && status === 400;
      expect([operation, name, refused || unknown]).toEqual([operation, name, !who.includes(name)]);
    }
  });
});

describe('another’s name in the path (CVE-2023-32078)', () => {
  test.each(['platform-user', 'service-user', 'auditor'])('%s changes nobody but himself', async (name) => {
    const token = tokens.get(name);
    const before = await call('GET', '/api/users/victim@acme.test');
    const put = { username: 'victim@acme.test', password: 'taken over', display_name: 'Taken' };
    expect((await call('PUT', '/api/users/victim@acme.test', put, token)).status).toBe(403);
    // The name of the path and that of the body are one.
    expect((await call('PUT', `/api/users/${name}@acme.test`, put, token)).status).toBe(400);
    expect(
      (await call('PUT', '/api/users/victim@acme.test', { ...put, username: `${name}@acme.test` }, token))
        .status,
    ).toBe(400);
    expect(await call('GET', '/api/users/victim@acme.test')).toEqual(before);
  });
});

describe('privileged fields in bodies (CVE-2023-32079)', () => {
  const PRIVILEGED = {
    id: 'x',
    isadmin: true,
    issuperadmin: true,
    role: 'owner',
    account_disabled: false,
    auth_type: 'oauth',
    external_identity_provider_id: 'x',
    totp_secret: 'JBSWY3DPEHPK3PXP',
    created_by: 'owner',
    created_at: '2001-01-01T00:00:00Z',
    last_login_time: '2001-01-01T00:00:00Z',
    network_roles: { all_networks: { 'global-network-admin': {} } },
    org: 0,
    email: 'owner@acme.test',
    joinedAt: 1,
    __proto__: { isadmin: true },
  };
  const shown = async (name: string): Promise<Wire> => {
    const {
      updated_at: _,
      display_name: __,
      ...rest
    } = (await call('GET', `/api/users/${name}`)).body as Wire;
    return rest;
  };

  test('change nothing about oneself', async () => {
    for (const name of ['platform-user', 'service-user', 'auditor']) {
      const before = await shown(`${name}@acme.test`);
      const body = { ...PRIVILEGED, username: `${name}@acme.test`, display_name: name };
      const { status } = await call('PUT', `/api/users/${name}@acme.test`, body, tokens.get(name));
      expect([name, status]).toEqual([name, 200]);
      expect(await shown(`${name}@acme.test`)).toEqual(before);
      for (const platform_role_id of ['admin', 'super-admin']) {
        const raised = await call(
          'PUT',
          `/api/users/${name}@acme.test`,
          { ...body, platform_role_id },
          tokens.get(name),
        );
        expect([name, raised.status]).toEqual([name, 403]);
      }
      const grouped = { ...body, user_group_ids: { 'global-network-user-grp': {} } };
      expect((await call('PUT', `/api/users/${name}@acme.test`, grouped, tokens.get(name))).status).toBe(403);
    }
  });

  test('change nothing about a user who is made, whom an administrator makes no administrator', async () => {
    const make = (body: Wire) =>
      call(
        'POST',
        '/api/users/made',
        { ...PRIVILEGED, username: 'made', password: PASSWORD, ...body },
        tokens.get('admin'),
      );
    for (const role of ['admin', 'super-admin'])
      expect((await make({ platform_role_id: role })).status).toBe(403);
    expect((await make({ platform_role_id: 'service-user' })).body).toMatchObject({
      isadmin: false,
      issuperadmin: false,
      is_mfa_enabled: false,
      auth_type: 'basic_auth',
      external_identity_provider_id: '',
      created_by: 'admin@acme.test',
      network_roles: null,
      user_group_ids: {},
    });
  });
});

describe('secrets in answers (CVE-2026-29196)', () => {
  test('no answer holds a password’s hash, a second factor’s secret or the secret of a token', async () => {
    const login = await responseOf<{ AuthToken: string }>(
      call('POST', '/api/users/adm/authenticate', { username: 'admin@acme.test', password: PASSWORD }, null),
    );
    const made = await responseOf<{ AuthToken: string }>(
      call('POST', '/api/v1/users/access_token', { name: 'canary', user_name: 'admin@acme.test' }),
    );
    const setup = await responseOf<Wire>(
      call('POST', '/api/users/admin@acme.test/auth/init-totp', undefined, login.AuthToken),
    );
    const secrets = [
      login.AuthToken.split('.')[2]?.slice(0, 40),
      made.AuthToken.split('.')[2]?.slice(0, 40),
      new URL(String(setup.otp_auth_url)).searchParams.get('secret'),
      '$argon2',
      PASSWORD,
      ...tokens.values(),
    ];
    for (const { method, path: route } of operations) {
      if (method !== 'GET' || route.includes(':network')) continue;
      for (const user of ['owner', 'admin']) {
        const url = `${route.replace(':username', `${user}@acme.test`)}?username=${user}@acme.test`;
        const { text } = await api.call('GET', url, {
          token: tokens.get(user === 'owner' ? 'super-admin' : 'admin') ?? null,
        });
        for (const secret of secrets) expect([route, text.includes(secret ?? '?')]).toEqual([route, false]);
        expect([route, /"(?:password|totp_secret|secret\w*|privatekey)":"[^"]/iu.test(text)]).toEqual([
          route,
          false,
        ]);
      }
    }
  });
});

describe('stopping the server (CVE-2026-29771)', () => {
  test.each(['shutdown', 'restart', 'stop'])('there is no %s to ask for', async (name) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
      expect((await call(method, `/api/server/${name}`)).status).toBe(404);
    }
    expect((await call('GET', '/api/server/health', undefined, null)).status).toBe(200);
  });
});

describe('tricks with paths and names (GHSA-vgj6-hcf2-fqf6)', () => {
  const NAMES = [
    '../victim',
    '..%2fvictim',
    '%2e%2e%2f',
    'victim;x',
    'victim%00',
    'victim@acme.test%2fdisable',
    '\u202evictim',
    '%ff',
  ];
  test.each(NAMES)('%j names nobody', async (name) => {
    for (const raw of [name, encodeURIComponent(name)]) {
      for (const [method, tail] of [
        ['GET', ''],
        ['PUT', ''],
        ['DELETE', ''],
        ['POST', '/disable'],
        ['GET', '/settings'],
      ] as const) {
        const { status } = await call(
          method,
          `/api/users/${raw}${tail}`,
          method === 'PUT' ? { username: raw } : undefined,
        );
        expect([method, raw, status]).not.toEqual([method, raw, 200]);
      }
    }
    expect((await call('GET', '/api/users/victim@acme.test')).body).toMatchObject({
      account_disabled: false,
    });
  });

  test('no text in any place makes an operation fail', async () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('../x', 'x\u0000y', '\ud800', '%', '{}'),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...mine()), texts, texts, async (operation, text, other) => {
        const encoded = encodeURIComponent(text.toWellFormed());
        const route = operation.path.replace(/:\w+/gu, encoded === '' ? 'x' : encoded);
        const names = [
          'username',
          'group_id',
          'role_id',
          'id',
          'email',
          'invite_code',
          'invitee_email',
          'network',
          'network_id',
          'from_date',
          'to_date',
          'page',
          'q',
        ];
        const query = names.map((name) => `${name}=${encodeURIComponent(other.toWellFormed())}`).join('&');
        const body = {
          username: text,
          password: other,
          name: text,
          user_name: other,
          id: other,
          network_id: text,
          ids: [text],
          user_emails: [other],
          platform_role_id: 'auditor',
          user_group: { name: text },
          members: [other],
          totp: text,
          theme: other,
        };
        const { status, text: said } = await api.call(operation.method, `${route}?${query}`, {
          ...(operation.method === 'GET' ? {} : { body }),
          headers: { 'x-tenant-id': 'acme' },
        });
        // These have words of their own for what is not there.
        const own =
          /record not found|invalid code|It's not you|cannot be empty|cannot be deleted|cannot delete|already exists|minimum of 5/u;
        if (status >= 500)
          expect([lineOf(operation), said]).toEqual([lineOf(operation), expect.stringMatching(own)]);
      }),
      { numRuns: 150 },
    );
  });
});

describe('the page of the first administrator (netmaker#2020)', () => {
  let directory: string;
  let server: Server;
  const flags = () => ['--data', path.join(directory, 'data')];
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-first-admin-'));
    server = await startServer(path.join(directory, 'log'), ...flags());
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  const create = (secret: string | undefined, username = 'ada@acme.test') =>
    ask(`${server.url}/api/users/adm/createsuperadmin`, undefined, {
      method: 'POST',
      headers: { 'x-tenant-id': 'acme', ...(secret === undefined ? {} : { 'x-first-run-secret': secret }) },
      body: JSON.stringify({ username, password: 'correct horse battery', platform_role_id: 'service-user' }),
    });
  const has = async () => (await ask(`${server.url}/api/users/adm/hassuperadmin`)).text.trim();

  test('takes the secret that the server printed, once, and never opens again', async () => {
    expect(await has()).toBe('false');
    const secret = /#first-run=(\S+)/u.exec(server.process.log())?.[1] ?? '';
    expect((await create(undefined)).status).toBe(400);
    expect((await create('guessed')).status).toBe(400);
    expect((await create(secret, 'no address')).status).toBe(400);
    expect(await has()).toBe('false');
    const made = await create(secret);
    expect([made.status, JSON.parse(made.text)]).toMatchObject([
      200,
      { username: 'ada@acme.test', platform_role_id: 'super-admin', issuperadmin: true },
    ]);
    expect(await has()).toBe('true');
    expect((await create(secret, 'eve@acme.test')).status).toBe(400);
    const login = await ask(`${server.url}/api/users/adm/authenticate`, undefined, {
      method: 'POST',
      body: JSON.stringify({ username: 'ada@acme.test', password: 'correct horse battery' }),
    });
    expect(login.status).toBe(200);
    // Another start prints no other link.
    await server.stop();
    server = await startServer(path.join(directory, 'log-2'), ...flags());
    expect(server.process.log()).not.toContain('#first-run=');
    expect(await has()).toBe('true');
    expect((await create(secret, 'eve@acme.test')).status).toBe(400);
  });
});
