// The pages of an organization's own sign-in, as a browser without scripts sees them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Membership, Role } from '../../src/domain/model/people.ts';
import { createSsoConnections } from '../../src/domain/sso-connections/sso-connection-service.ts';
import { ENGINES, type TestOrganization } from '../support/api-server.ts';
import { createIdentityProvider, type IdentityProvider, type Person } from '../support/identity-provider.ts';
import { insertInvited } from '../support/invited.ts';
import { insertMember, seed } from '../support/seeds.ts';
import { hiddenFields, type Visit, type Visitor } from '../support/visitor.ts';
import { connect } from './sso-support.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

const START = '/login/sso?organization=acme';

describe.each(ENGINES)('the pages of single sign-on on %s', (engine) => {
  let server: SignInServer;
  let provider: IdentityProvider;
  let org: number;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    provider = await createIdentityProvider();
    org = server.api.organization.id;
    await connect(server.api, server.sealer, org, provider);
    await server.setPassword(server.api.owner, org);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await provider.close();
    await server.close();
  });
  const person = (name: string, more: object = {}): Person => ({
    sub: `sub-${name}`,
    email: `${name}@acme.test`,
    email_verified: true,
    ...more,
  });
  const acme = (): TestOrganization => server.api;
  /** The path of an address of ours. */
  const pathOf = (url: string): string => url.slice(server.url.length);
  const back = async (visitor: Visitor, who: Person, start = START): Promise<string> => {
    let sent = await visitor.get(start);
    if (sent.heading === 'Sign in to acme') {
      const [, link = ''] = /href="(\/login\/sso[^"]+)"/.exec(sent.text) ?? [];
      sent = await visitor.get(link.replaceAll('&amp;', '&'));
    }
    expect(sent.status).toBe(303);
    expect(sent.location?.startsWith(`${provider.issuer}/authorize?`)).toBe(true);
    const url = provider.signIn(sent.location ?? '', who);
    expect(url.startsWith(`${server.url}/login/sso/acme/callback?`)).toBe(true);
    return pathOf(url);
  };
  const arrive = async (visitor: Visitor, who: Person, start = START): Promise<Visit> =>
    visitor.get(await back(visitor, who, start));
  const connectionId = async () => (await server.api.store.find('ssoConnection', org, {}))[0]?.id;
  const set = (name: string, value: unknown) =>
    seed(server.api.store, org, (tx) => tx.put('setting', { org, name, value, updatedAt: tx.now }));
  const plain = async (name: string): Promise<Membership> => {
    const { member } = await server.api.createMember(acme(), 'member', name);
    await server.setPassword(member, org);
    return member;
  };

  it('lead from the sign-in page to the provider and back to the account', async () => {
    const visitor = server.visitor();
    const page = await visitor.get('/login');
    const link = /href="(\/login\/sso\?[^"]+)">Sign in with ([^<]+)</.exec(page.text);
    expect(link?.[2]).toBe(new URL(provider.issuer).host);
    const answer = await arrive(visitor, person('una'), link?.[1]?.replaceAll('&amp;', '&'));
    expect(answer).toMatchObject({ status: 303, location: '/account' });
    expect((await visitor.get('/account')).heading).toBe('una@acme.test');
    expect((await visitor.get('/account/sign-in')).text).toContain('Provider');
  });

  it('open a session that is good in that organization alone', async () => {
    const visitor = server.visitor();
    await arrive(visitor, person('vera'));
    const globex = await server.api.createOrganization(`globex-${engine}`);
    const [vera] = await server.api.store.find('membership', org, { emailKey: 'vera@acme.test' });
    await seed(server.api.store, globex.organization.id, async (tx) => {
      const made = await insertMember(tx, globex.organization.id, { username: 'vera@acme.test' });
      await tx.update('membership', globex.organization.id, made.id, { account: vera!.account });
    });
    expect((await visitor.get('/account')).text).not.toContain('another organization');
    const page = await visitor.get('/account');
    const { csrf = '' } = hiddenFields(page, '/logout');
    const change = new URLSearchParams({ csrf, organization: String(globex.organization.id) }).toString();
    expect((await visitor.post('/account/organization', change)).status).toBe(403);
  });

  it('go on to the page that was wanted, and to no other site', async () => {
    const device = `/login/device/${'a'.repeat(32)}`;
    const visitor = server.visitor();
    const wanted = `${START}&next=${encodeURIComponent(device)}`;
    expect((await arrive(visitor, person('will'), wanted)).location).toBe(device);
    for (const next of [
      'https://evil.test',
      '//evil.test',
      '/\\evil.test',
      '/account/../evil',
      'javascript:x',
    ]) {
      const odd = `${START}&next=${encodeURIComponent(next)}`;
      expect((await arrive(server.visitor(), person('will'), odd)).location).toBe('/account');
      const begun = await server
        .visitor()
        .get(
          `/openid/connect/login?tenant=acme&iss=${encodeURIComponent(provider.issuer)}&target_link_uri=${encodeURIComponent(next)}`,
        );
      expect(begun.location).toMatch(/^\/login\/sso\?organization=acme&connection=\d+$/);
    }
  });

  it('begin at the provider as well', async () => {
    const tenant = server.api.organization.nano;
    const iss = encodeURIComponent(provider.issuer);
    const target = encodeURIComponent(`${server.url}/account/sign-in`);
    const visitor = server.visitor();
    const begun = await visitor.get(
      `/openid/connect/login?iss=${iss}&tenant=${tenant}&target_link_uri=${target}`,
    );
    expect((await arrive(visitor, person('xena'), begun.location ?? '')).location).toBe('/account/sign-in');
    for (const odd of [
      `iss=${iss}&tenant=nobody`,
      `iss=https://evil.test&tenant=${tenant}`,
      '',
      `iss=${iss}`,
    ]) {
      const answer = await visitor.get(`/openid/connect/login?${odd}`);
      expect(answer.heading).toBe('Sign in with your organization');
    }
  });

  it('take no answer that another browser set out for (login CSRF), nor one twice, nor for another organization', async () => {
    const attacker = server.visitor();
    const path = await back(attacker, person('mallory'));
    const victim = server.visitor();
    const fooled = await victim.get(path);
    expect(fooled).toMatchObject({ status: 403, heading: 'You are not signed in' });
    expect(victim.cookies.has('holdfast-session')).toBe(false);
    await victim.get('/login');
    expect((await victim.get(path)).status).toBe(403);
    const elsewhere = path.replace('/sso/acme/', '/sso/globex/');
    expect((await attacker.get(elsewhere)).status).toBe(403);
    expect((await attacker.get(path)).status).toBe(303);
    expect((await attacker.get(path)).status).toBe(403);
  });

  it('say what is wrong in words, and repeat nothing of the provider', async () => {
    const visitor = server.visitor();
    const path = await back(visitor, person('yoko'));
    const answer = await visitor.get(
      `${path.replace(/code=[^&]+/, 'error=access_denied')}&error_description=%3Cscript%3Ehello`,
    );
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('did not let you in');
    expect(answer.text).not.toContain('hello');
    const unverified = await arrive(server.visitor(), person('zoe', { email_verified: false }));
    expect(unverified.text).toContain('has not verified your e-mail address');
    expect((await visitor.get('/login/sso?organization=nobody')).status).toBe(404);
    expect((await visitor.get('/login/sso')).heading).toBe('Sign in with your organization');
  });

  it('ask for the organization and the provider when it is not clear', async () => {
    const other = await createIdentityProvider('second');
    const id = await connect(server.api, server.sealer, org, other);
    const page = await server.visitor().get(START);
    expect(page.heading).toBe('Sign in to acme');
    expect(page.text).toContain(`connection=${id}`);
    expect((await server.visitor().get(`${START}&connection=999999`)).status).toBe(404);
    await seed(server.api.store, org, (tx) => tx.remove('ssoConnection', org, id));
    await other.close();
  });

  it('let an organization want nothing else, and its owner in all the same', async () => {
    await plain('abel');
    await set('password_login', false);
    const refused = await signInWith(server.visitor(), {
      login: 'abel@acme.test',
      password: PASSWORD,
      organization: 'acme',
    });
    expect(refused.status).toBe(401);
    expect(refused.text).toContain('does not let people sign in with a password');
    await server.signedIn('owner@acme.test');
    await set('password_login', true);
    await server.signedIn('abel@acme.test');
  });

  it('add the provider to a member who is signed in, who then signs in by it', async () => {
    const bela = await plain('bela');
    expect((await arrive(server.visitor(), person('bela'))).text).toContain('is a member already');
    const visitor = await server.signedIn('bela@acme.test');
    const ways = await visitor.get('/account/sign-in');
    const between = await visitor.submit(ways, '/account/sign-in/provider');
    expect(between).toMatchObject({ status: 200, heading: 'Add this provider?' });
    const link = /href="(http[^"]+)"/.exec(between.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const added = await visitor.get(pathOf(provider.signIn(link, person('bela'))));
    expect(added).toMatchObject({ status: 200, heading: 'Added' });
    const again = server.visitor();
    expect((await arrive(again, person('bela'))).status).toBe(303);
    expect((await again.get('/account')).heading).toBe('bela@acme.test');

    // And removed again, which ends what it opened.
    const page = await visitor.get('/account/sign-in');
    expect((await visitor.submit(page, '/account/sign-in/remove')).status).toBe(303);
    expect((await again.get('/account')).status).toBe(303);
    expect(await server.api.store.find('identity', org, { account: bela.account, kind: 'sso' })).toEqual([]);
  });

  it('add nobody’s account to another member, without a form of theirs', async () => {
    await plain('cleo');
    const visitor = await server.signedIn('cleo@acme.test');
    const page = await visitor.get('/account/sign-in');
    expect((await visitor.submit(page, '/account/sign-in/provider', { csrf: 'x' })).status).toBe(403);
    expect((await visitor.get('/account/sign-in/provider')).status).toBe(404);
    const between = await visitor.submit(page, '/account/sign-in/provider');
    const link = /href="(http[^"]+)"/.exec(between.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    // Una's account is Una's, whoever is signed in here.
    const taken = await visitor.get(pathOf(provider.signIn(link, person('una'))));
    expect(taken).toMatchObject({ status: 403 });
    expect(taken.text).toContain('Another member signs in by this account');
  });

  it('add no provider for a session that was ended on the way', async () => {
    const gwen = await plain('gwen');
    const thief = await server.signedIn('gwen@acme.test');
    const between = await thief.submit(await thief.get('/account/sign-in'), '/account/sign-in/provider');
    const link = /href="(http[^"]+)"/.exec(between.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const own = await server.signedIn('gwen@acme.test');
    expect((await own.submit(await own.get('/account'), '/account/sessions/revoke')).status).toBe(303);
    expect((await thief.get(pathOf(provider.signIn(link, person('thief'))))).status).toBe(403);
    expect(await server.api.store.find('identity', org, { account: gwen.account, kind: 'sso' })).toEqual([]);
  });

  it('accept an invitation to any role by its own link', async () => {
    const invited = async (name: string, role: Role) => {
      const { invitation } = await seed(server.api.store, org, (tx) =>
        insertInvited(tx, org, `${name}@acme.test`, { role }),
      );
      const actor = await server.api.authenticator.authenticate(server.api.token);
      return `/login/invitation/${(await server.signIn.invitations.createLink(actor, invitation.id, 'native-api')).link}`;
    };
    const path = await invited('dora', 'admin');
    expect((await arrive(server.visitor(), person('dora'))).text).toContain(
      'Open the link of your invitation',
    );
    const visitor = server.visitor();
    const page = await visitor.get(path);
    const link = /href="([^"]+\/sso\?connection=\d+)"/.exec(page.text)?.[1] ?? '';
    expect(await arrive(visitor, person('dora'), link)).toMatchObject({ status: 303, location: '/account' });
    expect((await visitor.get('/account')).text).toContain('<dd>admin</dd>');
    expect((await server.visitor().get(link)).status).toBe(404);
  });

  it('end with the connection: its people are out, others stay', async () => {
    const sso = server.visitor();
    await arrive(sso, person('elsa'));
    await plain('finn');
    const own = await server.signedIn('finn@acme.test');
    const actor = await server.api.authenticator.authenticate(server.api.token);
    const { store, random } = server.api;
    await createSsoConnections({ store, random, sealer: server.sealer }).disable(actor, 'keycard-api');
    expect((await sso.get('/account')).status).toBe(303);
    expect((await own.get('/account')).status).toBe(200);
    const page = await server.visitor().get('/login?organization=acme');
    expect(page.text).not.toContain(new URL(provider.issuer).host);
    expect((await server.visitor().get(START)).status).toBe(404);
    await server.signedIn('owner@acme.test');
  });

  describe('when somebody is to prove who they are once more', () => {
    const SECOND = 1_000;
    beforeAll(async () => {
      if ((await connectionId()) === undefined) await connect(server.api, server.sealer, org, provider);
    });
    const LOGIN = { source: 71, target: 72, user: 'root' };
    const authTime = (): number => Math.floor(server.api.clock.now() / SECOND);
    const waiting = async (name: string): Promise<string> => {
      const [member] = await server.api.store.find('membership', org, { emailKey: `${name}@acme.test` });
      server.api.clock.advance(60 * SECOND);
      return `/login/ssh/${await server.signIn.sshChecks.begin({ org, membership: member!.id, ...LOGIN })}`;
    };
    /** From the page that asks to the address of the provider. */
    const onward = async (visitor: Visitor, path: string): Promise<string> => {
      const asked = await visitor.get((await visitor.get(path)).location ?? '');
      const [, link = ''] = /href="(\/login\/sso\?[^"]+)"/.exec(asked.text) ?? [];
      return (await visitor.get(link.replaceAll('&amp;', '&'))).location ?? '';
    };

    it('have the provider ask anew, and believe it only when it says so', async () => {
      const visitor = server.visitor();
      await arrive(visitor, person('sally', { auth_time: authTime() }));
      const old = authTime();
      const path = await waiting('sally');
      for (const claims of [{}, { auth_time: old }]) {
        const url = await onward(visitor, path);
        expect(new URL(url).searchParams.get('prompt')).toBe('login');
        expect(new URL(url).searchParams.get('max_age')).toBe('0');
        const answer = await visitor.get(pathOf(provider.signIn(url, person('sally', claims))));
        expect(answer.status).toBe(403);
        expect(answer.text).toContain('prove once more who you are');
      }
      server.api.clock.advance(5 * SECOND);
      const url = await onward(visitor, path);
      const back = pathOf(provider.signIn(url, person('sally', { auth_time: authTime() })));
      expect(await visitor.get(back)).toMatchObject({ status: 303, location: path });
      const page = await visitor.get(path);
      expect(page.heading).toContain('as root?');
      expect((await visitor.submit(page, path, { decision: 'allow' })).heading).toBe('The session is open');
    });

    it('do not take a session that the provider opened without asking anybody', async () => {
      const first = server.visitor();
      await arrive(first, person('silent'));
      const before = authTime();
      const path = await waiting('silent');
      for (const claims of [{}, { auth_time: before }]) {
        const visitor = server.visitor();
        await arrive(visitor, person('silent', claims));
        expect((await visitor.get(path)).location).toBe(`/login?next=${encodeURIComponent(path)}&again=yes`);
      }
      const asked = server.visitor();
      await arrive(asked, person('silent', { auth_time: authTime() + 1 }));
      // What is said to have been in a time to come was at the latest now.
      expect((await asked.get(path)).heading).toContain('as root?');
    });

    it('is asked of nobody who just signs in', async () => {
      const url = (await server.visitor().get(`${START}&connection=${await connectionId()}`)).location ?? '';
      expect(url).toContain('/authorize?');
      expect(new URL(url).searchParams.has('prompt')).toBe(false);
      expect(new URL(url).searchParams.has('max_age')).toBe(false);
    });

    it('changes no way to sign in by a session of which nobody knows how fresh it is', async () => {
      const visitor = server.visitor();
      await arrive(visitor, person('vague'));
      expect((await visitor.get('/account/second-factor')).location).toBe(
        '/login?next=%2Faccount%2Fsecond-factor&again=yes',
      );
      const known = server.visitor();
      await arrive(known, person('vague', { auth_time: authTime() }));
      expect((await known.get('/account/second-factor')).heading).toBe('Set up a second factor');
    });
  });
});
