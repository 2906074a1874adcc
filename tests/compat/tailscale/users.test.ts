import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Membership } from '../../../src/domain/model/people.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

interface WireUser {
  readonly id: string;
  readonly role: string;
  readonly status: string;
  readonly [name: string]: unknown;
}

describe.each(ENGINES)('users over the REST API on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  const list = async (query = '') =>
    (await api.call('GET', `/api/v2/tailnet/-/users${query}`)).json<{ users: WireUser[] }>().users;
  const user = async (id: number) => (await api.call('GET', `/api/v2/users/${id}`)).json<WireUser>();
  const act = async (id: number, what: string, body?: unknown, token = api.token) => {
    const answer = await api.call('POST', `/api/v2/users/${id}/${what}`, { token, body: body ?? '' });
    return [answer.status, answer.json<{ message?: string }>().message];
  };

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    acme = api;
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('a user has the members of the contract, and an id that can be a Terraform name', async () => {
    await addDevices(api, api.organization.id, [
      { label: 'one', owner: api.owner.id, online: true },
      { label: 'two', owner: api.owner.id },
      { label: 'three', owner: api.owner.id, tags: ['tag:x'] },
    ]);
    const [owner, ...others] = await list();
    expect(others).toEqual([]);
    expect(owner).toEqual({
      id: expect.stringMatching(/^u[1-9A-Za-z]+CNTRL$/u),
      displayName: 'owner@acme.test',
      loginName: 'owner@acme.test',
      profilePicUrl: '',
      tailnetId: expect.stringMatching(/^T[1-9A-Za-z]+CNTRL$/u),
      created: expect.stringMatching(/Z$/u),
      type: 'member',
      role: 'owner',
      status: 'active',
      deviceCount: 2,
      lastSeen: expect.stringMatching(/Z$/u),
      currentlyConnected: true,
    });
    expect((await api.call('GET', `/api/v2/users/${owner?.id}`)).json()).toEqual(owner);
  });

  test('lists are narrowed by role and type, and a value that is none is refused', async () => {
    await api.createMember(acme, 'auditor');
    await api.createMember(acme, 'support');
    await api.createMember(acme, 'device-user');
    const roles = async (query: string) => (await list(query)).map(({ role }) => role).sort();
    expect(await roles('')).toEqual(['auditor', 'auditor', 'member', 'owner']);
    expect(await roles('?role=auditor')).toEqual(['auditor', 'auditor']);
    expect(await roles('?role=all&type=all')).toEqual(['auditor', 'auditor', 'member', 'owner']);
    expect(await roles('?type=shared')).toEqual([]);
    for (const query of ['?role=king', '?type=robot']) {
      expect((await api.call('GET', `/api/v2/tailnet/-/users${query}`)).status).toBe(400);
    }
  });

  test('a user begins when they join, not when they were invited', async () => {
    const { member } = await api.createMember(acme, 'member');
    const joinedAt = member.createdAt + 3 * 86_400_000;
    await patch(member, { joinedAt, approvedAt: joinedAt });
    const joined = new Date(joinedAt).toISOString().replace(/\.\d+Z$/u, 'Z');
    expect(await user(member.id)).toMatchObject({ created: joined, lastSeen: joined });
  });

  test('somebody not seen for more than 28 days is idle', async () => {
    const { member } = await api.createMember(acme, 'member');
    expect((await user(member.id)).status).toBe('active');
    api.clock.advance(28 * 86_400_000);
    expect((await user(member.id)).status).toBe('active');
    api.clock.advance(1);
    expect((await user(member.id)).status).toBe('idle');
  });

  test('a role is changed, and a value that is shown already changes nothing finer', async () => {
    const { member } = await api.createMember(acme, 'support');
    const row = async () => (await api.store.get('membership', api.organization.id, member.id))?.role;
    expect(await act(member.id, 'role', { role: 'auditor' })).toEqual([200, undefined]);
    expect(await row()).toBe('support');
    expect(await act(member.id, 'role', { role: 'network-admin' })).toEqual([200, undefined]);
    expect(await row()).toBe('network-admin');
    expect((await act(member.id, 'role', { role: 'support' }))[0]).toBe(400);
    expect((await act(member.id, 'role', {}))[0]).toBe(400);
  });

  test('nobody acts on themselves, and nobody but the owner gives the organization away', async () => {
    const admin = await api.createMember(acme, 'admin');
    expect(await act(admin.member.id, 'role', { role: 'member' }, admin.token)).toEqual([
      403,
      'not allowed to change own role',
    ]);
    for (const what of ['suspend', 'delete']) {
      expect((await act(admin.member.id, what, undefined, admin.token))[0]).toBe(403);
      expect((await act(api.owner.id, what, undefined, admin.token))[0]).toBe(403);
    }
    expect((await act(api.owner.id, 'role', { role: 'member' }, admin.token))[0]).toBe(403);
    const { member } = await api.createMember(acme, 'member');
    expect((await act(member.id, 'role', { role: 'owner' }, admin.token))[0]).toBe(403);
    expect(await act(member.id, 'role', { role: 'owner' })).toEqual([200, undefined]);
    const roles = (await list()).map(({ loginName, role }) => [loginName, role]);
    expect(roles).toEqual(
      expect.arrayContaining([
        ['owner@acme.test', 'admin'],
        ['member@acme.test', 'owner'],
      ]),
    );
    expect(roles.filter(([, role]) => role === 'owner')).toHaveLength(1);
  });

  test('an IT administrator grants every role but the owner’s; a narrowed token grants no administrator', async () => {
    const it = await api.createMember(acme, 'it-admin');
    const { member } = await api.createMember(acme, 'member');
    expect((await act(member.id, 'role', { role: 'admin' }, it.token))[0]).toBe(200);
    expect((await act(member.id, 'role', { role: 'owner' }, it.token))[0]).toBe(403);
    const narrow = await api.createToken(acme, api.owner, ['users']);
    expect((await act(member.id, 'role', { role: 'member' }, narrow))[0]).toBe(403);
    const { member: other } = await api.createMember(acme, 'auditor');
    expect((await act(other.id, 'role', { role: 'admin' }, narrow))[0]).toBe(403);
    expect((await act(other.id, 'role', { role: 'member' }, narrow))[0]).toBe(200);
  });

  test('suspending cuts off tokens at once, and restoring gives them back', async () => {
    const { member, token } = await api.createMember(acme, 'auditor');
    const reads = async () => (await api.call('GET', '/api/v2/tailnet/-/devices', { token })).status;
    expect(await reads()).toBe(200);
    expect(await act(member.id, 'suspend')).toEqual([200, undefined]);
    await expect.poll(reads, { timeout: 5_000 }).toBe(401);
    expect((await user(member.id)).status).toBe('suspended');
    expect(await act(member.id, 'suspend')).toEqual([200, undefined]);
    expect(await act(member.id, 'restore')).toEqual([200, undefined]);
    await expect.poll(reads, { timeout: 5_000 }).toBe(200);
  });

  test('approving ends the wait, and is no error for whoever does not wait', async () => {
    const { member } = await api.createMember(acme, 'member');
    await patch(member, { approvedAt: null });
    expect((await user(member.id)).status).toBe('needs-approval');
    expect(await act(member.id, 'approve')).toEqual([200, undefined]);
    expect((await user(member.id)).status).toBe('active');
    expect(await act(member.id, 'approve')).toEqual([200, undefined]);
  });

  test('deleting takes their devices and keys along, and leaves what belongs to the organization', async () => {
    const it = await api.createMember(acme, 'it-admin');
    const [device] = await addDevices(api, api.organization.id, [{ label: 'theirs', owner: it.member.id }]);
    const make = (body: unknown) =>
      api.call('POST', '/api/v2/tailnet/-/keys', { token: it.token, body: body as object });
    const authKey = (await make({ capabilities: { devices: {} } })).json<{ id: string }>().id;
    const client = (await make({ keyType: 'client', scopes: ['users:read'] })).json<{ id: string }>().id;
    expect(await act(it.member.id, 'delete')).toEqual([200, undefined]);
    const status = async (path: string) => (await api.call('GET', path)).status;
    expect(await status(`/api/v2/users/${it.member.id}`)).toBe(404);
    expect(await status(`/api/v2/device/${device!.id}`)).toBe(404);
    expect(await status(`/api/v2/tailnet/-/keys/${authKey}`)).toBe(404);
    expect(await status(`/api/v2/tailnet/-/keys/${client}`)).toBe(200);
    await expect
      .poll(async () => (await api.call('GET', '/api/v2/tailnet/-/devices', { token: it.token })).status)
      .toBe(401);
    expect((await act(it.member.id, 'delete'))[0]).toBe(404);
  });

  const patch = (member: Membership, columns: Partial<Membership>) =>
    api.store.write(
      { orgs: [member.org], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' },
      async (tx) => {
        await tx.update('membership', member.org, member.id, columns);
        tx.audit(member.org, {
          verb: 'update',
          objectKind: 'membership',
          objectId: member.id,
          objectName: 'x',
        });
      },
    );
});
