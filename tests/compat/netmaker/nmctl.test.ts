// The vendor's own command line against a whole server: every command of users, groups, roles and tokens that it has.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../../support/installation.ts';
import { whyNoNmctl } from '../../support/nmctl.ts';
import { unless } from '../../support/requirements.ts';
import type { Wire } from './calls.ts';
import { createNmctlWorld, type NmctlWorld, OWNER, PASSWORD } from './nmctl-world.ts';

interface Row extends Wire {
  readonly username: string;
  readonly platform_role_id: string;
}

describe('nmctl', unless(whyNoNmctl(), { optional: true }), () => {
  let world: NmctlWorld;
  let nmctl: NmctlWorld['nmctl'];
  let post: NmctlWorld['post'];
  beforeAll(async () => {
    world = await createNmctlWorld();
    ({ nmctl, post } = world);
  });
  afterAll(() => world?.end());
  const users = () => nmctl.json<Row[]>('user', 'list');
  const find = async (name: string) => (await users()).find(({ username }) => username === name);

  test('server: health, info, config, whether there is an administrator', async () => {
    expect(await nmctl.run('server', 'health')).toContain('Server is up and running!!');
    expect(JSON.parse(await nmctl.run('server', 'info'))).toMatchObject({ Is_EE: true, Version: 'v1.7.0' });
    expect(JSON.parse(await nmctl.run('server', 'config'))).toMatchObject({
      MasterKey: '(hidden)',
      DNSKey: '(hidden)',
      ClientSecret: '..................',
    });
    expect((await nmctl.run('server', 'has_admin')).trim()).toBe('true');
  });

  test('user: create, list, get, update, delete', async () => {
    const group = await post('/api/v1/users/group', { user_group: { name: 'Ops' } });
    const made = JSON.parse(
      await nmctl.run(
        'user',
        'create',
        '--name',
        'alice',
        '--password',
        'a password',
        '-r',
        'service-user',
        '-g',
        String(group.id),
      ),
    ) as Row;
    expect(made).toMatchObject({ username: 'alice', platform_role_id: 'service-user', password: '' });
    expect(await find('alice')).toMatchObject({ user_group_ids: { [String(group.id)]: {} } });
    expect(JSON.parse(await nmctl.run('user', 'get', 'alice'))).toMatchObject({ username: 'alice' });
    expect(await nmctl.run('user', 'list')).toMatch(/\| alice +\| service-user +\|/u);

    await nmctl.run('user', 'update', 'alice', '-r', 'auditor');
    // Without groups named, the ones there are stay.
    expect(await find('alice')).toMatchObject({
      platform_role_id: 'auditor',
      user_group_ids: { [String(group.id)]: {} },
    });
    await nmctl.run('user', 'update', 'alice', '-g', 'global-network-user-grp');
    expect(await find('alice')).toMatchObject({ user_group_ids: { 'global-network-user-grp': {} } });

    const again = ['user', 'create', '--name', 'alice', '--password', 'a password'];
    expect(await nmctl.fail(...again, '-r', 'service-user')).toContain('user exists');
    // It has a default that another command of its own takes away.
    expect(await nmctl.fail(...again)).toContain('platform role is missing');
    expect(
      await nmctl.fail('user', 'create', '--name', 'root', '--password', 'a password', '-r', 'super-admin'),
    ).toContain('additional superadmins cannot be created');
    expect((await nmctl.run('user', 'delete', 'alice')).trim()).toBe('"alice deleted."');
    expect(await find('alice')).toBeUndefined();
    expect(await nmctl.fail('user', 'delete', OWNER)).toContain('superadmin cannot be deleted');
  });

  test('user group: list, get, delete', async () => {
    const group = await post('/api/v1/users/group', {
      user_group: { name: 'Night shift', network_roles: { all_networks: { 'global-network-user': {} } } },
    });
    const id = String(group.id);
    expect(await nmctl.run('user', 'group', 'list')).toContain(id);
    expect(await nmctl.json('user', 'group', 'get', id)).toMatchObject({
      id,
      name: 'Night shift',
      network_roles: { all_networks: { 'global-network-user': {} } },
    });
    expect(await nmctl.run('user', 'group', 'delete', id)).toContain('deleted user group');
    expect(await nmctl.fail('user', 'group', 'delete', 'global-network-user-grp')).toContain(
      'cannot delete default user group',
    );
  });

  test('user role: list, get, delete', async () => {
    const role = await post('/api/v1/users/role', {
      name: 'Operators',
      network_id: 'all_networks',
      network_level_access: { host: { all_host: { read: true } } },
    });
    const id = String(role.id);
    const listed = await nmctl.json<Wire[]>('user', 'role', 'list');
    expect(listed.map((one) => one.id)).toEqual(['global-network-admin', 'global-network-user', id]);
    expect(await nmctl.json('user', 'role', 'get', id)).toMatchObject({
      name: 'Operators',
      network_level_access: { host: { all_host: { read: true, create: false } } },
    });
    expect(await nmctl.json('user', 'role', 'get', 'service-user')).toMatchObject({
      deny_dashboard_access: true,
    });
    expect(await nmctl.run('user', 'role', 'delete', id)).toContain('deleted user role');
    expect(await nmctl.fail('user', 'role', 'delete', 'admin')).toContain('cannot delete platform role');
  });

  test('network: create, list, get, delete; its roles and groups come and go with it', async () => {
    await nmctl.run('network', 'create', '--name', 'office', '--ipv4_addr', '10.77.0.0/24');
    expect(await nmctl.run('network', 'list')).toMatch(/\| office +\| 10\.77\.0\.0\/24 +\|/u);
    expect(await nmctl.run('network', 'get', 'office')).toContain('10.77.0.0/24');
    expect((await nmctl.json<Wire[]>('user', 'role', 'list')).map(({ id }) => id)).toContain(
      'office-network-user',
    );
    await nmctl.run(
      'user',
      'create',
      '--name',
      'walter',
      '--password',
      'a password',
      ...['-r', 'service-user'],
    );
    await nmctl.run('user', 'update', 'walter', '-g', 'office-network-user-grp');
    expect(await find('walter')).toMatchObject({ user_group_ids: { 'office-network-user-grp': {} } });
    expect(await nmctl.run('host', 'list')).toContain('[]');
    expect(await nmctl.run('ext_client', 'list')).toContain('CLIENT ID');
    await nmctl.run('enrollment_key', 'list');
    // It cannot read the answer of its own server to this; what is there afterwards says how it went.
    await nmctl.run('network', 'delete', 'office').catch(() => undefined);
    expect(await nmctl.run('network', 'list')).not.toContain('office');
    expect((await nmctl.json<Wire[]>('user', 'role', 'list')).map(({ id }) => id)).not.toContain(
      'office-network-user',
    );
    expect(await find('walter')).toMatchObject({ user_group_ids: {} });
  });

  test('access_token: create, get, delete; and nmctl works by one', async () => {
    await nmctl.run('user', 'create', '--name', 'robot', '--password', 'a password', '-r', 'admin');
    const { AuthToken: token } = JSON.parse(
      await nmctl.run('access_token', 'create', 'ci', '--user', 'robot'),
    ) as { AuthToken: string };
    const [row] = JSON.parse(await nmctl.run('access_token', 'get', 'robot')) as Wire[];
    expect(row).toMatchObject({ name: 'ci', user_name: 'robot' });

    await nmctl.run('context', 'set', 'robot', '--endpoint', world.url, '--auth_token', token);
    await nmctl.run('context', 'use', 'robot');
    expect((await users()).map(({ username }) => username)).toContain('robot');
    await nmctl.run('context', 'use', 'acme');
    await nmctl.run('access_token', 'delete', String(row?.id));
    expect(JSON.parse(await nmctl.run('access_token', 'get', 'robot'))).toEqual([]);
    expect((await ask(`${world.url}/api/users`, token)).status).toBe(401);
  });

  test('an API token serves as its master key', async () => {
    await nmctl.run('context', 'set', 'master', '--endpoint', world.url, '--master_key', world.apiKey);
    await nmctl.run('context', 'use', 'master');
    expect((await users()).map(({ username }) => username)).toContain(OWNER);
    await nmctl.run('context', 'use', 'acme');
  });

  test('a session that ended is signed in anew', async () => {
    const before = await ask(`${world.url}/api/users/robot/disable`, world.apiKey, { method: 'POST' });
    expect(before.status).toBe(200);
    await nmctl.run(
      'context',
      'set',
      'again',
      '--endpoint',
      world.url,
      '--username',
      OWNER,
      '--password',
      PASSWORD,
      '--auth_token',
      'gone',
    );
    await nmctl.run('context', 'use', 'again');
    expect((await users()).length).toBeGreaterThan(0);
    await nmctl.run('context', 'use', 'acme');
  });
});
