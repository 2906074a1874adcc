// Second factors: set up, asked for, used once, lost, enforced; and what a password alone does not open then.
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Membership } from '../../src/domain/model/people.ts';
import { ENGINES } from '../support/api-server.ts';
import { hiddenFields, type Visit, type Visitor } from '../support/visitor.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

const STEP_MS = 30_000;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An authenticator app. */
function codeOf(secret: string, at: number): string {
  const bits = [...secret].map((digit) => BASE32.indexOf(digit).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / STEP_MS)));
  const digest = createHmac('sha1', key).update(counter).digest();
  const number = digest.readUInt32BE(digest[19]! & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}
const secretIn = (page: Visit): string =>
  /<figcaption><code>([A-Z2-7]{32})<\/code>/.exec(page.text)?.[1] ?? '';
const recoveryIn = (page: Visit): string[] =>
  /<pre>([\s\S]*?)<\/pre>/.exec(page.text)?.[1]?.split('\n') ?? [];
const SETUP = '/account/second-factor';

describe.each(ENGINES)('a second factor on %s', (engine) => {
  let server: SignInServer;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    await server.setPassword(server.api.owner, server.api.organization.id);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const now = () => server.api.clock.now();
  /** The time of another code. */
  const wait = () => server.api.clock.advance(STEP_MS);
  const member = async (name: string): Promise<Membership> => {
    const made = (await server.api.createMember(server.api, 'member', name)).member;
    await server.setPassword(made, made.org);
    return made;
  };
  const setUp = async (visitor: Visitor) => {
    const page = await visitor.get(SETUP);
    const secret = secretIn(page);
    const done = await visitor.submit(page, SETUP, { code: codeOf(secret, now()) });
    expect(done.heading).toBe('Your second factor is on');
    return { secret, recovery: recoveryIn(done) };
  };
  const withFactor = async (name: string) => {
    const made = await member(name);
    const visitor = await server.signedIn(`${name}@acme.test`);
    return { member: made, visitor, ...(await setUp(visitor)) };
  };
  const password = async (name: string) => {
    const visitor = server.visitor();
    return { visitor, page: await signInWith(visitor, { login: `${name}@acme.test`, password: PASSWORD }) };
  };

  it('is asked for after the password, and each code opens one session', async () => {
    const { secret, member: una } = await withFactor('una');
    const { visitor, page } = await password('una');
    expect(page).toMatchObject({ status: 200, heading: 'Your second factor' });
    expect(visitor.cookies.has('holdfast-session')).toBe(false);
    expect((await visitor.get('/account')).status).toBe(303);
    const used = await visitor.submit(page, '/login/factor', { code: codeOf(secret, now()) });
    expect(used.status).toBe(401);
    expect(used.text).toContain('That code is not right, or it was used already.');
    wait();
    const code = codeOf(secret, now());
    const answer = await visitor.submit(used, '/login/factor', { code });
    expect(answer).toMatchObject({ status: 303, location: '/account' });
    expect((await visitor.get('/account')).heading).toBe('una@acme.test');

    const second = await password('una');
    expect((await second.visitor.submit(second.page, '/login/factor', { code })).status).toBe(401);
    const [row] = await server.api.store.find('identity', una.org, { account: una.account, kind: 'totp' });
    expect(JSON.stringify(row)).not.toContain(secret);
  });

  it('goes on to the page that was wanted', async () => {
    const { secret } = await withFactor('vera');
    const device = `/login/device/${'a'.repeat(32)}`;
    const visitor = server.visitor();
    const page = await signInWith(
      visitor,
      { login: 'vera@acme.test', password: PASSWORD },
      `/login?next=${encodeURIComponent(device)}`,
    );
    wait();
    const answer = await visitor.submit(page, '/login/factor', { code: codeOf(secret, now()) });
    expect(answer.location).toBe(device);
  });

  it('takes each recovery code once, however it is typed', async () => {
    const { recovery } = await withFactor('will');
    expect(recovery).toHaveLength(10);
    const [first = '', second = ''] = recovery;
    for (const [code, status] of [
      [first.toUpperCase(), 303],
      [first, 401],
      [second.replaceAll('-', ' '), 303],
    ] as const) {
      const { visitor, page } = await password('will');
      expect((await visitor.submit(page, '/login/factor', { code })).status).toBe(status);
    }
  });

  it('lets nobody guess on for ever', async () => {
    const { secret } = await withFactor('xena');
    const { visitor, page } = await password('xena');
    const wrong = [
      '',
      'x',
      '12345',
      '1234567',
      'aaaa-aaaa-aaaa-aaaa',
      '０１２３４５',
      '-1',
      '000 000',
      'null',
      '{}',
    ];
    for (const code of wrong)
      expect((await visitor.submit(page, '/login/factor', { code })).status).toBe(401);
    wait();
    const answer = await visitor.submit(page, '/login/factor', { code: codeOf(secret, now()) });
    expect(answer.status).toBe(429);
  });

  it('takes the half-way state from the same browser alone, for five minutes, unaltered', async () => {
    const { secret } = await withFactor('yoko');
    const { visitor, page } = await password('yoko');
    const { state = '' } = hiddenFields(page, '/login/factor');
    wait();
    const code = codeOf(secret, now());
    const thief = server.visitor();
    const { csrf = '' } = hiddenFields(await thief.get('/login'), '/login');
    const stolen = new URLSearchParams({ csrf, state, code }).toString();
    expect((await thief.post('/login/factor', stolen)).status).toBe(403);
    const altered = `${state.slice(0, 60)}${state[60] === 'A' ? 'B' : 'A'}${state.slice(61)}`;
    for (const other of ['', 'x', altered, state.slice(0, -4), 'x'.repeat(9_000)]) {
      expect((await visitor.submit(page, '/login/factor', { code, state: other })).status).toBe(403);
    }
    server.api.clock.advance(5 * 60_000);
    const late = await visitor.submit(page, '/login/factor', { code: codeOf(secret, now()) });
    expect(late.status).toBe(403);
  });

  it('is guessed at no more often by many at once than by one', async () => {
    const { member: made } = await withFactor('wide');
    const { factors } = server.signIn;
    const factor = await factors.of(made);
    const answers = await Promise.allSettled(
      Array.from({ length: 25 }, (_, code) => factors.verify(factor!, made, String(code).padStart(6, '0'))),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });

  it('does not finish what was begun with a password that was changed meanwhile', async () => {
    const { member: vito, secret } = await withFactor('vito');
    const { visitor, page } = await password('vito');
    const actor = await server.api.authenticator.authenticate(server.api.token);
    const { link } = await server.signIn.passwordLinks.create(actor, vito.id, 'native-api');
    await server.signIn.passwordLinks.use(link, 'another password');
    wait();
    const answer = await visitor.submit(page, '/login/factor', { code: codeOf(secret, now()) });
    expect(answer).toMatchObject({ status: 303, location: '/login' });
  });

  it('is not opened by a state that was made for setting one up', async () => {
    await withFactor('zoe');
    const other = await member('abel');
    const abel = await server.signedIn('abel@acme.test');
    const page = await abel.get(SETUP);
    const secret = secretIn(page);
    const { state = '', csrf = '' } = hiddenFields(page, SETUP);
    const code = codeOf(secret, now());
    // The step of the sign-in, given a state of the account page: there is no identity that was signed in with.
    const body = new URLSearchParams({ csrf, state, code }).toString();
    const answer = await abel.post('/login/factor', body);
    expect(answer).toMatchObject({ status: 303, location: '/login' });
    expect(
      await server.api.store.count('credential', other.org, { where: { owner: other.id, kind: 'session' } }),
    ).toBe(1);
  });

  it('is removed against a code, and not without', async () => {
    const { visitor, secret } = await withFactor('bela');
    const page = await visitor.get(SETUP);
    expect(page.heading).toBe('Your second factor is on');
    expect((await visitor.submit(page, `${SETUP}/remove`, { code: '000000' })).status).toBe(400);
    wait();
    const removed = await visitor.submit(page, `${SETUP}/remove`, { code: codeOf(secret, now()) });
    expect(removed).toMatchObject({ status: 303, location: '/account' });
    expect((await password('bela')).page.status).toBe(303);
  });

  it('is set up with a right code only, and once', async () => {
    await member('cleo');
    const visitor = await server.signedIn('cleo@acme.test');
    const page = await visitor.get(SETUP);
    const wrong = await visitor.submit(page, SETUP, { code: '000000' });
    expect(wrong.status).toBe(400);
    expect((await password('cleo')).page.status).toBe(303);
    const code = codeOf(secretIn(page), now());
    expect((await visitor.submit(wrong, SETUP, { code })).heading).toBe('Your second factor is on');
    expect((await visitor.submit(page, SETUP, { code })).status).toBe(409);
  });

  it('has to be set up before anything else where the organization enforces one', async () => {
    const org = server.api.organization.id;
    const enforce = (value: boolean) =>
      server.api.store.write(
        { orgs: [org], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' },
        async (tx) => {
          await tx.put('setting', { org, name: 'mfa_enforced', value, updatedAt: tx.now });
          tx.audit(org, { verb: 'update', objectKind: 'setting', objectId: 0, objectName: '' });
        },
      );
    await member('dana');
    await enforce(true);
    const { visitor, page } = await password('dana');
    expect(page.heading).toBe('Set up a second factor');
    expect(visitor.cookies.has('holdfast-session')).toBe(false);
    const wrong = await visitor.submit(page, '/login/factor', { code: '000000' });
    expect(wrong.status).toBe(401);
    const code = codeOf(secretIn(page), now());
    const done = await visitor.submit(wrong, '/login/factor', { code });
    expect(recoveryIn(done)).toHaveLength(10);
    expect((await visitor.get('/account')).status).toBe(200);
    expect((await password('dana')).page.heading).toBe('Your second factor');
    await enforce(false);
  });
});
