import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { createTailscaleServer } from './support.ts';

describe.each(ENGINES)('user invites over the REST API on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  const INVITES = '/api/v2/tailnet/-/user-invites';
  const invite = (body: unknown, token = api.token) =>
    api.call('POST', INVITES, { body: body as object, token });
  const list = async () => (await api.call('GET', INVITES)).json<{ id: string }[]>();

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    acme = api;
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('an invite shows integers inside and a text as its own id, and the person is no user yet', async () => {
    const made = await invite([{ email: 'new@elsewhere.test', role: 'auditor' }, { email: 'two@acme.test' }]);
    expect(made.status).toBe(200);
    const [one, two] = made.json<{ id: string }[]>();
    expect(one).toEqual({
      id: expect.stringMatching(/^[0-9]+$/u),
      role: 'auditor',
      tailnetId: api.organization.id,
      inviterId: api.owner.id,
      email: 'new@elsewhere.test',
      lastEmailSentAt: expect.stringMatching(/Z$/u),
      inviteUrl: expect.stringMatching(/^https?:\/\/[^/]+\/login\/join\/[a-z0-9-]+$/u),
    });
    // People of the organization's own domain just sign in.
    expect(two).toEqual({
      id: expect.any(String),
      role: 'member',
      tailnetId: api.organization.id,
      inviterId: api.owner.id,
      email: 'two@acme.test',
      lastEmailSentAt: expect.any(String),
    });
    expect(await list()).toEqual([one, two]);
    expect((await api.call('GET', `/api/v2/user-invites/${one!.id}`)).json()).toEqual(one);
    const users = (await api.call('GET', '/api/v2/tailnet/-/users')).json<{ users: unknown[] }>().users;
    expect(users).toHaveLength(1);
  });

  test('one invite may come without the list around it, and is answered with a list all the same', async () => {
    const made = await invite({ email: 'new@elsewhere.test', role: 'auditor' });
    expect([made.status, made.json()]).toMatchObject([
      200,
      [{ email: 'new@elsewhere.test', role: 'auditor' }],
    ]);
    expect(await list()).toEqual(made.json());
    for (const nothing of [null, 'x', 1, []]) expect((await invite(nothing)).status).toBe(400);
  });

  test('inviting an address again renews its invite instead of adding one', async () => {
    const [first] = (await invite([{ email: 'a@b.test' }])).json<{ id: string }[]>();
    api.clock.advance(60_000);
    const [again] = (await invite([{ email: 'A@B.test', role: 'auditor' }])).json<{ id: string }[]>();
    expect(again).toMatchObject({ id: first!.id, role: 'auditor' });
    expect(await list()).toEqual([again]);
  });

  test('of a list with a mistake nothing is made, and nothing written', async () => {
    const [known] = (await invite([{ email: 'known@b.test' }])).json<{ id: string }[]>();
    const written = () => api.store.auditHead(api.organization.id);
    const before = await written();
    for (const bad of [{ email: api.owner.email }, { email: 'no address' }]) {
      const list = [{ email: 'one@b.test' }, {}, { email: 'known@b.test', role: 'auditor' }, bad];
      expect((await invite(list)).status).toBe(400);
    }
    expect(await list()).toEqual([known]);
    expect(await written()).toEqual(before);
  });

  test('an address that stands twice in a list is one invite, with the later role', async () => {
    const made = await invite([{ email: 'a@b.test' }, { email: 'A@b.test', role: 'auditor' }]);
    const [first, second] = made.json<{ id: string }[]>();
    expect(first).toEqual(second);
    expect(await list()).toEqual([second]);
    expect(second).toMatchObject({ role: 'auditor' });
  });

  test('a deleted invite is gone, and its address can be invited again', async () => {
    const [made] = (await invite([{ email: 'a@b.test' }])).json<{ id: string }[]>();
    const path = `/api/v2/user-invites/${made!.id}`;
    expect((await api.call('DELETE', path)).status).toBe(200);
    for (const method of ['GET', 'DELETE']) expect((await api.call(method, path)).status).toBe(404);
    expect(await list()).toEqual([]);
    expect((await invite([{ email: 'a@b.test' }])).status).toBe(200);
  });

  test('a mail is sent again once a minute at most', async () => {
    const [made] = (await invite([{ email: 'a@b.test' }])).json<{ id: string }[]>();
    const resend = async () => (await api.call('POST', `/api/v2/user-invites/${made!.id}/resend`)).status;
    expect(await resend()).toBe(429);
    api.clock.advance(60_000);
    expect(await resend()).toBe(200);
    expect(await resend()).toBe(429);
    // The link that was shown before opens nothing any more.
    const [renewed] = await list();
    expect(renewed).toHaveProperty('inviteUrl');
    expect(renewed).not.toMatchObject({ inviteUrl: (made as { inviteUrl?: string }).inviteUrl });
  });

  /** Mails that wait to be sent. */
  const mails = async (): Promise<unknown[]> =>
    (await api.engine.run('SELECT "target" FROM "outbox" WHERE "kind" = \'mail\' ORDER BY "id"', [])).map(
      ({ target }) => target,
    );

  test('an address that is invited again within a minute keeps its mail and its link, and gets the new role', async () => {
    const [made] = (await invite([{ email: 'a@b.test' }])).json<{ inviteUrl: string }[]>();
    for (let again = 0; again < 10; again += 1) {
      const answer = await invite([{ email: 'a@b.test', role: 'auditor' }]);
      expect(answer.status).toBe(200);
      const [renewed] = answer.json<{ inviteUrl: string; role: string }[]>();
      expect(renewed).toMatchObject({ inviteUrl: made?.inviteUrl, role: 'auditor' });
    }
    expect(await mails()).toEqual(['a@b.test']);
    api.clock.advance(60_000);
    const [renewed] = (await invite([{ email: 'a@b.test' }])).json<{ inviteUrl: string }[]>();
    expect(renewed?.inviteUrl).not.toBe(made?.inviteUrl);
    expect(await mails()).toEqual(['a@b.test', 'a@b.test']);
  });

  test('an address gets five mails an hour, whatever becomes of the invites', async () => {
    const spellings = [
      'a@b.test',
      'A@B.test',
      'a+1@b.test',
      'a@b.test',
      'a@b.test',
      'a+2@b.test',
      'a@b.test',
    ];
    let id = '';
    for (const email of spellings) {
      if (id !== '') await api.call('DELETE', `/api/v2/user-invites/${id}`);
      const answer = await invite([{ email }]);
      expect(answer.status).toBe(200);
      const [made] = answer.json<{ id: string; inviteUrl?: string }[]>();
      // The link may be handed over where no mail goes out.
      expect(made).toHaveProperty('inviteUrl');
      id = made?.id ?? '';
    }
    expect(await mails()).toHaveLength(5);
    api.clock.advance(60_000);
    const refused = await api.call('POST', `/api/v2/user-invites/${id}/resend`);
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, String(59 * 60)]);
    // Of others nothing is held back.
    expect((await invite([{ email: 'other@b.test' }])).status).toBe(200);
    expect(await mails()).toHaveLength(6);
    api.clock.advance(59 * 60_000);
    expect((await api.call('POST', `/api/v2/user-invites/${id}/resend`)).status).toBe(200);
    expect(await mails()).toHaveLength(7);
  });

  test('an invite that has run out is listed no more', async () => {
    await invite([{ email: 'a@b.test' }]);
    api.clock.advance(7 * 86_400_000);
    expect(await list()).toEqual([]);
  });

  test.each([
    [[{ email: 'x@y.test', role: 'owner' }], 400],
    [[{ email: 'x@y.test', role: 'king' }], 400],
    [[{ email: 'nonsense' }], 400],
    [[{ email: 'owner@acme.test' }], 400],
    [[], 400],
    [{ email: 'nonsense' }, 400],
    [[{ role: 'owner', email: '' }], 400],
  ])('inviting %j is refused', async (body, status) => {
    expect((await invite(body)).status).toBe(status);
    expect(await list()).toEqual([]);
  });

  test('without an address, an invite has a link for those who could have made it, and no mail to send again', async () => {
    const answer = await invite([{ role: 'it-admin' }, { email: '' }]);
    expect(answer.status).toBe(200);
    const [one, two] = answer.json<{ id: string }[]>();
    expect(one).toEqual({
      id: expect.stringMatching(/^[0-9]+$/u),
      role: 'it-admin',
      tailnetId: api.organization.id,
      inviterId: api.owner.id,
      inviteUrl: expect.stringMatching(/^https?:\/\/[^/]+\/login\/join\/[a-z0-9-]+$/u),
    });
    expect(two).toMatchObject({ role: 'member', inviteUrl: expect.any(String) });
    const path = `/api/v2/user-invites/${one!.id}`;
    expect((await api.call('GET', path)).json()).toEqual(one);
    expect(await list()).toEqual([one, two]);
    expect((await api.call('POST', `${path}/resend`)).status).toBe(400);

    const [mailed] = (await invite([{ email: 'x@elsewhere.test', role: 'admin' }])).json<{ id: string }[]>();
    expect(mailed).toHaveProperty('inviteUrl');
    const { member: auditor } = await api.createMember(acme, 'auditor');
    const seen = await api.call('GET', INVITES, { token: await api.createToken(acme, auditor, ['all']) });
    expect(seen.json<object[]>()).toHaveLength(3);
    expect(seen.text).not.toContain('inviteUrl');
    // A narrowed credential gives no administrator's role, and sees no link to one.
    const narrow = await api.call('GET', INVITES, {
      token: await api.createToken(acme, api.owner, ['users']),
    });
    const shown = narrow.json<object[]>().map((one) => 'inviteUrl' in one);
    expect(shown).toEqual([false, true, false]);
    expect((await api.call('DELETE', `/api/v2/user-invites/${mailed!.id}`)).status).toBe(200);

    expect((await api.call('DELETE', path)).status).toBe(200);
    expect(await list()).toEqual([two]);
  });

  test('a link of another organization is not there', async () => {
    const rival = await api.createOrganization('rival');
    const [made] = (await invite([{}])).json<{ id: string }[]>();
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/resend'],
    ] as const) {
      const answer = await api.call(method, `/api/v2/user-invites/${made!.id}${path}`, {
        token: rival.token,
      });
      expect(answer.status).toBe(404);
    }
    expect(await list()).toEqual(made === undefined ? [] : [made]);
  });

  test('nobody invites to more than they may give, and no client invites at all', async () => {
    const narrow = await api.createToken(acme, api.owner, ['users']);
    expect((await invite([{ email: 'x@y.test', role: 'admin' }], narrow)).status).toBe(403);
    const { key } = (
      await api.call('POST', '/api/v2/tailnet/-/keys', { body: { keyType: 'client', scopes: ['all'] } })
    ).json<{ key: string }>();
    const { access_token } = (
      await api.call('POST', '/api/v2/oauth/token', { body: `client_secret=${key}`, token: null })
    ).json<{ access_token: string }>();
    expect((await invite([{ email: 'x@y.test' }], access_token)).status).toBe(403);
    expect(await list()).toEqual([]);
  });
});
