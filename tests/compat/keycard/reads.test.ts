import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROLES, type Role } from '../../../src/domain/model/people.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { insertMember, seed } from '../../support/seeds.ts';
import { createKeycardServer } from './support.ts';

// The role that Keycard shows for each of ours.
const SHOWN: Readonly<Record<Role, string>> = {
  owner: 'org_admin',
  admin: 'org_admin',
  'network-admin': 'org_viewer',
  'it-admin': 'org_admin',
  support: 'org_viewer',
  'access-reviewer': 'org_member',
  'billing-admin': 'org_viewer',
  auditor: 'org_viewer',
  member: 'org_member',
  'device-user': 'org_member',
};
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u;
const NANO = /^[a-z0-9]{26}$/u;

interface Page {
  items: Record<string, unknown>[];
  page_info: {
    has_next_page: boolean;
    has_prev_page: boolean;
    has_previous_page: boolean;
    start_cursor?: string;
    end_cursor?: string;
  };
  permissions?: Record<string, Record<string, boolean>>;
}

describe.each(ENGINES)('Keycard organizations, users and roles on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  let other: TestOrganization;
  let tokens: ReadonlyMap<Role, string>;
  beforeAll(async () => {
    api = await createKeycardServer(engine);
    acme = api;
    other = await api.createOrganization('other');
    tokens = await api.createRoles();
    const org = acme.organization.id;
    await seed(api.store, org, async (tx) => {
      await insertMember(tx, org, { username: 'local', email: null, role: 'auditor' });
      await insertMember(tx, org, { username: 'suspended@acme.test', suspendedAt: tx.now });
      await insertMember(tx, org, { username: 'waiting@acme.test', approvedAt: null });
      await insertMember(tx, org, { username: 'invited@acme.test', joinedAt: null, approvedAt: null });
      const sso = await insertMember(tx, org, { username: 'sso@acme.test' });
      await tx.insert('identity', {
        org,
        id: tx.newId(),
        account: sso.account,
        kind: 'sso',
        issuer: 'https://idp.test/',
        subject: 's',
        email: null,
        emailVerified: true,
        secretHash: null,
        sealed: null,
        data: {},
        createdAt: tx.now,
        lastUsed: null,
      });
    });
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const get = async <T = Page>(path: string, token = api.token): Promise<T> => {
    const answer = await api.call('GET', path, { token });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers['content-type']).toContain('application/json');
    return answer.json<T>();
  };
  const failure = async (path: string, token: string | null = api.token, method = 'GET') => {
    const answer = await api.call(method, path, { token });
    return { status: answer.status, body: answer.json(), headers: answer.headers };
  };
  const users = (query = '') => get(`/organizations/acme/users${query}`);

  test('the list holds the one organization of the credential', async () => {
    const { items, page_info } = await get('/organizations');
    const { organization } = acme;
    expect(items).toEqual([
      {
        id: organization.nano,
        created_at: new Date(organization.createdAt).toISOString(),
        label: 'acme',
        name: 'acme',
        sso_enabled: false,
        updated_at: expect.stringMatching(TIME),
        zone_id: expect.stringMatching(NANO),
      },
    ]);
    expect(page_info).toEqual({
      has_next_page: false,
      has_prev_page: false,
      has_previous_page: false,
      start_cursor: expect.any(String),
      end_cursor: expect.any(String),
    });
    const after = await get(`/organizations?after=${page_info.end_cursor}`);
    expect(after).toEqual({
      items: [],
      page_info: { has_next_page: false, has_prev_page: true, has_previous_page: true },
    });
  });

  test('an organization is found by id and by label, and by nothing else', async () => {
    const { organization } = acme;
    const byLabel = await get<{ id: string }>('/organizations/acme');
    expect(byLabel).toEqual(await get(`/organizations/${organization.nano}`));
    for (const id of ['Acme', String(organization.id), 'x', 'a%2Fb', other.organization.nano, 'other']) {
      expect(await failure(`/organizations/${id}`)).toMatchObject({
        status: 404,
        body: { code: 'not_found', status: 404, message: expect.any(String) },
      });
    }
  });

  test('sso_enabled says whether there is a connection', async () => {
    const org = acme.organization.id;
    await seed(api.store, org, (tx) =>
      tx.insert('ssoConnection', {
        org,
        id: 900_001,
        nano: 'n'.repeat(26),
        identifier: 'x',
        clientId: 'c',
        secretSealed: null,
        protocols: null,
        vouchedRoles: null,
        createdAt: 1,
        updatedAt: 1,
      }),
    );
    expect(await get('/organizations/acme')).toMatchObject({ sso_enabled: true });
    await seed(api.store, org, (tx) => tx.remove('ssoConnection', org, 900_001));
    expect(await get('/organizations/acme')).toMatchObject({ sso_enabled: false });
  });

  test('users are those who joined, with state, role and the issuer of their identity', async () => {
    const { items } = await users();
    expect(items).toHaveLength(ROLES.length + 4);
    const byEmail = new Map(items.map((item) => [item.email, item]));
    expect(byEmail.get('owner@acme.test')).toEqual({
      id: api.owner.nano,
      created_at: expect.stringMatching(TIME),
      email: 'owner@acme.test',
      role: 'org_admin',
      source: expect.stringMatching(/^http:\/\/[^/]+$/u),
      status: 'active',
      updated_at: expect.stringMatching(TIME),
    });
    expect(byEmail.get('suspended@acme.test')).toMatchObject({ status: 'disabled' });
    expect(byEmail.get('waiting@acme.test')).toMatchObject({ status: 'disabled' });
    expect(byEmail.get('sso@acme.test')).toMatchObject({ source: 'https://idp.test/' });
    expect(byEmail.has('invited@acme.test')).toBe(false);
    const withoutEmail = items.filter((item) => !('email' in item));
    expect(withoutEmail).toMatchObject([{ role: 'org_viewer' }]);
  });

  test.each(ROLES)('role %s reads as its name', async (role) => {
    const { items } = await users();
    expect(items.find(({ email }) => email === `${role}@acme.test`)).toMatchObject({ role: SHOWN[role] });
  });

  test.each(['org_admin', 'org_viewer', 'org_member'])('users can be asked for by role %s', async (name) => {
    const { items } = await users(`?role=${name}`);
    const all = (await users()).items.filter(({ role }) => role === name);
    expect(items).toEqual(all);
    expect(items.length).toBeGreaterThan(0);
  });

  test('a user is found by its id in its organization', async () => {
    const [first] = (await users()).items;
    expect(await get(`/organizations/acme/users/${String(first?.id)}`)).toEqual(first);
    const invited = (
      await api.store.find('membership', acme.organization.id, { usernameKey: 'invited@acme.test' })
    )[0];
    for (const id of ['x', other.owner.nano, invited?.nano, String(api.owner.id)]) {
      expect((await failure(`/organizations/acme/users/${id}`)).status).toBe(404);
    }
  });

  test.each([1, 2, 5, 100])('pages of %i walk forward and back through everybody', async (limit) => {
    const all = (await users()).items;
    const forward: unknown[] = [];
    let page = await users(`?limit=${limit}`);
    const walk: Page[] = [page];
    forward.push(...page.items);
    while (page.page_info.has_next_page) {
      page = await users(`?limit=${limit}&after=${page.page_info.end_cursor}`);
      expect(page.page_info.has_prev_page).toBe(true);
      forward.push(...page.items);
      walk.push(page);
    }
    expect(forward).toEqual(all);
    for (let index = walk.length - 1; index > 0; index -= 1) {
      const back = await users(`?limit=${limit}&before=${walk[index]?.page_info.start_cursor}`);
      expect(back.items).toEqual(walk[index - 1]?.items);
      expect(back.page_info).toMatchObject({
        has_next_page: true,
        has_prev_page: index > 1,
        has_previous_page: index > 1,
      });
    }
  });

  test('both bounds together hold; a cursor that is none counts as absent', async () => {
    const all = (await users()).items;
    const cursors = await Promise.all(
      [1, 4].map(async (count) => (await users(`?limit=${count}`)).page_info.end_cursor),
    );
    const between = await users(`?after=${cursors[0]}&before=${cursors[1]}`);
    expect(between.items).toEqual(all.slice(1, 3));
    expect(between.page_info).toMatchObject({ has_next_page: true, has_prev_page: true });
    expect((await users('?limit=1&after=x&before=x')).items).toEqual(all.slice(0, 1));
  });

  test('an empty page has no cursors', async () => {
    const end = (await users()).page_info.end_cursor;
    expect((await users(`?after=${end}`)).page_info).toEqual({
      has_next_page: false,
      has_prev_page: true,
      has_previous_page: true,
    });
  });

  test.each(['0', '101', '-1', '1.5', 'many', ''])('limit %j is refused by name', async (limit) => {
    const answer = await failure(`/organizations/acme/users?limit=${limit}`);
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', status: 400, details: [{ field: 'limit' }] },
    });
  });

  test('an unknown role or scope is refused by name, an unknown expansion or parameter is not', async () => {
    expect(await failure('/organizations/acme/users?role=owner')).toMatchObject({
      status: 400,
      body: { details: [{ field: 'role' }] },
    });
    expect(await failure('/organizations/acme/roles?scope=x')).toMatchObject({
      status: 400,
      body: { details: [{ field: 'scope' }] },
    });
    await get('/organizations/acme/users?expand=nothing&slug=x');
  });

  test('roles are the five of the contract, or those of one scope', async () => {
    const { items } = await get('/organizations/acme/roles');
    expect(items.map(({ name, label, scope }) => [name, label, scope])).toEqual([
      ['org_admin', 'Organization Administrator', 'organization'],
      ['org_viewer', 'Organization Viewer', 'organization'],
      ['org_member', 'Organization Member', 'organization'],
      ['zone_manager', 'Zone Manager', 'zone'],
      ['zone_viewer', 'Zone Viewer', 'zone'],
    ]);
    for (const role of items)
      expect(Object.keys(role).sort()).toEqual(['description', 'label', 'name', 'scope']);
    expect((await get('/organizations/acme/roles?scope=zone')).items).toHaveLength(2);
  });

  test.each([
    'expand=permissions&expand=total_count',
    'expand[]=permissions',
    'expand%5B%5D=permissions',
    'expand=permissions,total_count',
  ])('permissions come with %s, on items and on the list', async (query) => {
    const list = await users(`?${query}`);
    expect(list.permissions).toEqual({ users: { list: true, read: true, update: true, delete: true } });
    const owner = list.items.find(({ id }) => id === api.owner.nano);
    expect(owner?.permissions).toEqual({ users: { list: true, read: true, update: false, delete: false } });
    const organization = await get<{ permissions: Record<string, object> }>(`/organizations/acme?${query}`);
    expect(organization.permissions.organizations).toEqual({ read: true, update: true });
    expect((await get(`/organizations?${query}`)).permissions).toEqual({
      organizations: { read: true, update: true },
    });
    expect((await get(`/organizations/acme/roles?${query}`)).permissions).toEqual({ roles: { list: true } });
  });

  test('what is not allowed is there and false', async () => {
    const { permissions } = await get('/organizations?expand=permissions', tokens.get('member'));
    expect(permissions).toEqual({ organizations: { read: true, update: false } });
  });

  test.each(ROLES)('role %s reads its organization and roles, and users as its role allows', async (role) => {
    const token = tokens.get(role) ?? null;
    for (const path of ['/organizations', '/organizations/acme', '/organizations/acme/roles']) {
      expect((await failure(path, token)).status).toBe(200);
    }
    const denied = ['member', 'device-user'].includes(role);
    for (const path of ['/organizations/acme/users', `/organizations/acme/users/${api.owner.nano}`]) {
      const answer = await failure(path, token);
      expect(answer.status).toBe(denied ? 403 : 200);
      if (denied) expect(answer.body).toMatchObject({ code: 'forbidden', status: 403 });
    }
  });

  test.each([
    ['no token', null],
    ['a wrong one', 'nonsense'],
  ])('with %s the answer is 401', async (_name, token) => {
    const answer = await failure('/organizations', token);
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized', status: 401 } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  test('no path of another organization exists', async () => {
    for (const path of ['', '/users', `/users/${other.owner.nano}`, '/roles']) {
      for (const name of ['other', other.organization.nano]) {
        expect((await failure(`/organizations/${name}${path}`)).status).toBe(404);
      }
    }
    expect(JSON.stringify(await get('/organizations', other.token))).not.toContain('acme');
  });

  test('unknown paths and methods are 404 as JSON, an empty JSON body is no body', async () => {
    for (const [method, path] of [
      ['GET', '/organizations/acme/nothing'],
      ['PUT', '/organizations/acme'],
      ['DELETE', '/organizations/acme/x/y/z'],
    ] as const) {
      const answer = await api.call(method, path, {
        headers: { 'content-type': 'application/json' },
        body: '',
      });
      expect([answer.status, answer.json()]).toEqual([
        404,
        { message: 'not found', code: 'not_found', status: 404 },
      ]);
    }
  });

  test('the caller’s id of the request comes back', async () => {
    const answer = await api.call('GET', '/organizations', {
      headers: { 'x-client-request-id': '182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e' },
    });
    expect(answer.headers['x-client-request-id']).toBe('182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e');
  });

  test('no id, cursor or parameter makes it fail', async () => {
    const text = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom('x', '\u0000', '%', 'aTE='),
    );
    const encode = (value: string) => encodeURIComponent(value.toWellFormed());
    await fc.assert(
      fc.asyncProperty(
        text,
        text,
        text,
        fc.constantFrom('after', 'before', 'limit', 'role', 'expand', 'expand[]', 'scope'),
        async (id, user, value, name) => {
          for (const path of [
            `/organizations/${encode(id)}`,
            `/organizations/acme/users/${encode(user)}`,
            `/organizations/acme/users?${name}=${encode(value)}`,
            `/organizations/acme/roles?${name}=${encode(value)}`,
            `/organizations?${name}=${encode(value)}`,
          ]) {
            const { status, text: body } = await api.call('GET', path);
            expect([200, 400, 404], `${path} ${body}`).toContain(status);
          }
        },
      ),
      { numRuns: 80 },
    );
  });
});
