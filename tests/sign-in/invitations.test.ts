// Invitations, accepted at the page that their link leads to.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Invitation, Membership, Role } from '../../src/domain/model/people.ts';
import { ENGINES } from '../support/api-server.ts';
import { insertInvited } from '../support/invited.ts';
import { seed } from '../support/seeds.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

const DAY = 24 * 60 * 60_000;
const PATH = '/login/invitation/';

describe.each(ENGINES)('an invitation on %s', (engine) => {
  let server: SignInServer;
  beforeAll(async () => {
    server = await startSignInServer(engine);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const org = () => server.api.organization.id;
  const invited = (
    name: string,
    role: Role = 'member',
  ): Promise<{ member: Membership; invitation: Invitation }> =>
    seed(server.api.store, org(), (tx) => insertInvited(tx, org(), `${name}@acme.test`, { role }));
  const link = async (invitation: Invitation, token = server.api.token) => {
    const actor = await server.api.authenticator.authenticate(token);
    const { link: text } = await server.signIn.invitations.createLink(actor, invitation.id, 'native-api');
    return `${PATH}${text}`;
  };

  it('makes a member of who accepts it, who then signs in', async () => {
    const { member, invitation } = await invited('una');
    const path = await link(invitation);
    const visitor = server.visitor();
    const page = await visitor.get(path);
    expect(page.heading).toBe('Join acme');
    expect(page.text).toContain('una@acme.test');
    expect((await signInWith(server.visitor(), { login: 'una@acme.test', password: PASSWORD })).status).toBe(
      401,
    );
    const short = await visitor.submit(page, path, { password: 'short' });
    expect(short.status).toBe(400);
    const accepted = await visitor.submit(page, path, { password: PASSWORD });
    expect(accepted).toMatchObject({ status: 303, location: '/login?organization=acme' });
    await server.signedIn('una@acme.test');
    const { store } = server.api;
    expect(await store.get('membership', org(), member.id)).toMatchObject({
      id: member.id,
      role: 'member',
      joinedAt: expect.any(Number),
      approvedAt: expect.any(Number),
    });
    expect(await store.get('invitation', org(), invitation.id)).toMatchObject({
      status: 'accepted',
      acceptedBy: member.account,
      tokenHash: null,
      openKey: null,
    });
    // Accepted by whoever held the link: what that opens stays in this organization.
    const identities = await store.find('identity', 0, { account: member.account });
    expect(identities).toEqual([]);
  });

  it('sets no password where passwords open nothing: whoever joined so could not come in by the provider', async () => {
    const { member, invitation } = await invited('tess');
    const path = await link(invitation);
    const visitor = server.visitor();
    const page = await visitor.get(path);
    const takes = (value: boolean) =>
      seed(server.api.store, org(), (tx) =>
        tx.put('setting', { org: org(), name: 'password_login', value, updatedAt: tx.now }),
      );
    await takes(false);
    expect((await visitor.submit(page, path, { password: PASSWORD })).status).toBe(403);
    await takes(true);
    const { store } = server.api;
    expect(await store.get('membership', org(), member.id)).toMatchObject({ joinedAt: null });
    expect(await store.find('identity', org(), { account: member.account })).toEqual([]);
  });

  it('is accepted once, in time, by its newest link, and odd links are answered alike', async () => {
    const visitor = server.visitor();
    const first = await invited('vera');
    const old = await link(first.invitation);
    const path = await link(first.invitation);
    const answers = [await visitor.get(old)];
    const page = await visitor.get(path);
    const both = await Promise.all([
      visitor.submit(page, path, { password: PASSWORD }),
      visitor.submit(page, path, { password: 'another password' }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([303, 404]);
    answers.push(await visitor.get(path));
    const elsewhere = `${org() + 1}-${path.slice(path.indexOf('-') + 1)}`;
    for (const odd of [
      elsewhere,
      'x',
      `${org()}-${'a'.repeat(43)}`,
      'a'.repeat(43),
      'a'.repeat(900),
      '%27%20OR%201=1',
    ]) {
      answers.push(await visitor.get(`${PATH}${odd}`));
    }
    const late = await link((await invited('will')).invitation);
    server.api.clock.advance(8 * DAY);
    answers.push(await visitor.get(late));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('is not accepted for somebody who was suspended or taken back', async () => {
    const suspended = await invited('xena');
    const revoked = await invited('yoko');
    const paths = [await link(suspended.invitation), await link(revoked.invitation)];
    await seed(server.api.store, org(), async (tx) => {
      await tx.update('membership', org(), suspended.member.id, { suspendedAt: tx.now });
      await tx.update('invitation', org(), revoked.invitation.id, { status: 'revoked' });
    });
    for (const path of paths) expect((await server.visitor().get(path)).status).toBe(404);
  });

  it('has a link for nobody who may not manage the invited, nor elsewhere, nor once it is over', async () => {
    const acme = server.api;
    const support = await server.api.createMember(acme, 'support', 'sue');
    const globex = await server.api.createOrganization(`globex-${engine}`);
    const { invitation } = await invited('zoe', 'admin');
    await expect(link(invitation, support.token)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(link(invitation, globex.token)).rejects.toMatchObject({ code: 'not_found' });
    const path = await link(invitation);
    const visitor = server.visitor();
    await visitor.submit(await visitor.get(path), path, { password: PASSWORD });
    await expect(link(invitation)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is accepted by no form of another site', async () => {
    const { invitation } = await invited('abel');
    const path = await link(invitation);
    const visitor = server.visitor();
    const page = await visitor.get(path);
    const evil = { origin: 'https://evil.example' };
    expect((await visitor.submit(page, path, { password: PASSWORD }, evil)).status).toBe(403);
    expect((await visitor.submit(page, path, { password: PASSWORD, csrf: 'x' })).status).toBe(403);
    expect((await visitor.get(path)).status).toBe(200);
  });
});
