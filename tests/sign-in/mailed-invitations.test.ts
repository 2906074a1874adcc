// An invitation whose link came by mail proves the address: who accepts it has an account of their own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Invitation, Membership } from '../../src/domain/model/people.ts';
import { sha256Hex } from '../../src/kernel/hash.ts';
import { ENGINES } from '../support/api-server.ts';
import { insertInvited } from '../support/invited.ts';
import { seed } from '../support/seeds.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

describe.each(ENGINES)('an invitation by mail on %s', (engine) => {
  let server: SignInServer;
  let globex: number;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    globex = (await server.api.createOrganization('globex')).organization.id;
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const acme = () => server.api.organization.id;
  const invite = (name: string, org = acme()): Promise<{ member: Membership; invitation: Invitation }> =>
    seed(server.api.store, org, (tx) => insertInvited(tx, org, `${name}@acme.test`));
  /** As the sending of the mail does. */
  const mailed = async (invitation: Invitation): Promise<string> => {
    const secret = server.mailSecrets.invitation(invitation);
    await seed(server.api.store, invitation.org, (tx) =>
      tx.update('invitation', invitation.org, invitation.id, { tokenHash: sha256Hex(secret) }),
    );
    return `/login/invitation/${invitation.org}-${secret}`;
  };
  const accept = async (path: string) => {
    const visitor = server.visitor();
    const page = await visitor.get(path);
    return { page, answer: await visitor.submit(page, path, { password: PASSWORD }) };
  };

  it('makes an account that is good in every organization, and takes the next invitation along', async () => {
    const first = await invite('una');
    const { page, answer } = await accept(await mailed(first.invitation));
    expect(page.text).toContain('It is yours, also in other organizations.');
    expect(answer.status).toBe(303);
    const { account } = first.member;
    expect(await server.api.store.find('identity', 0, { account })).toMatchObject([
      { kind: 'password', email: 'una@acme.test', emailVerified: true },
    ]);
    expect(await server.api.store.find('identity', acme(), { account })).toEqual([]);

    const second = await invite('una', globex);
    const path = await mailed(second.invitation);
    const visitor = server.visitor();
    // Without naming an organization: the password is the person's.
    const entered = await signInWith(visitor, { login: 'una@acme.test', password: PASSWORD });
    expect(entered.status).toBe(303);
    const joining = await visitor.get(path);
    // Where she signed in, members join no others unless that is allowed.
    expect((await visitor.submit(joining, `${path}/account`)).status).toBe(403);
    await seed(server.api.store, acme(), (tx) =>
      tx.put('setting', {
        org: acme(),
        name: 'users_role_joins_external',
        value: 'member',
        updatedAt: tx.now,
      }),
    );
    const joined = await visitor.submit(joining, `${path}/account`);
    expect(joined).toMatchObject({ status: 303, location: '/account/organization' });
    expect((await visitor.get('/account/organization')).text).toContain('globex');
    expect(await server.api.store.get('membership', globex, second.member.id)).toMatchObject({ account });
  });

  it('makes no second account of an address that has one', async () => {
    const first = await invite('vera');
    await accept(await mailed(first.invitation));
    const second = await invite('vera', globex);
    const { page } = await accept(await mailed(second.invitation));
    expect(page.text).toContain('It is good for this organization.');
    const { account } = second.member;
    expect(await server.api.store.find('identity', 0, { account })).toEqual([]);
    expect(await server.api.store.find('identity', globex, { account })).toHaveLength(1);
  });

  it('is not what an administrator handed over, though it was mailed before', async () => {
    const { member, invitation } = await invite('will');
    await mailed(invitation);
    const actor = await server.api.authenticator.authenticate(server.api.token);
    const { link } = await server.signIn.invitations.createLink(actor, invitation.id, 'native-api');
    await accept(`/login/invitation/${link}`);
    expect(await server.api.store.find('identity', 0, { account: member.account })).toEqual([]);
  });

  it('is not joined as somebody whose address is another, nor by a session of one organization', async () => {
    const { invitation } = await invite('xena', globex);
    const path = await mailed(invitation);
    const first = await invite('yoko');
    await accept(await mailed(first.invitation));
    const visitor = server.visitor();
    await signInWith(visitor, { login: 'yoko@acme.test', password: PASSWORD });
    const page = await visitor.get(path);
    expect((await visitor.submit(page, `${path}/account`)).status).toBe(403);

    const bound = (await server.api.createMember(server.api, 'member', 'zoe')).member;
    await server.setPassword(bound, bound.org);
    const zoe = await server.signedIn('zoe@acme.test');
    expect((await zoe.get(path)).text).not.toContain('Join as');
  });
});
