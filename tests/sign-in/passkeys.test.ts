// Passkeys: set up, used alone and after a password, renamed, removed; and the answers that are not taken.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Membership } from '../../src/domain/model/people.ts';
import { ENGINES, type TestOrganization } from '../support/api-server.ts';
import { assert, type Passkey, register, type Ways } from '../support/authenticator.ts';
import { insertMember, seed } from '../support/seeds.ts';
import { createVisitor, hiddenFields, type Visit, type Visitor } from '../support/visitor.ts';
import { type Part, partOf } from './passkey-part.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

const WAYS = '/account/sign-in';

describe.each(ENGINES)('passkeys on %s', (engine) => {
  let server: SignInServer;
  let origin: string;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    // Passkeys need a name.
    origin = server.url.replace('127.0.0.1', 'localhost');
    await server.setPassword(server.api.owner, server.api.organization.id);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const org = () => server.api.organization.id;
  const acme = (): TestOrganization => server.api;
  const visitor = (): Visitor => createVisitor(origin);
  const member = async (name: string, everywhere = false): Promise<Membership> => {
    const made = (await server.api.createMember(acme(), 'member', name)).member;
    await server.setPassword(made, everywhere ? 0 : made.org);
    return made;
  };
  const password = async (name: string, organization = ''): Promise<{ person: Visitor; page: Visit }> => {
    const person = visitor();
    const login = { login: `${name}@acme.test`, password: PASSWORD, organization };
    return { person, page: await signInWith(person, login) };
  };
  const signedIn = async (name: string): Promise<Visitor> => {
    const { person, page } = await password(name, 'acme');
    expect(page.status).toBe(303);
    return person;
  };
  const post = (person: Visitor, action: string, fields: Record<string, string>): Promise<Visit> =>
    person.post(action, new URLSearchParams(fields).toString(), { origin });
  const add = async (
    person: Visitor,
    more: Record<string, string> = {},
    ways: Partial<Ways> = {},
  ): Promise<{ passkey: Passkey; answered: Visit }> => {
    const { options, fields } = partOf(await person.get(WAYS), `${WAYS}/passkey`);
    const { passkey, answer } = register(options, { origin, ...ways });
    const answered = await post(person, `${WAYS}/passkey`, {
      ...fields,
      credential: JSON.stringify(answer),
      ...more,
    });
    return { passkey, answered };
  };
  const show = async (
    person: Visitor,
    passkey: Passkey,
    ways: Partial<Ways> = {},
    path = '/login',
  ): Promise<Visit> => {
    const { options, fields } = partOf(await person.get(path), '/login/passkey');
    const credential = JSON.stringify(assert(passkey, options, { origin, ...ways }));
    return post(person, '/login/passkey', { ...fields, credential });
  };
  const withPasskey = async (name: string, more: Record<string, string> = {}, everywhere = false) => {
    const made = await member(name, everywhere);
    const person = await signedIn(name);
    const { passkey, answered } = await add(person, more);
    expect(answered).toMatchObject({ status: 303, location: WAYS });
    return { member: made, person, passkey };
  };

  describe('used alone', () => {
    it('sign in without a name, and go on to the page that was wanted', async () => {
      const { passkey, member: una } = await withPasskey('una', { name: 'Una’s key' });
      const person = visitor();
      expect(await show(person, passkey)).toMatchObject({ status: 303, location: '/account' });
      expect((await person.get('/account')).heading).toBe('una@acme.test');
      expect((await person.get(WAYS)).text).toContain('Una’s key');
      const device = `/login/device/${'a'.repeat(32)}`;
      const wanted = await show(visitor(), passkey, {}, `/login?next=${encodeURIComponent(device)}`);
      expect(wanted.location).toBe(device);
      const [row] = await server.api.store.find('identity', org(), { account: una.account, kind: 'passkey' });
      expect(row).toMatchObject({ issuer: 'passkey', subject: passkey.id, lastUsed: expect.any(Number) });
    });

    it('sign in with a name, without the page telling who has one', async () => {
      const { passkey } = await withPasskey('vera');
      await member('none');
      const ask = async (login: string): Promise<{ person: Visitor; part: Part }> => {
        const person = visitor();
        const page = await signInWith(person, { login, password: '', how: 'passkey' });
        return { person, part: partOf(page, '/login/passkey') };
      };
      const { person, part } = await ask('vera@acme.test');
      expect(part.options.allowCredentials).toMatchObject([{ id: passkey.id }]);
      // A key that is not kept on the device gives no handle back.
      const credential = JSON.stringify(assert(passkey, part.options, { origin, userHandle: null }));
      const before = new Map(person.cookies);
      expect((await post(person, '/login/passkey', { ...part.fields, credential })).status).toBe(303);

      for (const login of ['none@acme.test', 'nobody@acme.test', "x' OR 1=1"]) {
        const [one, two] = [await ask(login), await ask(login)];
        expect(one.part.options.allowCredentials).toHaveLength(1);
        expect(one.part.options.allowCredentials).toEqual(two.part.options.allowCredentials);
      }
      // Asked for another's passkey, one's own opens nothing.
      const other = await withPasskey('will');
      const wrong = JSON.stringify(assert(other.passkey, part.options, { origin }));
      const again = createVisitor(origin, before);
      expect((await post(again, '/login/passkey', { ...part.fields, credential: wrong })).status).toBe(401);
    });

    it('are both factors at once, where an organization enforces two', async () => {
      const { passkey } = await withPasskey('xena');
      const enforce = (value: boolean) =>
        seed(server.api.store, org(), (tx) =>
          tx.put('setting', { org: org(), name: 'mfa_enforced', value, updatedAt: tx.now }),
        );
      await enforce(true);
      const answer = await show(visitor(), passkey);
      await enforce(false);
      expect(answer.status).toBe(303);
    });

    it('are the owner’s alone where everybody is to come by the organization’s provider', async () => {
      const { passkey } = await withPasskey('yoko');
      const owner = await signedIn('owner');
      const own = (await add(owner)).passkey;
      const connection = await seed(server.api.store, org(), async (tx) => {
        await tx.put('setting', { org: org(), name: 'password_login', value: false, updatedAt: tx.now });
        const row = await tx.insert('ssoConnection', {
          org: org(),
          id: tx.newId(),
          nano: 'x'.repeat(26),
          identifier: 'https://idp.invalid',
          clientId: 'x',
          secretSealed: null,
          protocols: null,
          vouchedRoles: null,
          createdAt: tx.now,
          updatedAt: tx.now,
        });
        return row.id;
      });
      const refused = await show(visitor(), passkey);
      const let_in = await show(visitor(), own);
      await seed(server.api.store, org(), (tx) => tx.remove('ssoConnection', org(), connection));
      // Without a provider of its own it takes passkeys: there is no password to be guessed in them.
      const again = await show(visitor(), passkey);
      await seed(server.api.store, org(), (tx) =>
        tx.put('setting', { org: org(), name: 'password_login', value: true, updatedAt: tx.now }),
      );
      expect([refused.status, let_in.status, again.status]).toEqual([401, 303, 303]);
    });

    it('open nothing for who is suspended', async () => {
      const { passkey, member: zoe } = await withPasskey('zoe');
      await seed(server.api.store, org(), (tx) =>
        tx.update('membership', org(), zoe.id, { suspendedAt: tx.now }),
      );
      expect(await show(visitor(), passkey)).toMatchObject({ status: 401 });
    });

    it('that are good everywhere let their person choose an organization, others do not', async () => {
      const globex = await server.api.createOrganization(`globex-${engine}`);
      const here = await member('alba', true);
      const there = globex.organization.id;
      await seed(server.api.store, there, async (tx) => {
        const made = await insertMember(tx, there, { username: 'alba@acme.test' });
        await tx.update('membership', there, made.id, { account: here.account });
      });
      const { person } = await password('alba');
      const { passkey } = await add(person);
      const [row] = await server.api.store.find('identity', 0, { account: here.account, kind: 'passkey' });
      expect(row?.subject).toBe(passkey.id);
      const other = visitor();
      expect((await show(other, passkey)).location).toBe('/account/organization');
      const page = await other.get('/account/organization');
      const { csrf = '' } = hiddenFields(page, '/account/organization');
      const change = { csrf, organization: String(there), next: '/account' };
      expect((await post(other, '/account/organization', change)).status).toBe(303);
      expect((await other.get('/account')).text).toContain(`<dd>globex-${engine}</dd>`);
    });
  });

  describe('what is not taken', () => {
    it('is an answer for another origin, host, kind or challenge, without a finger, altered, or of another key', async () => {
      const { passkey } = await withPasskey('bela');
      const other = await withPasskey('cleo');
      const stranger: Passkey = { ...passkey, key: other.passkey.key };
      for (const [ways, key] of [
        [{ origin: 'https://evil.test' }, passkey],
        [{ rpId: 'evil.test' }, passkey],
        [{ type: 'webauthn.create' }, passkey],
        [{ verified: false }, passkey],
        [{}, stranger],
        [{}, { ...passkey, id: other.passkey.id }],
        [{ userHandle: other.passkey.userHandle }, passkey],
        [{ userHandle: Buffer.from('0.0').toString('base64url') }, passkey],
        [{ userHandle: null }, passkey],
      ] as const) {
        const answer = await show(visitor(), { ...key }, { counter: 1_000, ...ways });
        expect([ways, answer.status]).toEqual([ways, 401]);
      }
      const person = visitor();
      const { fields } = partOf(await person.get('/login'), '/login/passkey');
      const elsewhere = partOf(await visitor().get('/login'), '/login/passkey');
      const wrong = JSON.stringify(assert(passkey, elsewhere.options, { origin }));
      for (const credential of [wrong, '', '{}', 'null', '[]', '{"id":1}', 'x'.repeat(15_000)]) {
        expect((await post(person, '/login/passkey', { ...fields, credential })).status).toBe(401);
      }
      expect((await show(visitor(), passkey, { counter: 1_001 })).status).toBe(303);
    });

    it('is an answer that came before, from another browser, or too late', async () => {
      const { passkey } = await withPasskey('dora');
      const person = visitor();
      const { options, fields } = partOf(await person.get('/login'), '/login/passkey');
      // One that does not count.
      const credential = JSON.stringify(assert(passkey, options, { origin, counter: 0 }));
      const body = { ...fields, credential };
      const thief = visitor();
      const { csrf = '' } = hiddenFields(await thief.get('/login'), '/login');
      expect((await post(thief, '/login/passkey', { ...body, csrf })).status).toBe(401);
      const before = new Map(person.cookies);
      expect((await post(person, '/login/passkey', body)).status).toBe(303);
      const again = createVisitor(origin, before);
      expect((await post(again, '/login/passkey', body)).status).toBe(401);
      const late = visitor();
      const part = partOf(await late.get('/login'), '/login/passkey');
      server.api.clock.advance(5 * 60_000);
      const stale = JSON.stringify(assert(passkey, part.options, { origin, counter: 0 }));
      expect((await post(late, '/login/passkey', { ...part.fields, credential: stale })).status).toBe(401);
    });

    it('is a passkey that counts backwards: somebody copied it', async () => {
      const { passkey } = await withPasskey('elsa');
      expect((await show(visitor(), passkey, { counter: 10 })).status).toBe(303);
      expect((await show(visitor(), passkey, { counter: 10 })).status).toBe(401);
      expect((await show(visitor(), passkey, { counter: 9 })).status).toBe(401);
      expect((await show(visitor(), passkey, { counter: 11 })).status).toBe(303);
    });

    it('is a new passkey whose answer is wrong, somebody else’s, or there already', async () => {
      const { person, passkey } = await withPasskey('finn');
      for (const ways of [{ origin: 'https://evil.test' }, { rpId: 'evil.test' }, { type: 'webauthn.get' }]) {
        expect((await add(person, {}, ways)).answered.status).toBe(400);
      }
      const { options, fields } = partOf(await person.get(WAYS), `${WAYS}/passkey`);
      expect(JSON.stringify(options)).toContain(passkey.id);
      const { answer } = register(options, { origin });
      const credential = JSON.stringify(answer);
      const sent = { ...fields, credential };
      expect((await post(person, `${WAYS}/passkey`, { ...sent, name: 'x'.repeat(61) })).status).toBe(400);
      expect((await post(person, `${WAYS}/passkey`, { ...sent, csrf: '' })).status).toBe(403);
      expect((await post(person, `${WAYS}/passkey`, sent)).status).toBe(303);
      expect((await post(person, `${WAYS}/passkey`, sent)).status).toBe(409);
      const other = await signedIn('owner');
      const { csrf = '' } = hiddenFields(await other.get(WAYS), `${WAYS}/passkey`);
      expect((await post(other, `${WAYS}/passkey`, { ...sent, csrf })).status).toBe(400);
    });
  });

  describe('after a password', () => {
    it('are asked for once their person wants that, and a password alone opens nothing then', async () => {
      const { passkey, person } = await withPasskey('gina');
      expect((await password('gina', 'acme')).page.status).toBe(303);
      const page = await person.get(WAYS);
      const { csrf = '', login = '' } = hiddenFields(page, `${WAYS}/passkey/change`);
      const changed = await post(person, `${WAYS}/passkey/change`, { csrf, login, after: 'yes' });
      expect(changed.status).toBe(303);

      const begun = await password('gina', 'acme');
      expect(begun.page).toMatchObject({ status: 200, heading: 'Your second factor' });
      expect(begun.page.text).not.toContain('authenticator app');
      expect(begun.person.cookies.has('holdfast-session')).toBe(false);
      const send = async (from: typeof begun, key: Passkey, ways: Partial<Ways> = {}) => {
        const { options, fields } = partOf(from.page, '/login/factor/passkey');
        const credential = JSON.stringify(assert(key, options, { origin, verified: false, ...ways }));
        return post(from.person, '/login/factor/passkey', { ...fields, credential });
      };
      const stranger = (await withPasskey('hugo')).passkey;
      expect((await send(begun, stranger)).status).toBe(401);
      expect((await send(begun, passkey, { origin: 'https://evil.test' })).status).toBe(401);
      // A touch is enough: the password was the other factor.
      expect(await send(begun, passkey)).toMatchObject({ status: 303, location: '/account' });
      expect((await send(await password('gina', 'acme'), passkey)).status).toBe(303);
      // Codes of an app cannot be set up on the way in to get around it.
      const again = await password('gina', 'acme');
      const { fields } = partOf(again.page, '/login/factor/passkey');
      const around = { csrf: fields.csrf ?? '', state: fields.state ?? '', code: '000000' };
      expect((await post(again.person, '/login/factor', around)).status).toBe(303);
      expect((await again.person.get('/account')).status).toBe(303);
    });

    it('are those of the organization, and not of another one that the same person is in', async () => {
      const globex = await server.api.createOrganization(`initech-${engine}`);
      const there = globex.organization.id;
      const { member: nora } = await withPasskey('nora', { after: 'yes' });
      await seed(server.api.store, there, async (tx) => {
        const made = await insertMember(tx, there, { username: 'nora@acme.test' });
        await tx.update('membership', there, made.id, { account: nora.account });
      });
      // Whoever runs that organization may set a password there for her, and a passkey with that.
      await server.setPassword(nora, there);
      const inside = await password('nora', `initech-${engine}`);
      expect(inside.page.status).toBe(303);
      const { passkey: foreign, answered } = await add(inside.person);
      expect(answered.status).toBe(303);

      const begun = await password('nora', 'acme');
      const { options, fields } = partOf(begun.page, '/login/factor/passkey');
      const credential = JSON.stringify(assert(foreign, options, { origin }));
      expect((await post(begun.person, '/login/factor/passkey', { ...fields, credential })).status).toBe(401);
      expect((await begun.person.get('/account')).status).toBe(303);
    });

    it('let nobody in by the password at an API sign-in that knows no passkeys', async () => {
      const { member: ines } = await withPasskey('ines', { after: 'yes' });
      const { passwordSignIn } = server;
      const outcome = await passwordSignIn.verify({
        org: ines.org,
        login: 'ines@acme.test',
        password: PASSWORD,
        address: '127.0.0.1',
      });
      expect(outcome).toMatchObject({ kind: 'refused', reason: 'second-factor' });
    });
  });

  describe('kept in order', () => {
    it('are renamed and removed by their person alone, and what they opened ends', async () => {
      const { passkey, person } = await withPasskey('jane', { name: 'old' });
      const elsewhere = visitor();
      await show(elsewhere, passkey);
      const page = await person.get(WAYS);
      const { csrf = '', login = '' } = hiddenFields(page, `${WAYS}/passkey/change`);
      await post(person, `${WAYS}/passkey/change`, { csrf, login, name: '<b>new</b>' });
      expect((await person.get(WAYS)).text).toContain('&lt;b&gt;new&lt;/b&gt;');

      const thief = await signedIn('owner');
      const own = hiddenFields(await thief.get(WAYS), `${WAYS}/passkey`).csrf ?? '';
      const stolen = { csrf: own, login };
      expect((await post(thief, `${WAYS}/passkey/change`, { ...stolen, name: 'x' })).status).toBe(404);
      expect((await post(thief, `${WAYS}/remove`, stolen)).status).toBe(404);

      expect((await post(person, `${WAYS}/remove`, { csrf, login })).status).toBe(303);
      expect((await elsewhere.get('/account')).status).toBe(303);
      expect((await person.get('/account')).status).toBe(200);
      expect((await show(visitor(), passkey)).status).toBe(401);
    });

    it('are not removed when they are the only way in', async () => {
      const { passkey, person, member: kim } = await withPasskey('kim');
      await seed(server.api.store, org(), async (tx) => {
        const [row] = await tx.find('identity', org(), { account: kim.account, kind: 'password' });
        await tx.remove('identity', org(), row!.id);
      });
      const { csrf = '', login = '' } = hiddenFields(await person.get(WAYS), `${WAYS}/passkey/change`);
      expect((await post(person, `${WAYS}/remove`, { csrf, login })).status).toBe(409);
      expect((await show(visitor(), passkey)).status).toBe(303);
    });

    it('are bounded', async () => {
      await member('lara');
      const person = await signedIn('lara');
      const statuses: number[] = [];
      for (let count = 0; count < 21; count += 1) statuses.push((await add(person)).answered.status);
      expect(statuses).toEqual([...Array.from({ length: 20 }, () => 303), 409]);
    });
  });

  it('are not offered under an address that is no name', async () => {
    await member('mona');
    const person = await server.signedIn('mona@acme.test');
    const page = await person.get(WAYS);
    expect(page.text).toContain('Passkeys need a server with a name and TLS');
    expect(page.text).not.toContain('data-passkey');
  });
});
