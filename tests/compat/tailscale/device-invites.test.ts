import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/domain/model/devices.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer, ipv4Of, ipv6Of } from './support.ts';

const DAY = 86_400_000;
const UNUSABLE = { message: 'invite is invalid or has already been used' };

interface Invite {
  readonly id: string;
  readonly inviteUrl: string;
  readonly accepted: boolean;
}

describe.each(ENGINES)('device invites over the REST API on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  let rival: TestOrganization;
  let device: Device;

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    acme = api;
    rival = await api.createOrganization('rival');
    [device] = (await addDevices(api, acme.organization.id, [
      { label: 'printer', owner: acme.owner.id, online: true, advertised: ['10.1.0.0/16'] },
    ])) as [Device];
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const path = () => `/api/v2/device/${device.id}/device-invites`;
  const invite = (body: unknown = [{}], token = api.token) => api.call('POST', path(), { body, token });
  const one = async (body: unknown = [{}]): Promise<Invite> => (await invite(body)).json<Invite[]>()[0]!;
  const accept = (text: string, token = rival.token) =>
    api.call('POST', '/api/v2/device-invites/-/accept', { body: { invite: text }, token });
  const devicesOf = async (token: string, query = '') =>
    (await api.call('GET', `/api/v2/tailnet/-/devices${query}`, { token })).json<{
      devices: Record<string, unknown>[];
    }>().devices;
  const usersOf = async (query: string, token = api.token) =>
    (await api.call('GET', `/api/v2/tailnet/-/users?${query}`, { token })).json<{
      users: Record<string, unknown>[];
    }>().users;

  test('an invite shows integers inside and a text as its own id, and leaves out what is false', async () => {
    const made = await invite([{}, { multiUse: true, allowExitNode: true, email: 'guest@else.test' }]);
    expect(made.status).toBe(200);
    const [plain, rich] = made.json<Invite[]>();
    expect(plain).toEqual({
      id: expect.stringMatching(/^[0-9]+$/u),
      created: expect.stringMatching(/Z$/u),
      tailnetId: acme.organization.id,
      deviceId: device.id,
      sharerId: acme.owner.id,
      inviteUrl: expect.stringMatching(/^http:\/\/[^/]+\/admin\/invite\/[A-Za-z0-9_-]+$/u),
      accepted: false,
    });
    expect(rich).toMatchObject({
      multiUse: true,
      allowExitNode: true,
      email: 'guest@else.test',
      lastEmailSentAt: expect.stringMatching(/Z$/u),
    });
    expect((await api.call('GET', path())).json()).toEqual([plain, rich]);
    expect((await api.call('GET', `/api/v2/device-invites/${plain!.id}`)).json()).toEqual(plain);
    const mails = await api.store.feed.read(acme.organization.id, 0, 1_000);
    expect(mails.filter(({ kind }) => kind === 'deviceShare')).toHaveLength(2);
  });

  test('a single object does as well as a list of one', async () => {
    expect((await invite({ allowExitNode: true })).json()).toMatchObject([{ allowExitNode: true }]);
  });

  test('the link is shown to those who may share, and to no auditor', async () => {
    await one();
    const { token } = await api.createMember(acme, 'auditor');
    const [shown] = (await api.call('GET', path(), { token })).json<Invite[]>();
    expect(shown).not.toHaveProperty('inviteUrl');
  });

  test('whoever accepts sees the device as external, with nothing of what is hidden', async () => {
    const { inviteUrl, id } = await one([{ allowExitNode: true }]);
    const answer = await accept(inviteUrl);
    expect([answer.status, answer.json()]).toEqual([
      200,
      {
        device: {
          id: expect.stringMatching(/^n.*CNTRL$/u),
          os: 'linux',
          name: 'printer',
          fqdn: 'printer.acme.holdfast.internal',
          ipv4: ipv4Of(device.id),
          ipv6: ipv6Of(device.id),
          includeExitNode: true,
        },
        sharer: {
          id: String(acme.owner.id),
          displayName: 'owner@acme.test',
          loginName: 'owner@acme.test',
          profilePicURL: '',
        },
        acceptedBy: {
          id: String(rival.owner.id),
          displayName: 'owner@rival.test',
          loginName: 'owner@rival.test',
          profilePicURL: '',
        },
      },
    ]);
    const shown = {
      id: String(device.id),
      isExternal: true,
      name: 'printer.acme.holdfast.internal',
      user: 'owner@acme.test',
      addresses: [ipv4Of(device.id), ipv6Of(device.id)],
      connectedToControl: true,
      created: '',
      clientVersion: '',
      machineKey: '',
      expires: '0001-01-01T00:00:00Z',
    };
    const [external] = await devicesOf(rival.token);
    expect(external).toMatchObject(shown);
    expect(external).not.toHaveProperty('tags');
    expect((await devicesOf(rival.token, '?fields=all'))[0]).toMatchObject({
      ...shown,
      enabledRoutes: [],
      advertisedRoutes: [],
      postureIdentity: { disabled: true },
    });
    const single = await api.call('GET', `/api/v2/device/${device.id}`, { token: rival.token });
    expect(single.json()).toEqual(external);
    // At home nothing changed.
    expect((await devicesOf(api.token))[0]).toMatchObject({ isExternal: false });
    const invites = (await api.call('GET', path())).json<Invite[]>();
    expect(invites).toMatchObject([
      {
        id,
        accepted: true,
        acceptedBy: { id: rival.owner.id, loginName: 'owner@rival.test', profilePicUrl: '' },
      },
    ]);
  });

  test('of a tagged device it is not shown who brought it in', async () => {
    const [tagged] = await addDevices(api, acme.organization.id, [
      { label: 'server', owner: acme.owner.id, tags: ['tag:web'] },
    ]);
    const made = await api.call('POST', `/api/v2/device/${tagged!.id}/device-invites`, { body: [{}] });
    await accept(made.json<Invite[]>()[0]!.inviteUrl);
    expect(await devicesOf(rival.token)).toMatchObject([{ isExternal: true, user: 'tagged-devices' }]);
    expect((await devicesOf(rival.token, '?fields=all'))[0]).toMatchObject({ user: 'tagged-devices' });
  });

  test('the link of somebody who was suspended is good again when they are, and that of somebody who left never', async () => {
    const { token, member } = await api.createMember(acme, 'admin');
    const made = await invite([{ multiUse: true }], token);
    const link = made.json<Invite[]>()[0]!.inviteUrl;
    const act = (verb: string) => api.call('POST', `/api/v2/users/${member.id}/${verb}`);
    expect((await act('suspend')).status).toBe(200);
    const refused = await accept(link);
    expect([refused.status, refused.json()]).toEqual([400, UNUSABLE]);
    expect((await act('restore')).status).toBe(200);
    expect((await accept(link)).status).toBe(200);
    const third = await api.createOrganization('third');
    expect((await act('delete')).status).toBe(200);
    expect((await accept(link, third.token)).status).toBe(400);
  });

  test('filters hold for external devices too', async () => {
    await accept((await one()).inviteUrl);
    await addDevices(api, rival.organization.id, [{ label: 'own', owner: rival.owner.id }]);
    const ids = async (query: string) => (await devicesOf(rival.token, query)).map(({ name }) => name);
    expect(await ids('?isExternal=true')).toEqual(['printer.acme.holdfast.internal']);
    expect(await ids('?isExternal=false')).toEqual(['own.rival.holdfast.internal']);
    expect(await ids('?name=printer.acme.holdfast.internal')).toEqual(['printer.acme.holdfast.internal']);
    expect(await ids(`?machineKey=${encodeURIComponent(device.machineKey)}`)).toEqual([]);
    expect(await ids('?clientVersion=1.102.5-t0123456')).toEqual(['own.rival.holdfast.internal']);
  });

  test('the acceptor is a shared user at home, and none of the members', async () => {
    await accept((await one()).inviteUrl);
    expect(await usersOf('type=shared')).toMatchObject([
      { type: 'shared', loginName: 'owner@rival.test', role: 'member', status: 'active' },
    ]);
    expect((await usersOf('type=all')).map(({ type }) => type)).toEqual(['member', 'shared']);
    expect((await usersOf('')).map(({ type }) => type)).toEqual(['member']);
    expect(await usersOf('type=shared', rival.token)).toEqual([]);
    const user = await api.call('GET', `/api/v2/users/${rival.owner.id}`);
    expect(user.json()).toMatchObject({ type: 'shared' });
  });

  test('a code does as well as its URL, in an object or in a list of one', async () => {
    const code = (await one()).inviteUrl.split('/').at(-1)!;
    const answer = await api.call('POST', '/api/v2/device-invites/-/accept', {
      body: [{ invite: code }],
      token: rival.token,
    });
    expect(answer.status).toBe(200);
  });

  test('a single-use invite is good once; one for many until each has it', async () => {
    const other = await api.createOrganization('other');
    const single = await one();
    expect((await accept(single.inviteUrl)).status).toBe(200);
    const again = await accept(single.inviteUrl, other.token);
    expect([again.status, again.json()]).toEqual([400, UNUSABLE]);
    const many = await one([{ multiUse: true }]);
    expect((await accept(many.inviteUrl, other.token)).status).toBe(200);
    expect((await accept(many.inviteUrl, other.token)).status).toBe(400);
    const { token } = await api.createMember(other, 'it-admin');
    expect((await accept(many.inviteUrl, token)).status).toBe(200);
    expect(await devicesOf(other.token)).toHaveLength(1);
  });

  test('an invite ends after thirty days, and what was accepted stays', async () => {
    const [kept, unused] = (await invite([{}, {}])).json<Invite[]>();
    await accept(kept!.inviteUrl);
    api.clock.advance(30 * DAY);
    const late = await accept(unused!.inviteUrl);
    expect([late.status, late.json()]).toEqual([400, UNUSABLE]);
    expect((await api.call('GET', path())).json<Invite[]>().map(({ id }) => id)).toEqual([kept!.id]);
    expect((await api.call('GET', `/api/v2/device-invites/${unused!.id}`)).status).toBe(404);
    expect(await devicesOf(rival.token)).toHaveLength(1);
  });

  test.each([
    ['nothing', ''],
    ['no code', 'abc'],
    ['a code of nobody', `1-1-${'x'.repeat(43)}`],
  ])('%s opens nothing', async (_what, text) => {
    const answer = await accept(text);
    expect([answer.status, answer.json()]).toEqual([400, UNUSABLE]);
  });

  test('a code with another number in it opens nothing', async () => {
    const [first, second] = (await invite([{}, {}])).json<Invite[]>();
    const code = first!.inviteUrl.split('/').at(-1)!;
    const forged = code.replace(
      `-${Number(first!.id).toString(36)}-`,
      `-${Number(second!.id).toString(36)}-`,
    );
    expect(forged).not.toBe(code);
    expect((await accept(forged)).status).toBe(400);
  });

  test('nobody accepts what their own organization shares', async () => {
    const answer = await accept((await one([{ multiUse: true }])).inviteUrl, api.token);
    expect([answer.status, answer.json()]).toEqual([400, UNUSABLE]);
  });

  test('only people of roles that share may accept, and no client shares, resends or accepts', async () => {
    const { inviteUrl, id } = await one([{ multiUse: true, email: 'a@b.test' }]);
    for (const role of ['member', 'network-admin', 'auditor'] as const) {
      const { token } = await api.createMember(rival, role);
      expect([role, (await accept(inviteUrl, token)).status]).toEqual([role, 403]);
    }
    const client = async (token: string): Promise<string> => {
      const { key } = (
        await api.call('POST', '/api/v2/tailnet/-/keys', {
          body: { keyType: 'client', scopes: ['all'] },
          token,
        })
      ).json<{ key: string }>();
      const minted = await api.call('POST', '/api/v2/oauth/token', {
        body: `client_secret=${key}`,
        token: null,
      });
      return minted.json<{ access_token: string }>().access_token;
    };
    expect((await accept(inviteUrl, await client(rival.token))).status).toBe(403);
    const own = await client(api.token);
    expect((await invite([{}], own)).status).toBe(403);
    const resent = await api.call('POST', `/api/v2/device-invites/${id}/resend`, { token: own });
    expect(resent.status).toBe(403);
    expect((await api.call('DELETE', `/api/v2/device-invites/${id}`, { token: own })).status).toBe(200);
  });

  test('a mail is sent again once a minute at most, and only where there was one', async () => {
    const mailed = await one([{ email: 'guest@else.test' }]);
    const resend = (id: string) => api.call('POST', `/api/v2/device-invites/${id}/resend`);
    expect((await resend(mailed.id)).status).toBe(429);
    api.clock.advance(60_000);
    expect((await resend(mailed.id)).status).toBe(200);
    expect((await resend(mailed.id)).status).toBe(429);
    expect((await resend((await one()).id)).status).toBe(400);
  });

  test('an address gets five mails an hour, and what is made beyond says that none was sent', async () => {
    const sent: boolean[] = [];
    for (let number = 0; number < 7; number += 1) {
      const made = await one([{ email: 'guest@else.test' }]);
      sent.push(Object.hasOwn(made, 'lastEmailSentAt'));
      expect(made).toHaveProperty('inviteUrl');
    }
    expect(sent).toEqual([true, true, true, true, true, false, false]);
    const mails = await api.engine.run('SELECT "target" FROM "outbox" WHERE "kind" = \'mail\'', []);
    expect(mails).toHaveLength(5);
  });

  test('a deleted invite is gone, opens nothing, and takes the device back', async () => {
    const [used, unused] = (await invite([{}, {}])).json<Invite[]>();
    await accept(used!.inviteUrl);
    for (const { id } of [used!, unused!]) {
      expect((await api.call('DELETE', `/api/v2/device-invites/${id}`)).status).toBe(200);
      expect((await api.call('DELETE', `/api/v2/device-invites/${id}`)).status).toBe(404);
    }
    expect((await accept(unused!.inviteUrl)).status).toBe(400);
    expect(await devicesOf(rival.token)).toEqual([]);
    expect(await usersOf('type=shared')).toEqual([]);
    const log = await api.store.auditEvents(rival.organization.id, { afterSeq: 0, limit: 1_000 });
    expect(log.at(-1)).toMatchObject({ verb: 'delete', objectKind: 'sharedDevice' });
  });

  test('deleting a shared user takes all devices back from them', async () => {
    await accept((await one()).inviteUrl);
    expect((await api.call('POST', `/api/v2/users/${rival.owner.id}/delete`)).status).toBe(200);
    expect(await devicesOf(rival.token)).toEqual([]);
    expect((await api.call('POST', `/api/v2/users/${rival.owner.id}/delete`)).status).toBe(404);
    expect(await api.store.get('membership', rival.organization.id, rival.owner.id)).toBeDefined();
  });

  test('a deleted device is gone for those who accepted it, and so are its invites', async () => {
    const { inviteUrl, id } = await one([{ multiUse: true }]);
    await accept(inviteUrl);
    expect((await api.call('DELETE', `/api/v2/device/${device.id}`)).status).toBe(200);
    expect(await devicesOf(rival.token)).toEqual([]);
    expect((await api.call('GET', `/api/v2/device-invites/${id}`)).status).toBe(404);
    expect((await accept(inviteUrl)).status).toBe(400);
  });

  test('an external device is not deleted, and nothing of it is changed', async () => {
    await accept((await one()).inviteUrl);
    const base = `/api/v2/device/${device.id}`;
    const gone = await api.call('DELETE', base, { token: rival.token });
    expect([gone.status, gone.json()]).toEqual([
      501,
      { message: 'cannot delete devices outside of your tailnet' },
    ]);
    const calls: [string, string, object | undefined][] = [
      ['POST', 'expire', undefined],
      ['POST', 'authorized', { authorized: false }],
      ['POST', 'name', { name: 'mine' }],
      ['POST', 'tags', { tags: [] }],
      ['GET', 'routes', undefined],
      ['GET', 'attributes', undefined],
      ['GET', 'device-invites', undefined],
      ['POST', 'device-invites', [{}]],
    ];
    for (const [method, name, body] of calls) {
      const answer = await api.call(method, `${base}/${name}`, { token: rival.token, body });
      expect([name, answer.status]).toEqual([name, 404]);
    }
    expect((await devicesOf(api.token))[0]).toMatchObject({ authorized: true });
  });

  test.each([
    ['no list', 'x', 'request body'],
    ['an empty list', [], 'at least one'],
    ['no address', [{ email: 'nonsense' }], 'email'],
    ['no truth', [{ multiUse: 'yes' }], 'multiUse'],
  ])('%s is refused and nothing is made', async (_what, body, named) => {
    const answer = await invite(body);
    expect(answer.status).toBe(400);
    expect(answer.json<{ message: string }>().message).toContain(named);
    expect((await api.call('GET', path())).json()).toEqual([]);
  });
});
