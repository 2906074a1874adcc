// What changes how somebody signs in asks them to prove who they are once more, when their sign-in is not fresh.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageOperations } from '../../src/api/native/sign-in/index.ts';
import type { PageParts } from '../../src/api/native/sign-in/parts.ts';
import { MINUTE } from '../../src/kernel/clock.ts';
import { ENGINES } from '../support/api-server.ts';
import type { Visit } from '../support/visitor.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

const WAYS = '/account/sign-in';
const FACTOR = '/account/second-factor';
const again = (page: string): string => `/login?next=${encodeURIComponent(page)}&again=yes`;

/** Everything that adds a way to sign in, takes one away, or changes what is asked for. */
const GUARDED = [
  ['POST', WAYS, `${WAYS}/remove`],
  ['POST', WAYS, `${WAYS}/passkey`],
  ['POST', WAYS, `${WAYS}/passkey/change`],
  ['POST', WAYS, `${WAYS}/provider`],
  ['GET', FACTOR, FACTOR],
  ['POST', FACTOR, FACTOR],
  ['POST', FACTOR, `${FACTOR}/remove`],
] as const;

describe.each(ENGINES)('a fresh sign-in on %s', (engine) => {
  let server: SignInServer;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    await server.setPassword(server.api.owner, server.api.organization.id);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const someone = async (name: string) => {
    const { member } = await server.api.createMember(server.api, 'member', name);
    await server.setPassword(member, member.org);
    return { member, visitor: await server.signedIn(`${name}@acme.test`) };
  };
  const csrfIn = (page: Visit): string => /name="csrf" value="([^"]+)"/u.exec(page.text)?.[1] ?? '';

  it('is declared for each page that changes how somebody signs in, and for no other', () => {
    const parts = { services: {}, forms: {}, cookies: {} } as unknown as PageParts;
    const declared = pageOperations(parts).flatMap((operation) =>
      operation.requires !== 'public' && operation.recent === true
        ? [`${operation.method} ${operation.path}`]
        : [],
    );
    expect(declared.sort()).toEqual(GUARDED.map(([method, , path]) => `${method} ${path}`).sort());
  });

  it.each(GUARDED)('is asked for by %s %s at %s once ten minutes have gone', async (method, page, path) => {
    const { member, visitor } = await someone(
      `p${GUARDED.findIndex((one) => one[2] === path)}${method.toLowerCase()}`,
    );
    const csrf = csrfIn(await visitor.get('/account'));
    const call = () =>
      method === 'GET'
        ? visitor.get(path)
        : visitor.post(path, new URLSearchParams({ csrf, login: '1' }).toString());
    const head = () => server.api.store.count('identity', member.org, { where: { account: member.account } });
    server.api.clock.advance(9 * MINUTE);
    expect((await call()).location ?? '').not.toContain('again');
    const before = await head();
    server.api.clock.advance(MINUTE);
    expect(await call()).toMatchObject({ status: 303, location: again(page) });
    expect(await head()).toBe(before);
    // The session stays: only this was refused.
    expect((await visitor.get('/account')).status).toBe(200);
    const login = { login: member.email ?? '', password: PASSWORD, organization: 'acme' };
    const back = await signInWith(visitor, login, again(page));
    expect(back).toMatchObject({ status: 303, location: page });
    expect((await visitor.get(page)).status).toBe(200);
  });

  it('is asked for in words where there is nothing to fill in without it', async () => {
    const { visitor } = await someone('wordy');
    expect((await visitor.get(WAYS)).text).not.toContain('say once more who you are');
    server.api.clock.advance(11 * MINUTE);
    const page = await visitor.get(WAYS);
    expect(page.text).toContain('say once more who you are');
    expect(page.text).toContain('next=%2Faccount%2Fsign-in&amp;again=yes');
    expect(page.text).not.toContain(`${WAYS}/provider`);
    // The password has a proof of its own.
    expect(page.text).toContain('name="present"');
  });

  it('is asked for by a link that sets the password of whoever asks, and a token is none', async () => {
    const { member } = await server.api.createMember(server.api, 'admin', 'linker');
    const tokenOfLinker = await server.api.createToken(server.api, member, ['all']);
    const post = (token: string, id = member.id) =>
      fetch(`${server.url}/app/api/members/${id}/password-link`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      });
    // Who has no way to sign in yet has nothing else to show.
    expect((await post(tokenOfLinker)).status).toBe(201);
    await server.setPassword(member, member.org);
    expect((await post(tokenOfLinker)).status).toBe(403);
    const outcome = await server.passwordSignIn.verify({
      ...{ org: member.org, login: 'linker@acme.test', password: PASSWORD, address: '127.0.0.1' },
    });
    if (outcome.kind !== 'verified') throw new Error(outcome.reason);
    const { token } = await server.signIn.sessions.open(outcome, { name: 'test', origin: 'native-api' });
    expect((await post(token)).status).toBe(201);
    server.api.clock.advance(10 * MINUTE);
    const refused = await post(token);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_user_authentication", max_age="600"',
    );
    expect(await refused.json()).toMatchObject({ code: 'sign_in_again' });
    // For others it is administration.
    const { member: other } = await server.api.createMember(server.api, 'member', 'linked');
    expect((await post(token, other.id)).status).toBe(201);
  });
});
