import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MINUTE } from '../../../src/kernel/clock.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { insertMember, seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, responseOf, type Wire } from './calls.ts';
import { createNetmakerServer, setPassword } from './support.ts';

const PASSWORD = 'a right password';

describe.each(ENGINES)('Netmaker accounts on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  const tokens = new Map<string, string>();
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    for (const [name, role] of [
      ['anna', 'member'],
      ['dora', 'device-user'],
      ['adam', 'admin'],
      ['ivan', 'it-admin'],
      ['audi', 'auditor'],
    ] as const) {
      const { member, token } = await api.createMember(api, role, name);
      tokens.set(name, token);
      await setPassword(api, member, PASSWORD);
    }
  });
  beforeEach(() => api.clock.advance(10 * MINUTE));
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const user = (name: string) => `/api/users/${name}@acme.test`;
  const login = async (name: string) =>
    (
      await responseOf<{ AuthToken: string }>(
        call(
          'POST',
          '/api/users/adm/authenticate',
          { username: `${name}@acme.test`, password: PASSWORD },
          null,
        ),
      )
    ).AuthToken;

  describe('settings', () => {
    const read = (name: string, by = name) =>
      call('GET', `${user(name)}/settings`, undefined, tokens.get(by));
    const write = (name: string, body: unknown, by = name) =>
      call('PUT', `${user(name)}/settings`, body, tokens.get(by));

    test('have defaults, are written whole, and come back as they were sent', async () => {
      expect(await read('anna')).toEqual(
        answer('fetched user settings', { theme: 'dark', text_size: '16', reduced_motion: false }),
      );
      const sent = { theme: 'light', text_size: '', reduced_motion: true };
      expect(await write('anna', sent)).toEqual(answer('updated user settings', sent));
      expect(await read('anna')).toEqual(
        answer('fetched user settings', { theme: 'light', text_size: '16', reduced_motion: true }),
      );
      expect((await write('anna', { theme: 'system' })).body).toMatchObject({
        Response: { theme: 'system' },
      });
      expect(await read('dora')).toMatchObject({ body: { Response: { theme: 'dark' } } });
    });

    test('are one’s own, whoever asks', async () => {
      for (const by of ['adam', 'audi']) {
        expect(await read('anna', by)).toEqual(error(403, 'forbidden'));
        expect(await write('anna', { theme: 'dark' }, by)).toEqual(error(403, 'forbidden'));
      }
      expect(await call('GET', `${user('anna')}/settings`)).toEqual(error(403, 'forbidden'));
    });

    test.each([
      [{ theme: 'pink' }, 'theme must be dark, light or system'],
      [{ text_size: 'x'.repeat(21) }, 'text_size must not exceed 20 characters'],
      [{ reduced_motion: 'yes' }, expect.stringMatching(/^invalid request body: reduced_motion: /u)],
      ['no json', expect.stringMatching(/^invalid request body: /u)],
    ])('are not %j', async (body, message) => {
      expect(await write('dora', body)).toEqual(error(400, message));
      expect(await read('dora')).toMatchObject({ body: { Response: { theme: 'dark', text_size: '16' } } });
    });
  });

  describe('validate-identity', () => {
    const validate = (name: string, password: unknown, by = name) =>
      call('POST', `${user(name)}/validate-identity`, { password }, tokens.get(by));

    test('says whether the password is right, always with 200', async () => {
      expect(await validate('anna', PASSWORD)).toEqual(
        answer('user identity validated', { identity_validated: true }),
      );
      for (const wrong of ['wrong', '', null]) {
        expect(await validate('anna', wrong)).toEqual(
          answer('user identity validation failed', { identity_validated: false }),
        );
      }
      expect(await validate('anna', PASSWORD, 'adam')).toEqual(error(403, 'forbidden'));
      expect((await validate('anna', 7)).status).toBe(400);
    });

    test('counts wrong ones as signing in does', async () => {
      for (let tries = 0; tries < 10; tries += 1) await validate('dora', 'wrong');
      expect((await validate('dora', PASSWORD)).status).toBe(429);
    });
  });

  describe('logout', () => {
    const logout = (name: string, token: string | null) =>
      call('POST', `/api/v1/users/logout?username=${name}@acme.test`, undefined, token);

    test('ends the session that it is asked with, and no other', async () => {
      const [one, two] = [await login('anna'), await login('anna')];
      expect(await logout('anna', one)).toEqual(answer('user logged out'));
      expect(await call('GET', user('anna'), undefined, one)).toEqual(error(401, 'unauthorized'));
      expect((await call('GET', user('anna'), undefined, two)).status).toBe(200);
    });

    test('leaves tokens that were made to last, and is one’s own', async () => {
      const token = tokens.get('anna') ?? '';
      expect(await logout('anna', token)).toEqual(answer('user logged out'));
      expect((await call('GET', user('anna'), undefined, token)).status).toBe(200);
      expect(await logout('anna', tokens.get('adam') ?? '')).toEqual(error(403, 'forbidden'));
      expect(await logout('nobody', token)).toEqual(error(403, 'forbidden'));
    });
  });

  describe('sessions', () => {
    const ends: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['a disabled user’s', () => call('POST', `${user('anna')}/disable`)],
      [
        'those before another password',
        () => call('PUT', user('anna'), { username: 'anna@acme.test', password: PASSWORD }),
      ],
    ];
    test.each(ends)('%s end at once', async (_what, end) => {
      const token = await login('anna');
      await end();
      expect((await call('GET', user('anna'), undefined, token)).status).toBe(401);
      await call('POST', `${user('anna')}/enable`);
      // What ended does not come back.
      expect((await call('GET', user('anna'), undefined, token)).status).toBe(401);
      await login('anna');
    });
  });

  describe('pending users', () => {
    const waiting = async (...names: string[]) => {
      const org = api.organization.id;
      await seed(api.store, org, async (tx) => {
        for (const name of names)
          await insertMember(tx, org, { username: `${name}@acme.test`, approvedAt: null });
      });
    };
    const pending = async () =>
      ((await call('GET', '/api/users_pending')).body as Wire[]).map(({ username }) => username);

    test('are listed apart from users, approved as service users, and turned away', async () => {
      await waiting('zoe', 'yves', 'xena');
      const listed = (await call('GET', '/api/users_pending')).body as Wire[];
      expect(listed.map(({ username, platform_role_id: role }) => [username, role])).toEqual([
        ['xena@acme.test', ''],
        ['yves@acme.test', ''],
        ['zoe@acme.test', ''],
      ]);
      const users = (await call('GET', '/api/users')).body as Wire[];
      expect(users.map(({ username }) => username)).not.toContain('zoe@acme.test');
      expect(await call('POST', '/api/users_pending/user/zoe@acme.test')).toEqual(
        answer('approved zoe@acme.test'),
      );
      expect((await call('GET', user('zoe'))).body).toMatchObject({ platform_role_id: 'service-user' });
      expect(await call('DELETE', '/api/users_pending/user/yves@acme.test')).toEqual(
        answer('deleted pending yves@acme.test'),
      );
      expect(await pending()).toEqual(['xena@acme.test']);
      expect(await call('DELETE', '/api/users_pending')).toEqual(answer('cleared all pending users'));
      expect(await pending()).toEqual([]);
    });

    test('names that do not wait are answered alike, and nothing happens to them', async () => {
      for (const name of ['nobody', 'anna', 'adam']) {
        expect((await call('POST', `/api/users_pending/user/${name}@acme.test`)).status).toBe(200);
        expect((await call('DELETE', `/api/users_pending/user/${name}@acme.test`)).status).toBe(200);
      }
      expect((await call('GET', user('anna'))).body).toMatchObject({ platform_role_id: 'platform-user' });
      expect((await call('GET', user('adam'))).body).toMatchObject({ platform_role_id: 'admin' });
    });

    test('are for who manages people, of the own organization', async () => {
      await waiting('wanda');
      const other = await api.createOrganization('other');
      expect((await call('GET', '/api/users_pending', undefined, other.token)).body).toEqual([]);
      await call('POST', '/api/users_pending/user/wanda@acme.test', undefined, other.token);
      await call('DELETE', '/api/users_pending', undefined, other.token);
      expect((await call('GET', '/api/users_pending', undefined, tokens.get('audi'))).status).toBe(200);
      for (const by of ['audi', 'anna', 'dora']) {
        expect(
          (await call('POST', '/api/users_pending/user/wanda@acme.test', undefined, tokens.get(by))).status,
        ).toBe(403);
        expect((await call('DELETE', '/api/users_pending', undefined, tokens.get(by))).status).toBe(403);
      }
      expect(await pending()).toEqual(['wanda@acme.test']);
    });
  });

  describe('the super-admin', () => {
    const transfer = (name: string, token?: string) =>
      call('POST', `/api/users/adm/transfersuperadmin/${name}@acme.test`, undefined, token);

    test('is not made a second time, whatever is sent', async () => {
      for (const secret of ['', 'x'.repeat(40)]) {
        const headers: Record<string, string> = secret === '' ? {} : { 'x-first-run-secret': secret };
        expect(
          await call(
            'POST',
            '/api/users/adm/createsuperadmin',
            { username: 'x@acme.test', password: PASSWORD },
            null,
            headers,
          ),
        ).toEqual(error(400, 'superadmin user already exists'));
      }
    });

    test('hands over to an administrator alone, and becomes one', async () => {
      const only = error(403, 'only superadmin can assign the superadmin role to another user');
      for (const by of ['adam', 'audi', 'anna']) expect(await transfer('adam', tokens.get(by))).toEqual(only);
      expect(await transfer('anna')).toEqual(error(403, 'only admins can be promoted to superadmin role'));
      expect(await transfer('owner')).toEqual(error(403, 'only admins can be promoted to superadmin role'));
      expect(await transfer('nobody')).toEqual(error(400, 'record not found'));
      const narrow = await api.createToken(api, api.owner, ['members']);
      expect((await transfer('adam', narrow)).status).toBe(403);
      expect((await transfer('adam')).body).toMatchObject({
        username: 'adam@acme.test',
        issuperadmin: true,
        platform_role_id: 'super-admin',
      });
      expect((await call('GET', user('owner'))).body).toMatchObject({ platform_role_id: 'admin' });
      expect(await transfer('owner')).toEqual(only);
      expect((await transfer('owner', tokens.get('adam'))).status).toBe(200);
    });
  });
});
