// Invitations that name nobody: whoever has the link joins, once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Invitation, Role } from '../../src/domain/model/people.ts';
import { inviteLinkOf } from '../../src/domain/people/invite-link.ts';
import { ENGINES } from '../support/api-server.ts';
import { STAMP, seed } from '../support/seeds.ts';
import { PASSWORD, type SignInServer, startSignInServer } from './support.ts';

const DAY = 24 * 60 * 60_000;
const PATH = '/login/join/';
const GONE = 'This invitation is not open any more';

describe.each(ENGINES)('a link that invites on %s', (engine) => {
  let server: SignInServer;
  let made = 0;
  beforeAll(async () => {
    server = await startSignInServer(engine);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const org = () => server.api.organization.id;
  const invite = (role: Role = 'member', patch: Partial<Invitation> = {}): Promise<Invitation> =>
    seed(server.api.store, org(), (tx) => {
      made += 1;
      return tx.insert('invitation', {
        org: org(),
        id: tx.newId(),
        nano: `n${made}`.padEnd(26, 'x'),
        email: null,
        openKey: null,
        membership: null,
        role,
        groups: [],
        madeBy: 'tailscale',
        tokenHash: null,
        epoch: 1,
        tries: 0,
        status: 'pending',
        createdAt: tx.now,
        expiresAt: tx.now + 7 * DAY,
        lastSentAt: null,
        acceptedBy: null,
        ...STAMP,
        ...patch,
      });
    });
  const pathOf = (invitation: Invitation): string => `${PATH}${inviteLinkOf(server.keyedTexts, invitation)}`;
  const members = () => server.api.store.find('membership', org(), {});
  const named = async (name: string) => (await members()).find(({ username }) => username === name);

  it('makes a member without an address of whoever takes a name and a password, once', async () => {
    const before = await members();
    const invitation = await invite('auditor');
    const path = pathOf(invitation);
    const visitor = server.visitor();
    const page = await visitor.get(path);
    expect(page.heading).toBe('Join acme');
    expect(await members()).toHaveLength(before.length);
    for (const fields of [
      { name: 'nina.new', password: 'short' },
      { name: 'no', password: PASSWORD },
      { name: 'boss@acme.test', password: PASSWORD },
    ]) {
      expect((await visitor.submit(page, path, fields)).status).toBe(400);
    }
    const joined = await visitor.submit(page, path, { name: 'nina.new', password: PASSWORD });
    expect(joined).toMatchObject({ status: 303, location: '/login?organization=acme' });
    await server.signedIn('nina.new');
    expect(await named('nina.new')).toMatchObject({
      role: 'auditor',
      email: null,
      joinedAt: expect.any(Number),
      approvedAt: expect.any(Number),
    });
    expect(await server.api.store.get('invitation', org(), invitation.id)).toMatchObject({
      status: 'accepted',
      membership: (await named('nina.new'))?.id,
    });
    expect((await visitor.get(path)).heading).toBe(GONE);
    const again = await visitor.submit(page, path, { name: 'second', password: PASSWORD });
    expect(again.status).toBe(404);
    expect(await members()).toHaveLength(before.length + 1);
  });

  it('gives no name that somebody has, and stays open', async () => {
    const path = pathOf(await invite());
    const visitor = server.visitor();
    const page = await visitor.get(path);
    const first = pathOf(await invite());
    await visitor.submit(await visitor.get(first), first, { name: 'taken', password: PASSWORD });
    const refused = await visitor.submit(page, path, { name: 'TAKEN', password: PASSWORD });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Somebody has this name already.');
    expect((await visitor.get(path)).heading).toBe('Join acme');
  });

  it('makes a member of an account whose session is good everywhere', async () => {
    const home = await server.api.createOrganization(`home-${engine}`);
    const { member } = await server.api.createMember(home, 'admin', `una-${engine}`);
    await server.setPassword(member, 0);
    const visitor = await server.signedIn(member.username, home.organization.label);
    const path = pathOf(await invite());
    const page = await visitor.get(path);
    expect(page.text).toContain('Join as');
    const joined = await visitor.submit(page, `${path}/account`, {});
    expect(joined).toMatchObject({ status: 303, location: '/account/organization' });
    const mine = (await members()).filter(({ account }) => account === member.account);
    expect(mine).toMatchObject([{ email: member.email, role: 'member', joinedAt: expect.any(Number) }]);
    // Once a link, and once a person.
    const again = await visitor.submit(page, `${path}/account`, {});
    expect(again.status).toBe(404);
    const other = pathOf(await invite());
    const second = await visitor.submit(await visitor.get(other), `${other}/account`, {});
    expect(second.status).toBe(409);
    expect((await visitor.get(other)).heading).toBe('Join acme');
  });

  it('leads whose session has ended back to itself after they signed in', async () => {
    const home = await server.api.createOrganization(`ended-${engine}`);
    const { member } = await server.api.createMember(home, 'admin', `ivo-${engine}`);
    await server.setPassword(member, 0);
    const visitor = await server.signedIn(member.username, home.organization.label);
    const path = pathOf(await invite());
    const page = await visitor.get(path);
    const [session] = await server.api.store.find('credential', member.org, { kind: 'session' }, 1);
    await seed(server.api.store, member.org, (tx) =>
      tx.update('credential', member.org, session!.id, { revokedAt: tx.now }),
    );
    const answer = await visitor.submit(page, `${path}/account`, {});
    expect(answer).toMatchObject({ status: 303, location: `/login?next=${encodeURIComponent(path)}` });
  });

  it('gives the address of an account only where a mail proved it', async () => {
    const home = await server.api.createOrganization(`den-${engine}`);
    const { member } = await server.api.createMember(home, 'admin', `ulf-${engine}`);
    await server.setPassword(member, 0);
    const visitor = await server.signedIn(member.username, home.organization.label);
    await seed(server.api.store, 0, async (tx) => {
      const [identity] = await tx.find('identity', 0, { account: member.account }, 1);
      if (identity !== undefined) await tx.update('identity', 0, identity.id, { emailVerified: false });
    });
    const path = pathOf(await invite());
    await visitor.submit(await visitor.get(path), `${path}/account`, {});
    const mine = (await members()).filter(({ account }) => account === member.account);
    expect(mine).toMatchObject([{ email: null, username: `ulf-${engine}` }]);
  });

  it('takes nobody whose organization keeps its people', async () => {
    const home = await server.api.createOrganization(`cage-${engine}`);
    const { member } = await server.api.createMember(home, 'member', `kai-${engine}`);
    await server.setPassword(member, 0);
    const visitor = await server.signedIn(member.username, home.organization.label);
    const path = pathOf(await invite());
    const refused = await visitor.submit(await visitor.get(path), `${path}/account`, {});
    expect(refused.status).toBe(403);
    expect((await visitor.get(path)).heading).toBe('Join acme');
  });

  it('opens nothing for another epoch, another dialect, or after it ran out', async () => {
    for (const patch of [
      { madeBy: 'netmaker' },
      { expiresAt: server.api.clock.now() },
      { status: 'revoked' },
      { tries: 5 },
    ] as const) {
      const invitation = await invite('member', patch);
      expect((await server.visitor().get(pathOf(invitation))).status).toBe(404);
    }
    const renewed = await invite('member', { epoch: 2 });
    expect((await server.visitor().get(pathOf({ ...renewed, epoch: 1 }))).status).toBe(404);
    expect((await server.visitor().get(pathOf(renewed))).status).toBe(200);
  });

  it('is void after five wrong tries, and no try at something else counts', async () => {
    const invitation = await invite();
    const path = pathOf(invitation);
    const wrong = `${path.slice(0, -64)}${'0'.repeat(64)}`;
    for (let tries = 0; tries < 4; tries += 1) expect((await server.visitor().get(wrong)).status).toBe(404);
    expect((await server.visitor().get(`${path}x`)).status).toBe(404);
    expect((await server.visitor().get(path)).status).toBe(200);
    await server.visitor().get(wrong);
    expect((await server.visitor().get(path)).status).toBe(404);
  });

  it('leaves those out who cannot have a password where there is none', async () => {
    const path = pathOf(await invite());
    const set = (value: boolean) =>
      seed(server.api.store, org(), (tx) =>
        tx.put('setting', { org: org(), name: 'password_login', value, updatedAt: tx.now }),
      );
    const visitor = server.visitor();
    const page = await visitor.get(path);
    await set(false);
    try {
      expect((await visitor.get(path)).text).not.toContain('Password');
      const refused = await visitor.submit(page, path, { name: 'pass.word', password: PASSWORD });
      expect(refused.status).toBe(403);
      expect(await named('pass.word')).toBeUndefined();
    } finally {
      await set(true);
    }
  });
});
