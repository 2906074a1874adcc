import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fromJwt } from '../../src/api/netmaker/session-token.ts';
import type { Membership, Role } from '../../src/domain/model/people.ts';
import { setPassword } from '../compat/netmaker/support.ts';
import { ENGINES } from '../support/api-server.ts';
import { DIALECTS, ROLE_WORDS } from './vocabulary.ts';
import { createWorld, gid, type World } from './world.ts';

/** Asks each dialect for something that every administrator may read, with its own header. */
const ENTRANCES: Readonly<Record<string, (world: World, token: string) => Promise<number>>> = {
  tailscale: async ({ api }, token) => {
    const basic = `Basic ${Buffer.from(`${token}:`).toString('base64')}`;
    return (
      await api.call('GET', '/api/v2/tailnet/-/users', { token: null, headers: { authorization: basic } })
    ).status;
  },
  'tailscale, bearer': async ({ call }, token) =>
    (await call('GET', '/api/v2/tailnet/-/users', undefined, token)).status,
  twingate: async ({ api }, token) =>
    (
      await api.call('POST', '/api/graphql/', {
        token: null,
        headers: { 'x-api-key': token },
        body: { query: '{ users { totalCount } }' },
      })
    ).status,
  netmaker: async ({ call }, token) => (await call('GET', '/api/users', undefined, token)).status,
  keycard: async ({ call }, token) =>
    (await call('GET', '/organizations/acme/users', undefined, token)).status,
};

const PASSWORD = 'a right password';
/** A session that a password opened, as the credential that its JWT stands for. */
async function sessionOf({ api }: World, member: Membership): Promise<string> {
  await setPassword(api, member, PASSWORD);
  const answer = await api.call('POST', '/api/users/adm/authenticate', {
    token: null,
    headers: { 'x-tenant-id': 'acme' },
    body: { username: member.username, password: PASSWORD },
  });
  return fromJwt(answer.json<{ Response: { AuthToken: string } }>().Response.AuthToken);
}
async function personalTokenOf({ ask }: World, { username }: Membership): Promise<string> {
  const body = { name: 'program', user_name: username };
  const made = (await ask('POST', '/api/v1/users/access_token', body)) as { Response: { AuthToken: string } };
  return fromJwt(made.Response.AuthToken);
}

describe.each(ENGINES)('people and their credentials in four dialects on %s', (engine) => {
  let world: World;
  const members = new Map<string, Membership>();
  beforeAll(async () => {
    world = await createWorld(engine);
    members.set('owner', world.api.owner);
    for (const role of Object.keys(ROLE_WORDS)) {
      if (role !== 'owner') members.set(role, (await world.member(role as Role, role)).member);
    }
  });
  afterAll(() => world.close());
  const idOf = (role: string): number => members.get(role)?.id ?? 0;
  const roleInStore = async (role: string) =>
    (await world.api.store.get('membership', world.api.organization.id, idOf(role)))?.role;
  /** Moves with every write but marks of use, which are noted in the background. */
  const head = async () => (await world.api.store.auditHead(world.api.organization.id)).auditSeq;

  test.each(Object.keys(ROLE_WORDS))('the role %s reads as each dialect’s own word', async (role) => {
    const { users } = (await world.ask('GET', '/api/v2/tailnet/-/users')) as {
      users: { loginName: string; role: string }[];
    };
    const { user } = await world.gql('query($id: ID!) { user(id: $id) { role } }', {
      id: gid('User', idOf(role)),
    });
    const netmaker = (await world.ask('GET', `/api/users/${role}@acme.test`)) as { platform_role_id: string };
    const keycard = (await world.ask('GET', `/organizations/acme/users/${members.get(role)?.nano}`)) as {
      role: string;
    };
    expect({
      tailscale: users.find(({ loginName }) => loginName === `${role}@acme.test`)?.role,
      twingate: user.role,
      netmaker: netmaker.platform_role_id,
      keycard: keycard.role,
    }).toEqual(ROLE_WORDS[role]);
  });

  const others = Object.keys(ROLE_WORDS).filter((role) => role !== 'owner');
  test.each(others)('writing back what a dialect reads leaves the role %s as it is', async (role) => {
    const words = ROLE_WORDS[role];
    const before = await head();
    await world.ask('POST', `/api/v2/users/${idOf(role)}/role`, { role: words?.tailscale });
    const { it } = await world.gql(
      `mutation { it: userRoleUpdate(id: "${gid('User', idOf(role))}", role: ${words?.twingate}) { ok error } }`,
    );
    expect(it).toEqual({ ok: true, error: null });
    const username = `${role}@acme.test`;
    await world.ask('PUT', `/api/users/${username}`, { username, platform_role_id: words?.netmaker });
    await world.ask('PATCH', `/organizations/acme/users/${members.get(role)?.nano}`, {
      role: words?.keycard,
      status: 'active',
    });
    expect(await roleInStore(role)).toBe(role);
    expect(await head()).toBe(before);
  });

  test('one API token opens every dialect, in that dialect’s header', async () => {
    const { token } = await world.member('admin', 'opener');
    for (const [name, status] of Object.entries(ENTRANCES))
      expect([name, await status(world, token)]).toEqual([name, 200]);
  });

  test('a token revoked over one dialect is refused in all of them', async () => {
    const { member, token } = await world.member('admin', 'revoked');
    for (const status of Object.values(ENTRANCES)) expect(await status(world, token)).toBe(200);
    const [credential] = await world.api.store.find('credential', world.api.organization.id, {
      owner: member.id,
      kind: 'api',
    });
    await world.ask('DELETE', `/api/v2/tailnet/-/keys/${credential?.publicId}`);
    for (const [name, status] of Object.entries(ENTRANCES))
      expect([name, await status(world, token)]).toEqual([name, 401]);
  });

  test('what joins devices opens no dialect', async () => {
    const made = await world.call('POST', '/api/v2/tailnet/-/keys', {
      capabilities: { devices: { create: {} } },
    });
    const { key } = made.json<{ key: string }>();
    for (const [name, status] of Object.entries(ENTRANCES))
      expect([name, await status(world, key)]).toEqual([name, 401]);
  });

  const SUSPENDERS: Readonly<Record<string, (id: number) => Promise<unknown>>> = {
    tailscale: (id) => world.ask('POST', `/api/v2/users/${id}/suspend`),
    twingate: (id) =>
      world.gql(`mutation { userDetailsUpdate(id: "${gid('User', id)}", state: DISABLED) { ok } }`),
    netmaker: async (id) => {
      const member = await world.api.store.get('membership', world.api.organization.id, id);
      // Under this dialect administrators are the owner's to switch.
      return world.ask('POST', `/api/users/${member?.username}/disable?force_disable_configs=true`);
    },
    keycard: async (id) => {
      const member = await world.api.store.get('membership', world.api.organization.id, id);
      return world.ask('PATCH', `/organizations/acme/users/${member?.nano}`, { status: 'disabled' });
    },
  };
  test.each(DIALECTS)(
    'who is suspended over %s is out of all of them, and so are his devices',
    async (by) => {
      const { member, token } = await world.member('admin', `out-${by}`);
      const device = await world.device(`laptop-${by}`, token);
      const watcher = await world.device(`watcher-${by}`);
      const sees = () => [...watcher.netmap().peers.values()].some(({ Key }) => Key === device.nodeKey());
      await vi.waitFor(() => expect(sees()).toBe(true), { timeout: 5_000 });
      const session = await sessionOf(world, member);
      const personal = await personalTokenOf(world, member);
      for (const held of [token, session, personal]) {
        for (const [name, status] of Object.entries(ENTRANCES))
          expect([name, await status(world, held)]).toEqual([name, 200]);
      }
      const begin = performance.now();
      await SUSPENDERS[by]?.(member.id);
      for (const held of [token, session, personal]) {
        for (const [name, status] of Object.entries(ENTRANCES))
          expect([name, await status(world, held)]).toEqual([name, 401]);
      }
      await vi.waitFor(() => expect(sees()).toBe(false), { timeout: 5_000 });
      await vi.waitFor(() => expect(device.netmap().peers.size).toBe(0), { timeout: 5_000 });
      // A second, at five times its value.
      expect(performance.now() - begin).toBeLessThan(5_000);
    },
  );

  test('the organization goes by its name in each dialect', async () => {
    const { organization } = world.api;
    const found = {
      tailscale: (await world.call('GET', `/api/v2/tailnet/${organization.tailnetName}/users`)).status,
      twingate: (
        await world.api.call('POST', '/api/graphql/', {
          token: null,
          headers: { 'x-api-key': world.api.token, host: 'acme.example.com' },
          body: { query: '{ users { totalCount } }' },
        })
      ).status,
      netmaker: (await world.api.call('GET', '/api/users', { headers: { 'x-tenant-id': 'acme' } })).status,
      keycard: (await world.call('GET', '/organizations/acme')).status,
    };
    expect(found).toEqual(Object.fromEntries(DIALECTS.map((dialect) => [dialect, 200])));
  });
});
