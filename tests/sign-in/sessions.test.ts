// Signing in at the pages, the sessions that come of it, and who may not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneTimeCode } from '../../src/auth/totp.ts';
import { ENGINES } from '../support/api-server.ts';
import { seed } from '../support/seeds.ts';
import { hiddenFields, type Visit, type Visitor } from '../support/visitor.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

const WRONG = 'That did not work. Check the name, the password and, if there is one, the organization.';

describe.each(ENGINES)('signing in on %s', (engine) => {
  let server: SignInServer;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    await server.setPassword(server.api.owner, server.api.organization.id);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  /** A member of acme who has a password. */
  const member = async (name: string) => {
    const made = (await server.api.createMember(server.api, 'member', name)).member;
    await server.setPassword(made, made.org);
    return made;
  };
  const change = (id: number, patch: object) =>
    server.api.store.write(
      { orgs: [server.api.organization.id], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' },
      async (tx) => {
        await tx.update('membership', server.api.organization.id, id, patch);
        tx.audit(server.api.organization.id, {
          verb: 'update',
          objectKind: 'membership',
          objectId: id,
          objectName: '',
        });
      },
    );

  it('sends whoever has no session to sign in, and back to the page that they wanted', async () => {
    const visitor = server.visitor();
    expect(await visitor.get('/account')).toMatchObject({ status: 303, location: '/login' });
    const device = `/login/device/${'a'.repeat(32)}`;
    const sent = await visitor.get(device);
    expect(sent.location).toBe(`/login?next=${encodeURIComponent(device)}`);
    const answer = await signInWith(
      visitor,
      { login: 'owner@acme.test', password: PASSWORD },
      sent.location ?? '',
    );
    expect(answer).toMatchObject({ status: 303, location: device });
    expect(await visitor.get('/login')).toMatchObject({ status: 303, location: '/account' });
  });

  it('keeps the session in a cookie that no script and no other site gets, and its hash alone in the store', async () => {
    const visitor = server.visitor();
    const answer = await signInWith(visitor, { login: 'OWNER@acme.test', password: PASSWORD });
    const cookie = answer.headers.getSetCookie().find((line) => line.startsWith('holdfast-session='));
    expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/);
    const token = visitor.cookies.get('holdfast-session') ?? '';
    const rows = await server.api.store.find('credential', server.api.organization.id, { kind: 'session' });
    expect(rows.some(({ publicId }) => token.includes(publicId))).toBe(true);
    expect(JSON.stringify(rows)).not.toContain(token.split('-').at(-1));
    expect((await visitor.get('/account')).text).not.toContain(token);
  });

  it('answers alike whether the name, the password or the organization is wrong', async () => {
    const answers: Visit[] = [];
    for (const fields of [
      { login: 'owner@acme.test', password: 'wrong password', organization: 'acme' },
      { login: 'nobody@acme.test', password: PASSWORD, organization: 'acme' },
      { login: 'owner@acme.test', password: PASSWORD, organization: 'nowhere' },
      { login: 'owner@acme.test', password: '', organization: 'acme' },
      { login: "' OR 1=1 --", password: PASSWORD, organization: 'acme' },
      { login: 'x'.repeat(5_000), password: 'y'.repeat(5_000), organization: 'acme' },
    ]) {
      const answer = await signInWith(server.visitor(), fields);
      expect(answer.status).toBe(401);
      answers.push(answer);
    }
    const bare = answers.map(({ text }) => text.replaceAll(/value="[^"]*"/g, ''));
    expect(new Set(bare).size).toBe(1);
    expect(bare[0]).toContain(WRONG);
  });

  it('says that an account is suspended to nobody but who knows its password', async () => {
    const bob = await member('bob');
    await change(bob.id, { suspendedAt: 1 });
    const wrong = await signInWith(server.visitor(), { login: 'bob@acme.test', password: 'wrong password' });
    expect(wrong.text).toContain(WRONG);
    const right = await signInWith(server.visitor(), { login: 'bob@acme.test', password: PASSWORD });
    expect(right.status).toBe(401);
    expect(right.text).toContain('This account is suspended');
  });

  it('lets nobody guess on for ever', async () => {
    await member('carl');
    for (let tries = 0; tries < 10; tries += 1) {
      const answer = await signInWith(server.visitor(), {
        login: 'carl@acme.test',
        password: `guess ${tries}`,
      });
      expect(answer.status).toBe(401);
    }
    const answer = await signInWith(server.visitor(), { login: 'carl@acme.test', password: PASSWORD });
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('ends a session at once when the member is suspended, and when it is too old', async () => {
    const dora = await member('dora');
    const visitor = await server.signedIn('dora@acme.test');
    expect((await visitor.get('/account')).status).toBe(200);
    await change(dora.id, { suspendedAt: 1 });
    expect(await visitor.get('/account')).toMatchObject({ status: 303, location: '/login' });
    await change(dora.id, { suspendedAt: null });

    const later = await server.signedIn('dora@acme.test');
    server.api.clock.advance(720 * 60_000);
    expect(await later.get('/account')).toMatchObject({ status: 303, location: '/login' });
    expect(later.cookies.has('holdfast-session')).toBe(false);
  });

  it('shows a person’s sessions, ends one elsewhere, and ends this one', async () => {
    await member('emil');
    const first = await server.signedIn('emil@acme.test');
    const second = await server.signedIn('emil@acme.test');
    const account = await first.get('/account');
    expect(account.heading).toBe('emil@acme.test');
    expect(account.text.match(/<li>\s*<span>/g)).toHaveLength(2);
    expect(account.text.match(/This browser/g)).toHaveLength(1);
    const ended = await first.submit(account, '/account/sessions/revoke');
    expect(ended).toMatchObject({ status: 303, location: '/account' });
    expect(await second.get('/account')).toMatchObject({ status: 303, location: '/login' });

    const token = first.cookies.get('holdfast-session') ?? '';
    const out = await first.submit(await first.get('/account'), '/logout');
    expect(out).toMatchObject({ status: 303, location: '/login' });
    expect(first.cookies.has('holdfast-session')).toBe(false);
    first.cookies.set('holdfast-session', token);
    expect(await first.get('/account')).toMatchObject({ status: 303, location: '/login' });
  });

  it('ends no session of somebody else', async () => {
    await member('finn');
    await member('gina');
    const finn = await server.signedIn('finn@acme.test');
    const gina = await server.signedIn('gina@acme.test');
    await server.signedIn('gina@acme.test');
    const theirs = hiddenFields(await gina.get('/account'), '/account/sessions/revoke').session ?? '';
    await server.signedIn('finn@acme.test');
    const page = await finn.get('/account');
    for (const session of [theirs, '999999', '0', '-1', 'x', '']) {
      const answer = await finn.submit(page, '/account/sessions/revoke', { session });
      expect([session, answer.status >= 400]).toEqual([session, true]);
    }
    expect((await gina.get('/account')).text.match(/<li>\s*<span>/g)).toHaveLength(2);
  });

  it('takes no form that was not made for this browser and sent from this origin', async () => {
    await member('hugo');
    const visitor = await server.signedIn('hugo@acme.test');
    const page = await visitor.get('/account');
    const other = await server.signedIn('hugo@acme.test');
    const foreign = hiddenFields(await other.get('/account'), '/logout').csrf ?? '';
    const forged = [
      await visitor.submit(page, '/logout', { csrf: null }),
      await visitor.submit(page, '/logout', { csrf: '' }),
      await visitor.submit(page, '/logout', { csrf: foreign }),
      await visitor.submit(page, '/logout', {}, { origin: 'https://evil.example' }),
      await visitor.submit(page, '/logout', {}, { origin: 'null' }),
      await visitor.submit(page, '/logout', {}, { origin: `${server.url}.evil.example` }),
    ];
    expect(forged.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403]);
    expect((await visitor.get('/account')).status).toBe(200);
  });

  it('cannot be made to sign somebody in as another (login forgery, planted cookies)', async () => {
    const attacker = server.visitor();
    const form = hiddenFields(await attacker.get('/login'), '/login');
    const body = new URLSearchParams({ ...form, login: 'owner@acme.test', password: PASSWORD }).toString();
    const victim = server.visitor();
    expect((await victim.post('/login', body)).status).toBe(403);
    await victim.get('/login');
    expect((await victim.post('/login', body)).status).toBe(403);
    expect((await victim.post('/login', body, { origin: 'https://evil.example' })).status).toBe(403);

    const planted = await server.signedIn('owner@acme.test');
    const token = planted.cookies.get('holdfast-session') ?? '';
    await planted.submit(await planted.get('/account'), '/logout');
    victim.cookies.set('holdfast-session', token);
    const answer = await signInWith(victim, { login: 'owner@acme.test', password: PASSWORD });
    expect(answer.status).toBe(303);
    expect(victim.cookies.get('holdfast-session')).not.toBe(token);
    planted.cookies.set('holdfast-session', token);
    expect((await planted.get('/account')).status).toBe(303);
  });

  it('goes on to pages of its own alone', async () => {
    for (const next of [
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      '/login/device/../../evil',
      'javascript:alert(1)',
      '/account?x=//evil.example',
      '/account/organization/x',
      ' /account ',
      '/logout',
    ]) {
      const visitor = server.visitor();
      const path = `/login?next=${encodeURIComponent(next)}`;
      const page = await visitor.get(path);
      expect(hiddenFields(page, '/login').next).toBe('/account');
      const answer = await visitor.submit(page, '/login', {
        login: 'owner@acme.test',
        password: PASSWORD,
        next,
      });
      expect([next, answer.status, answer.location]).toEqual([next, 303, '/account']);
    }
  });

  it.each([
    ['JSON', '{"login":"x"}', 'application/json', [400, 403, 415]],
    ['too much', `login=${'x'.repeat(20_000)}`, 'application/x-www-form-urlencoded', [413]],
    ['a field twice', 'login=a&login=b', 'application/x-www-form-urlencoded', [400]],
    ['no type', 'login=a', '', [400, 403, 415]],
  ])('refuses %s with a page', async (_what, body, type, statuses) => {
    const answer = await server.visitor().post('/login', body, { 'content-type': type });
    expect(statuses).toContain(answer.status);
    expect(answer.heading).toBe('That did not work');
  });

  it('shows what people wrote as text', async () => {
    const nasty = '"><script>alert(1)</script>';
    const answer = await signInWith(server.visitor(), { login: nasty, password: 'x', organization: nasty });
    expect(answer.text).not.toContain('<script>');
    expect(answer.text).toContain('&lt;script&gt;');
  });

  it('lets pages run nothing, be framed by nobody and be kept nowhere', async () => {
    const { headers, text } = await server.visitor().get('/login');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("form-action 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(text).not.toMatch(/<script|\sstyle=|\son\w+=/);
  });

  it('takes no other token of a person for a session', async () => {
    const visitor = server.visitor();
    visitor.cookies.set('holdfast-session', server.api.token);
    expect(await visitor.get('/account')).toMatchObject({ status: 303, location: '/login' });
  });

  it('does not let a member sign in by password where the organization has switched that off, but the owner', async () => {
    await member('iris');
    const org = server.api.organization.id;
    const set = (value: boolean) =>
      server.api.store.write(
        { orgs: [org], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' },
        async (tx) => {
          await tx.put('setting', { org, name: 'password_login', value, updatedAt: tx.now });
          tx.audit(org, { verb: 'update', objectKind: 'setting', objectId: 0, objectName: '' });
        },
      );
    await set(false);
    const answer = await signInWith(server.visitor(), { login: 'iris@acme.test', password: PASSWORD });
    expect(answer.text).toContain('does not let people sign in with a password');
    await server.signedIn('owner@acme.test');
    await set(true);
  });
});

describe.each(ENGINES)('people of several organizations on %s', (engine) => {
  let server: SignInServer;
  const PASSWORD_EVERYWHERE = 'one for all of them';
  beforeAll(async () => {
    server = await startSignInServer(engine);
    const acme = server.api;
    const globex = await server.api.createOrganization('globex');
    await server.api.createOrganization('initech');
    const { member } = await server.api.createMember(acme, 'member', 'ada');
    const { store } = server.api;
    await store.write(
      { orgs: [globex.organization.id], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' },
      async (tx) => {
        await tx.insert('membership', {
          ...member,
          org: globex.organization.id,
          id: tx.newId(),
          nano: 'a'.repeat(26),
        });
        tx.audit(globex.organization.id, {
          verb: 'create',
          objectKind: 'membership',
          objectId: 0,
          objectName: '',
        });
      },
    );
    await server.setPassword(member, 0, PASSWORD_EVERYWHERE);
    await server.setPassword(server.api.owner, server.api.organization.id);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });

  it('are asked which, may change, and leave their session behind', async () => {
    const visitor = server.visitor();
    const answer = await signInWith(visitor, {
      login: 'Ada@acme.test',
      password: PASSWORD_EVERYWHERE,
      organization: '',
    });
    expect(answer).toMatchObject({ status: 303, location: '/account/organization' });
    const page = await visitor.get('/account/organization');
    expect(page.text).toContain('globex');
    expect(page.text).not.toContain('initech');
    const before = visitor.cookies.get('holdfast-session') ?? '';
    const globex = await server.api.store.organizationBy('label', 'globex');
    const changed = await visitor.submit(page, '/account/organization', { organization: String(globex?.id) });
    expect(changed).toMatchObject({ status: 303, location: '/account' });
    expect((await visitor.get('/account')).text).toContain('<dd>globex</dd>');
    const old = server.visitor();
    old.cookies.set('holdfast-session', before);
    expect((await old.get('/account')).status).toBe(303);
  });

  it('get no further than their own organizations', async () => {
    const visitor = server.visitor();
    await signInWith(visitor, {
      login: 'ada@acme.test',
      password: PASSWORD_EVERYWHERE,
      organization: 'acme',
    });
    const page = await visitor.get('/account/organization');
    const initech = await server.api.store.organizationBy('label', 'initech');
    for (const organization of [String(initech?.id), '999999', '0', 'x']) {
      const answer = await visitor.submit(page, '/account/organization', { organization });
      expect([organization, answer.status]).toEqual([organization, 404]);
    }
  });

  const inAcme = async () => {
    const visitor = server.visitor();
    const fields = { login: 'ada@acme.test', password: PASSWORD_EVERYWHERE, organization: 'acme' };
    return { visitor, answer: await signInWith(visitor, fields) };
  };
  const goTo = async (visitor: Visitor, label: string): Promise<number> => {
    const organization = String((await server.api.store.organizationBy('label', label))?.id);
    const page = await visitor.get('/account/organization');
    return (await visitor.submit(page, '/account/organization', { organization })).status;
  };

  it('go back and forth no longer than their sign-in is good', async () => {
    const { visitor } = await inAcme();
    server.api.clock.advance(700 * 60_000);
    expect(await goTo(visitor, 'globex')).toBe(303);
    server.api.clock.advance(19 * 60_000);
    expect(await goTo(visitor, 'acme')).toBe(303);
    server.api.clock.advance(60_000);
    expect(await visitor.get('/account')).toMatchObject({ status: 303, location: '/login' });

    // Nor into one that wants newer ones.
    const globex = (await server.api.store.organizationBy('label', 'globex'))?.id ?? 0;
    const set = (value: number) =>
      seed(server.api.store, globex, (tx) =>
        tx.put('setting', { org: globex, name: 'session_minutes', value, updatedAt: tx.now }),
      );
    await set(30);
    const again = await inAcme();
    server.api.clock.advance(30 * 60_000);
    expect(await goTo(again.visitor, 'globex')).toBe(403);
    await set(720);
    expect(await goTo(again.visitor, 'globex')).toBe(303);
  });

  it('change the password that is good everywhere, which ends what the old one opened', async () => {
    const WAYS = '/account/sign-in';
    const { visitor } = await inAcme();
    const thief = (await inAcme()).visitor;
    expect(await goTo(thief, 'globex')).toBe(303);
    const page = await visitor.get(WAYS);
    const to = (present: string, password: string, more = {}) =>
      visitor.submit(page, `${WAYS}/password`, { present, password, ...more });
    expect((await to('a wrong one', 'a new password')).status).toBe(401);
    expect((await to(PASSWORD_EVERYWHERE, 'short')).status).toBe(400);
    for (const login of ['999999', '0', 'x', '']) {
      expect((await to(PASSWORD_EVERYWHERE, 'a new password', { login })).status).toBeGreaterThanOrEqual(400);
    }
    // One that is good in an organization alone does not reach it.
    const owner = await server.signedIn('owner@acme.test');
    const { login = '' } = hiddenFields(page, `${WAYS}/password`);
    const foreign = await owner.submit(await owner.get(WAYS), `${WAYS}/password`, {
      login,
      present: PASSWORD_EVERYWHERE,
      password: 'a new password',
    });
    expect(foreign.status).toBe(404);
    expect((await thief.get('/account')).status).toBe(200);
    expect((await to(PASSWORD_EVERYWHERE, 'a new password')).status).toBe(303);
    expect((await thief.get('/account')).status).toBe(303);
    expect((await visitor.get('/account')).status).toBe(200);
    expect((await inAcme()).answer.status).toBe(401);
    expect((await to('a new password', PASSWORD_EVERYWHERE)).status).toBe(303);
    for (let tries = 0; tries < 10; tries += 1) await to('a wrong one', 'a new password');
    expect((await to(PASSWORD_EVERYWHERE, 'a new password')).status).toBe(429);
  });

  it('show no factor of one organization to another that enforces one', async () => {
    const globex = (await server.api.store.organizationBy('label', 'globex'))?.id ?? 0;
    const enforce = (value: boolean) =>
      seed(server.api.store, globex, (tx) =>
        tx.put('setting', { org: globex, name: 'mfa_enforced', value, updatedAt: tx.now }),
      );
    const [ada] = await server.api.store.find('membership', server.api.organization.id, {
      usernameKey: 'ada@acme.test',
    });
    // An administrator of acme can let whoever they like set it up, by a password for acme.
    const secret = Buffer.from('12345678901234567890');
    const made = await server.signIn.factors.enroll(
      ada!,
      ada!.org,
      secret.toString('base64'),
      oneTimeCode(secret, Math.floor(server.api.clock.now() / 30_000)),
    );
    server.api.clock.advance(30_000);
    const { visitor, answer } = await inAcme();
    const code = oneTimeCode(secret, Math.floor(server.api.clock.now() / 30_000));
    expect((await visitor.submit(answer, '/login/factor', { code })).status).toBe(303);
    await enforce(true);
    expect(await goTo(visitor, 'globex')).toBe(403);
    await enforce(false);
    expect(await goTo(visitor, 'globex')).toBe(303);
    await seed(server.api.store, ada!.org, (tx) => tx.remove('identity', ada!.org, made!.factor.id));
  });

  it('cannot carry a password of one organization into another', async () => {
    const visitor = server.visitor();
    const nowhere = await signInWith(visitor, {
      login: 'owner@acme.test',
      password: PASSWORD,
      organization: '',
    });
    expect(nowhere.status).toBe(401);
    expect(nowhere.text).toContain(WRONG);
    await signInWith(visitor, { login: 'owner@acme.test', password: PASSWORD, organization: 'acme' });
    const page = await visitor.get('/account/organization');
    expect(page.text).toContain('good for its own organization alone');
    const csrf = hiddenFields(await visitor.get('/account'), '/logout').csrf ?? '';
    const globex = await server.api.store.organizationBy('label', 'globex');
    const answer = await visitor.post('/account/organization', `csrf=${csrf}&organization=${globex?.id}`);
    expect(answer.status).toBe(403);
  });
});

describe('behind https', () => {
  it('binds its cookies to the very host', async () => {
    const server = await startSignInServer('sqlite', 'https://net.example.com');
    try {
      await server.setPassword(server.api.owner, server.api.organization.id);
      const visitor = server.visitor();
      const page = await visitor.get('/login');
      const fields = { login: 'owner@acme.test', password: PASSWORD };
      const answer = await visitor.submit(page, '/login', fields, { origin: 'https://net.example.com' });
      const cookie = answer.headers.getSetCookie().find((line) => line.includes('session='));
      expect(cookie).toMatch(/^__Host-holdfast-session=\S+; Path=\/; HttpOnly; SameSite=Lax; Secure; /);
      expect((await visitor.get('/account')).status).toBe(200);
    } finally {
      await server.close();
    }
  });
});
