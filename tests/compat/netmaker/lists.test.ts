import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MINUTE } from '../../../src/kernel/clock.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { insertGroup, insertMember, seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, responseOf, type Wire } from './calls.ts';
import { createNetmakerServer, setPassword } from './support.ts';

interface Page {
  readonly data: readonly Wire[];
  readonly page: number;
  readonly per_page: number;
  readonly total: number;
  readonly total_pages: number;
}

const PASSWORD = 'a right password';

describe.each(ENGINES)('Netmaker pages, bulk changes and activity on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  const tokens = new Map<string, string>();
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    const org = api.organization.id;
    await seed(api.store, org, async (tx) => {
      for (let number = 10; number < 35; number += 1) {
        const member = await insertMember(tx, org, {
          username: `user.${number}`,
          email: null,
          role: number < 20 ? 'member' : 'device-user',
          suspendedAt: number === 34 ? 1 : null,
        });
        const identity = {
          org,
          id: tx.newId(),
          account: member.account,
          subject: String(member.account),
          email: null,
        };
        const rest = {
          emailVerified: false,
          secretHash: null,
          sealed: null,
          data: {},
          createdAt: 1,
          lastUsed: null,
        };
        if (number === 12)
          await tx.insert('identity', { ...identity, ...rest, kind: 'totp', issuer: 'totp' });
        // Good everywhere: it counts here as well.
        if (number === 13)
          await tx.insert('identity', { ...identity, ...rest, org: 0, kind: 'totp', issuer: 'totp' });
        if (number === 14)
          await tx.insert('identity', { ...identity, ...rest, kind: 'sso', issuer: 'https://idp.test' });
      }
      await insertMember(tx, org, { username: 'user.waiting', email: null, approvedAt: null });
      await insertGroup(tx, org, { name: 'Ops' });
    });
    for (const role of ['admin', 'auditor', 'member'] as const) {
      const { member, token } = await api.createMember(api, role, role);
      await setPassword(api, member, PASSWORD);
      tokens.set(role, token);
    }
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const users = (query: string, token?: string) => call('GET', `/api/v2/users?${query}`, undefined, token);
  const page = (query: string) => responseOf<Page>(users(query));
  const names = async (query: string) => (await page(query)).data.map(({ username }) => username);

  test('users come in pages of ten by name, those who wait are none', async () => {
    const first = await page('q=user.');
    expect([first.page, first.per_page, first.total, first.total_pages]).toEqual([1, 10, 25, 3]);
    expect(first.data.map(({ username }) => username)).toEqual(
      Array.from({ length: 10 }, (_, index) => `user.${index + 10}`),
    );
    expect(await names('q=USER.&page=3')).toEqual(['user.30', 'user.31', 'user.32', 'user.33', 'user.34']);
    expect(await names('q=user.&page=9')).toEqual([]);
    expect((await page('q=nobody-has-it')).total_pages).toBe(1);
    expect((await page('per_page=100')).data).toHaveLength(29);
  });

  test.each([
    ['per_page=0', 10],
    ['per_page=101', 10],
    ['per_page=7', 7],
    ['page=0&per_page=x', 10],
    ['page=99999999999999999999', 10],
    ['per_page=5&per_page=6', 10],
  ])('%s is taken for what it can be', async (query, expected) => {
    expect((await page(`q=user.&${query}`)).per_page).toBe(expected);
  });

  test.each([
    ['account_status=disabled', ['user.34']],
    [
      'account_status=disabled&account_status=enabled&q=user.3',
      ['user.30', 'user.31', 'user.32', 'user.33', 'user.34'],
    ],
    ['mfa_status=enabled', ['user.12', 'user.13']],
    ['auth_type=oauth', ['user.14']],
    [
      'auth_type=basic&q=user.1&mfa_status=disabled&role=platform-user',
      ['user.10', 'user.11', 'user.15', 'user.16', 'user.17', 'user.18', 'user.19'],
    ],
    ['role=service-user&q=user.2&per_page=3', ['user.20', 'user.21', 'user.22']],
    ['role=admin&role=auditor', ['admin@acme.test', 'auditor@acme.test']],
    ['role=nothing', []],
    ['q=%25', []],
    ['q=_', []],
    ['q=%5C', []],
  ])('%s narrows the list', async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  test('groups come in pages too', async () => {
    const all = await responseOf<Page>(call('GET', '/api/v2/users/groups?per_page=2'));
    expect([all.data.length, all.total, all.total_pages]).toEqual([2, 4, 2]);
    const own = await responseOf<Page>(call('GET', '/api/v2/users/groups?default=false&q=op'));
    expect(own.data.map(({ name }) => name)).toEqual(['Ops']);
  });

  test('both are for who may read people', async () => {
    for (const path of ['/api/v2/users', '/api/v2/users/groups']) {
      expect((await call('GET', path, undefined, tokens.get('auditor'))).status).toBe(200);
      expect((await call('GET', path, undefined, tokens.get('member'))).status).toBe(403);
      expect((await call('GET', path, undefined, null)).status).toBe(401);
    }
  });

  test('many are disabled, enabled and deleted at once; who may not be touched is passed over', async () => {
    const ids = ['user.20', 'user.21', 'owner@acme.test', 'nobody', 'admin@acme.test'];
    const status = (disable: boolean, token?: string) =>
      call('POST', '/api/v1/users/bulk/status', { ids, disable }, token);
    const accepted = (what: string) => ({
      status: 202,
      body: { Code: 202, Message: `bulk ${what} of 5 user(s) accepted`, Response: null },
    });
    expect(await status(true, tokens.get('admin'))).toEqual(accepted('disable'));
    expect(await names('account_status=disabled')).toEqual(['user.20', 'user.21', 'user.34']);
    expect(await status(false, tokens.get('admin'))).toEqual(accepted('enable'));
    expect(await names('account_status=disabled')).toEqual(['user.34']);
    expect(await call('DELETE', '/api/v1/users/bulk', { ids }, tokens.get('admin'))).toEqual(
      accepted('delete'),
    );
    expect(await names('q=user.2&per_page=100')).not.toContain('user.20');
    expect(await names('role=admin&role=super-admin')).toEqual(['admin@acme.test', 'owner@acme.test']);
    for (const body of [{}, { ids: [] }, { ids: null }]) {
      expect(await call('DELETE', '/api/v1/users/bulk', body)).toEqual(error(400, 'no usernames provided'));
    }
    expect((await call('DELETE', '/api/v1/users/bulk', { ids: 'x' })).status).toBe(400);
    expect((await call('DELETE', '/api/v1/users/bulk', { ids }, tokens.get('auditor'))).status).toBe(403);
    const other = await api.createOrganization('other');
    await call('DELETE', '/api/v1/users/bulk', { ids: ['user.22'] }, other.token);
    expect(await names('q=user.22')).toEqual(['user.22']);
  });

  describe('activity', () => {
    const activity = (path: string, token?: string) =>
      responseOf<Wire[]>(call('GET', path, undefined, token));

    test('says who did what to whom, the newest first', async () => {
      api.clock.advance(MINUTE);
      const begin = new Date(api.clock.now()).toISOString();
      await call('POST', '/api/users/watched', {
        username: 'watched',
        password: PASSWORD,
        platform_role_id: 'auditor',
      });
      await call(
        'POST',
        '/api/users/adm/authenticate',
        { username: 'member@acme.test', password: PASSWORD },
        null,
        { 'from-ui': 'true', 'x-tenant-id': 'acme' },
      );
      await call('DELETE', '/api/users/watched');
      const end = new Date(api.clock.now() + 1).toISOString();
      const events = await activity(`/api/v1/activity?from_date=${begin}&to_date=${end}`);
      const told = events.map(({ action, target, triggered_by: by, origin }) => {
        const { name, subject_type: type } = target as Wire;
        return [action, type, name, by, origin];
      });
      expect(told[0]).toEqual(['DELETE', 'USER', 'watched@local', 'owner@acme.test', 'API']);
      expect(told).toContainEqual(['CREATE', 'USER', 'watched@local', 'owner@acme.test', 'API']);
      expect(told).toContainEqual(['LOGIN', 'DASHBOARD', 'member@acme.test', 'member@acme.test', 'API']);
      expect(Object.keys(events[0] ?? {}).sort()).toEqual(
        [
          'action',
          'diff',
          'id',
          'network_id',
          'origin',
          'source',
          'target',
          'time_stamp',
          'triggered_by',
        ].sort(),
      );
      // No hash of a password, no secret.
      expect(JSON.stringify(events)).not.toMatch(/argon2|secret/iu);
    });

    test('everybody reads their own; administrators and auditors read all', async () => {
      const own = '/api/v1/user/activity?username=member@acme.test';
      expect((await activity(own, tokens.get('member')))[0]).toMatchObject({
        triggered_by: 'member@acme.test',
      });
      expect((await activity(own, tokens.get('auditor'))).length).toBeGreaterThan(0);
      expect(
        await call('GET', '/api/v1/user/activity?username=admin@acme.test', undefined, tokens.get('member')),
      ).toEqual(error(403, "you are not authorized to view this user's activity"));
      expect((await call('GET', '/api/v1/activity', undefined, tokens.get('member'))).status).toBe(403);
      expect(await call('GET', '/api/v1/user/activity')).toEqual(error(400, 'username param is missing'));
    });

    test('is narrowed by network, by time and to a page', async () => {
      await call('POST', '/api/networks', { netid: 'watched-net', addressrange: '10.77.0.0/24' });
      const events = await activity('/api/v1/network/activity?network_id=watched-net');
      expect(events.length).toBeGreaterThan(0);
      expect(new Set(events.map(({ network_id: id }) => id))).toEqual(new Set(['watched-net']));
      expect(await call('GET', '/api/v1/network/activity')).toEqual(
        error(400, 'network_id param is missing'),
      );
      expect((await call('GET', '/api/v1/network/activity?network_id=nowhere')).status).toBe(500);
      expect(await call('GET', '/api/v1/activity?from_date=x&to_date=y')).toEqual(
        error(400, 'from_date: expected a time in RFC 3339'),
      );
      const [first] = await activity('/api/v1/activity?per_page=1');
      const [second, ...rest] = await activity('/api/v1/activity?per_page=1&page=2');
      expect(rest).toEqual([]);
      expect(second?.id).not.toBe(first?.id);
      const other = await api.createOrganization('elsewhere');
      const theirs = await activity('/api/v1/activity?per_page=100', other.token);
      expect(theirs.map(({ triggered_by: by }) => by)).not.toContain('owner@acme.test');
    });
  });

  test('answers of lists are envelopes', async () => {
    expect(await users('q=nobody-has-it')).toEqual(
      answer('fetched users', { data: [], page: 1, per_page: 10, total: 0, total_pages: 1 }),
    );
  });
});
