// The ways in that the page of an invitation offers beside a password: the organization's own provider, and passkeys. And the
// link of a mailed invitation that its maker is shown.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Invitation, Membership, Role } from '../../src/domain/model/people.ts';
import { inviteLinkOf } from '../../src/domain/people/invite-link.ts';
import { ENGINES } from '../support/api-server.ts';
import { assert, register } from '../support/authenticator.ts';
import { createIdentityProvider, type IdentityProvider, type Person } from '../support/identity-provider.ts';
import { insertInvited } from '../support/invited.ts';
import { STAMP, seed } from '../support/seeds.ts';
import { createVisitor, type Visit, type Visitor } from '../support/visitor.ts';
import { partOf } from './passkey-part.ts';
import { connect } from './sso-support.ts';
import { PASSWORD, type SignInServer, startSignInServer } from './support.ts';

const PATH = '/login/join/';
const GONE = 'This invitation is not open any more';
const DAY = 24 * 60 * 60_000;

describe.each(ENGINES)('the page of an invitation on %s', (engine) => {
  let server: SignInServer;
  let provider: IdentityProvider;
  let origin: string;
  let org: number;
  let made = 0;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    // Passkeys need a name.
    origin = server.url.replace('127.0.0.1', 'localhost');
    org = server.api.organization.id;
    provider = await createIdentityProvider();
    await connect(server.api, server.sealer, org, provider);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await provider.close();
    await server.close();
  });
  const pathOf = (invitation: Invitation): string => `${PATH}${inviteLinkOf(server.keyedTexts, invitation)}`;
  /** The page of a link that names nobody. */
  const link = async (role: Role = 'member'): Promise<string> => {
    made += 1;
    const invitation = await seed(server.api.store, org, (tx) =>
      tx.insert('invitation', {
        org,
        id: tx.newId(),
        nano: `w${made}`.padEnd(26, 'x'),
        ...{ email: null, openKey: null, membership: null, role, groups: [], madeBy: 'tailscale' },
        ...{ tokenHash: null, epoch: 1, tries: 0, status: 'pending', createdAt: tx.now },
        ...{ expiresAt: tx.now + 7 * DAY, lastSentAt: null, acceptedBy: null },
        ...STAMP,
      }),
    );
    return pathOf(invitation);
  };
  const invited = (email: string): Promise<{ member: Membership; invitation: Invitation }> =>
    seed(server.api.store, org, async (tx) => {
      const both = await insertInvited(tx, org, email);
      const invitation = await tx.update('invitation', org, both.invitation.id, { madeBy: 'tailscale' });
      return { ...both, invitation };
    });
  const named = async (username: string) =>
    (await server.api.store.find('membership', org, { usernameKey: username }))[0];
  const set = (name: string, value: unknown) =>
    seed(server.api.store, org, (tx) => tx.put('setting', { org, name, value, updatedAt: tx.now }));
  const person = (email: string, more: object = {}): Person => ({
    sub: `sub-${email}`,
    email,
    email_verified: true,
    ...more,
  });
  /** There and back by the link of the page. */
  const bySso = async (visitor: Visitor, path: string, who: Person): Promise<Visit> => {
    const page = await visitor.get(path);
    const to = /href="([^"]+\/sso\?connection=\d+)"/.exec(page.text)?.[1] ?? '';
    const sent = await visitor.get(to);
    expect(sent.status).toBe(303);
    return visitor.get(provider.signIn(sent.location ?? '', who).slice(server.url.length));
  };
  const byPasskey = async (path: string, login: string | undefined, reuse?: Visit) => {
    const visitor = createVisitor(origin);
    const page = reuse ?? (await visitor.get(path));
    const { options, fields } = partOf(page, `${path}/passkey`);
    const { passkey, answer } = register(options, { origin });
    const body = { ...fields, credential: JSON.stringify(answer), ...(login === undefined ? {} : { login }) };
    const answered = await visitor.post(`${path}/passkey`, new URLSearchParams(body).toString(), { origin });
    return { visitor, passkey, answered };
  };

  it('lets whoever has a link join by the provider, as whom it vouches for, and signs them in', async () => {
    const path = await link('auditor');
    const visitor = server.visitor();
    const answer = await bySso(visitor, path, person('nora@elsewhere.test', { name: 'Nora N' }));
    expect(answer).toMatchObject({ status: 303, location: '/account' });
    expect((await visitor.get('/account')).text).toContain('<dd>auditor</dd>');
    expect(await named('nora@elsewhere.test')).toMatchObject({
      email: 'nora@elsewhere.test',
      role: 'auditor',
      displayName: 'Nora N',
      joinedAt: expect.any(Number),
    });
    expect((await server.visitor().get(path)).heading).toBe(GONE);
  });

  it('lets nobody join by the provider with an address that is unproven, taken, or only looks like another', async () => {
    await invited('paul@elsewhere.test');
    const path = await link();
    for (const who of [
      person('olaf@elsewhere.test', { email_verified: false }),
      person('paul@elsewhere.test'),
      person('pаul@elsewhere.test'),
    ]) {
      expect((await bySso(server.visitor(), path, who)).status).toBe(403);
    }
    expect(await named('olaf@elsewhere.test')).toBeUndefined();
    expect(await named('paul@elsewhere.test')).toMatchObject({ joinedAt: null });
    expect((await server.visitor().get(path)).heading).toBe('Join acme');
  });

  it('lets whoever has a link join by a name and a passkey, once', async () => {
    const path = await link();
    const { answered, passkey, visitor } = await byPasskey(path, 'quinn.new');
    expect(answered).toMatchObject({ status: 303, location: '/login?organization=acme' });
    const member = await named('quinn.new');
    expect(member).toMatchObject({ email: null, role: 'member', joinedAt: expect.any(Number) });
    // Good in this organization alone: nobody has proven an address.
    const account = member?.account ?? 0;
    expect(await server.api.store.find('identity', 0, { account })).toEqual([]);
    expect(await server.api.store.find('identity', org, { account })).toMatchObject([
      { kind: 'passkey', email: null, emailVerified: false },
    ]);
    const { options, fields } = partOf(await visitor.get('/login'), '/login/passkey');
    const answer = assert(passkey, options, { origin });
    const signedIn = await visitor.post(
      '/login/passkey',
      new URLSearchParams({ ...fields, credential: JSON.stringify(answer) }).toString(),
      { origin },
    );
    expect(signedIn.status).toBe(303);
    expect((await visitor.get('/account')).heading).toBe('quinn.new');
    expect((await server.visitor().get(path)).heading).toBe(GONE);
  });

  it('says beside the passkey what is wrong with the name, and stays open', async () => {
    const path = await link();
    for (const [name, words] of [
      ['quinn.new', 'Somebody has this name already.'],
      ['x', undefined],
      ['boss@acme.test', undefined],
    ] as const) {
      const { answered } = await byPasskey(path, name);
      expect(answered.status).toBe(400);
      const alert = /id="passkey-name-error" role="alert">([^<]+)</.exec(answered.text)?.[1];
      expect(alert).toEqual(words ?? expect.any(String));
    }
    const other = (await createVisitor(origin).get(await link())) as Visit;
    // What was begun in another browser, and for another link, is nobody's here.
    const page = { ...other, text: other.text.replaceAll(/\/login\/join\/[a-z0-9-]+/gu, path) };
    expect((await byPasskey(path, 'rick.new', page)).answered.status).toBeGreaterThanOrEqual(400);
    expect(await named('rick.new')).toBeUndefined();
    expect((await server.visitor().get(path)).heading).toBe('Join acme');
  });

  it('offers no passkey and no password where people come by the provider alone', async () => {
    const path = await link();
    const before = await createVisitor(origin).get(path);
    await set('password_login', false);
    try {
      const page = await createVisitor(origin).get(path);
      expect(page.text).toContain('Join with ');
      expect(page.text).not.toContain('data-passkey');
      expect(page.text).not.toContain('type="password"');
      expect((await byPasskey(path, 'sven.new', before)).answered.status).toBe(403);
    } finally {
      await set('password_login', true);
    }
    expect(await named('sven.new')).toBeUndefined();
  });

  it('opens by the link of a mailed invitation that its maker is shown, and proves no address by it', async () => {
    const { member, invitation } = await invited('tara@elsewhere.test');
    const path = pathOf(invitation);
    const visitor = server.visitor();
    const page = await visitor.get(path);
    expect(page.text).toContain('tara@elsewhere.test');
    expect(page.text).toContain('It is good for this organization.');
    expect(page.text).not.toContain('Name to sign in by');
    expect((await visitor.submit(page, path, { password: 'short' })).status).toBe(400);
    expect((await visitor.submit(page, path, { password: PASSWORD })).status).toBe(303);
    await server.signedIn('tara@elsewhere.test');
    const { account } = member;
    expect(await server.api.store.find('identity', 0, { account })).toEqual([]);
    expect(await server.api.store.find('identity', org, { account })).toMatchObject([{ kind: 'password' }]);
    expect((await visitor.get(path)).heading).toBe(GONE);
  });

  it('opens by that link for the provider and a passkey too, to the address that was invited alone', async () => {
    const one = pathOf((await invited('una@elsewhere.test')).invitation);
    expect((await bySso(server.visitor(), one, person('other@elsewhere.test'))).status).toBe(403);
    expect((await bySso(server.visitor(), one, person('una@elsewhere.test'))).status).toBe(303);
    const { member, invitation } = await invited('vito@elsewhere.test');
    expect((await byPasskey(pathOf(invitation), undefined)).answered.status).toBe(303);
    const { account } = member;
    expect(await server.api.store.find('identity', org, { account })).toMatchObject([{ kind: 'passkey' }]);
    expect(await server.api.store.find('identity', 0, { account })).toEqual([]);
  });
});
