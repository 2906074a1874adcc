// The page where a person lets a device in, and the links by which a password is set.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD_LINK_PATH } from '../../src/domain/people/password-links.ts';
import { ENGINES } from '../support/api-server.ts';
import { hiddenFields } from '../support/visitor.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

const MINUTE = 60_000;

describe.each(ENGINES)('on %s', (engine) => {
  let server: SignInServer;
  let machine = 0;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    await server.setPassword(server.api.owner, server.api.organization.id);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const actorOf = (token: string) => server.api.authenticator.authenticate(token);
  const devices = () => server.api.store.count('device', server.api.organization.id);
  /** A device that waits; resolves with the path of its page. */
  const waiting = async (facts: object = {}, address = '127.0.0.1'): Promise<string> => {
    machine += 1;
    const id = await server.signIn.deviceLogins.begin(
      {
        machineKey: `mkey:${machine.toString(16).padStart(64, 'a')}`,
        nodeKey: `nodekey:${machine.toString(16).padStart(64, 'b')}`,
        authKey: null,
        ephemeral: false,
        hostname: `host-${machine}`,
        os: 'linux',
        clientVersion: '1.102.5',
        capver: 142,
        advertised: [],
        requestTags: [],
        hostinfo: {},
        netInfo: null,
        homeDerp: 0,
        shieldsUp: false,
        ...facts,
      },
      address,
    );
    return `/login/device/${id}`;
  };

  describe('the page of a device that waits', () => {
    it('says what asks, from where and whither, and connects it when the person says so', async () => {
      const path = await waiting({ hostname: 'adas-laptop', os: 'macOS', advertised: ['10.1.0.0/16'] });
      const visitor = await server.signedIn('owner@acme.test');
      const page = await visitor.get(path);
      expect(page.heading).toBe('Connect “adas-laptop” to acme?');
      for (const fact of ['macOS', '[qqqqq]', '10.1.0.0/16', '127.0.0.1', 'owner@acme.test', 'acme (acme)']) {
        expect(page.text).toContain(fact);
      }
      expect(page.text).not.toContain('somebody sent you this link');
      const done = await visitor.submit(page, path, { mine: 'yes', decision: 'connect' });
      expect(done).toMatchObject({ status: 200, heading: '“adas-laptop” is connected' });
      const [device] = await server.api.store.find('device', server.api.organization.id, {
        osHostname: 'adas-laptop',
      });
      expect(device).toMatchObject({ ownerKind: 'membership', owner: server.api.owner.id });
      const events = await server.api.store.auditEvents(server.api.organization.id, {
        afterSeq: 0,
        limit: 1000,
      });
      expect(events.at(-1)).toMatchObject({
        verb: 'create',
        objectKind: 'device',
        byName: 'owner@acme.test',
      });
    });

    it('warns where the device asked from another address than the person’s', async () => {
      const path = await waiting({}, '203.0.113.9');
      const visitor = await server.signedIn('owner@acme.test');
      const page = await visitor.get(path);
      expect(page.text).toContain('The device asked from 203.0.113.9, and you are at 127.0.0.1.');
      await visitor.submit(page, path, { decision: 'refuse' });
    });

    it('takes no yes that was not ticked, and nothing that is neither yes nor no', async () => {
      const before = await devices();
      const path = await waiting();
      const visitor = await server.signedIn('owner@acme.test');
      const page = await visitor.get(path);
      const wrong: Record<string, string>[] = [
        { decision: 'connect' },
        { decision: 'connect', mine: 'no' },
        { decision: 'x', mine: 'yes' },
        { mine: 'yes' },
        { decision: 'connect', mine: 'yes', organization: '999' },
      ];
      for (const fields of wrong) {
        expect((await visitor.submit(page, path, fields)).status).toBe(409);
      }
      expect(await devices()).toBe(before);
      expect((await visitor.submit(page, path, { decision: 'refuse' })).heading).toBe('Refused');
    });

    it('takes no yes from another site, another browser, or nobody', async () => {
      const before = await devices();
      const path = await waiting();
      const victim = await server.signedIn('owner@acme.test');
      const attacker = await server.signedIn('owner@acme.test');
      const fields = { mine: 'yes', decision: 'connect' };
      const page = await victim.get(path);
      const theirs = hiddenFields(await attacker.get(path), path).csrf ?? '';
      expect((await victim.submit(page, path, { ...fields, csrf: theirs })).status).toBe(403);
      const evil = { origin: 'https://evil.example' };
      expect((await victim.submit(page, path, fields, evil)).status).toBe(403);
      expect((await server.visitor().submit(page, path, fields)).status).toBe(403);
      expect(await devices()).toBe(before);
    });

    it('is gone once it was decided, when it is too old, and for ids that never were', async () => {
      const visitor = await server.signedIn('owner@acme.test');
      const path = await waiting();
      const page = await visitor.get(path);
      await visitor.submit(page, path, { mine: 'yes', decision: 'connect' });
      const before = await devices();
      const replayed = await visitor.submit(page, path, { mine: 'yes', decision: 'connect' });
      const again = await visitor.get(path);
      const unknown = await visitor.get(`/login/device/${'a'.repeat(32)}`);
      const odd = await visitor.get(`/login/device/${encodeURIComponent("'/../x")}`);
      const old = await waiting();
      server.api.clock.advance(15 * MINUTE);
      const expired = await visitor.get(old);
      const answers = [replayed, again, unknown, odd, expired];
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(await devices()).toBe(before);
    });

    it('says why it did not work, and leaves the choice open', async () => {
      await server.setPassword(
        (await server.api.createMember(server.api, 'member', 'tom')).member,
        server.api.organization.id,
      );
      const path = await waiting({ requestTags: ['tag:prod'] });
      const visitor = await server.signedIn('tom@acme.test');
      const page = await visitor.get(path);
      expect(page.text).toContain('tag:prod');
      const answer = await visitor.submit(page, path, { mine: 'yes', decision: 'connect' });
      expect(answer.status).toBe(409);
      expect(answer.text).toContain('requested tags [tag:prod] are invalid or not permitted');
      await visitor.submit(answer, path, { decision: 'refuse' });
      expect((await visitor.get(path)).status).toBe(404);
    });

    it('shows what a device calls itself as text', async () => {
      const path = await waiting({ hostname: '<script>alert(1)</script>', os: '"><img src=x>' });
      const visitor = await server.signedIn('owner@acme.test');
      const page = await visitor.get(path);
      expect(page.text).not.toMatch(/<script|<img src=x/);
      await visitor.submit(page, path, { decision: 'refuse' });
    });
  });

  describe('a link for a password', () => {
    const linkFor = async (name: string, role: 'member' | 'admin' = 'member') => {
      const { member } = await server.api.createMember(server.api, role, name);
      const { link } = await server.signIn.passwordLinks.create(
        await actorOf(server.api.token),
        member.id,
        'native-api',
      );
      return { member, link, path: `${PASSWORD_LINK_PATH}${link}` };
    };

    it('sets it once, for that organization alone', async () => {
      const { member, link, path } = await linkFor('una');
      const visitor = server.visitor();
      const page = await visitor.get(path);
      expect(page.text).toContain('For una@acme.test in acme.');
      const short = await visitor.submit(page, path, { password: 'short' });
      expect(short.status).toBe(400);
      expect(short.text).toContain('Use at least 8 characters.');
      expect((await visitor.submit(page, path, { password: PASSWORD })).heading).toBe('Your password is set');
      expect(
        (await signInWith(server.visitor(), { login: 'una@acme.test', password: PASSWORD })).status,
      ).toBe(303);
      const [identity] = await server.api.store.find('identity', member.org, { account: member.account });
      expect(identity).toMatchObject({ org: member.org, kind: 'password' });
      expect(identity?.secretHash).toMatch(/^\$argon2id\$/);
      expect(await server.api.store.count('identity', 0, { where: { account: member.account } })).toBe(0);

      const answers = [
        await visitor.get(path),
        await visitor.submit(page, path, { password: 'another one' }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([404, 404]);
      expect(
        (await signInWith(server.visitor(), { login: 'una@acme.test', password: PASSWORD })).status,
      ).toBe(303);
      expect(JSON.stringify(await server.api.store.find('passwordLink', member.org, {}))).not.toContain(link);
    });

    it('ends the sessions of whoever knew the old password, and the links before it', async () => {
      const { member, path } = await linkFor('vera');
      await server.setPassword(member, member.org);
      const before = await server.signedIn('vera@acme.test');
      const owner = await actorOf(server.api.token);
      const { link } = await server.signIn.passwordLinks.create(owner, member.id, 'native-api');
      const visitor = server.visitor();
      expect((await visitor.get(path)).status).toBe(404);
      const page = await visitor.get(`${PASSWORD_LINK_PATH}${link}`);
      await visitor.submit(page, `${PASSWORD_LINK_PATH}${link}`, { password: 'a new password' });
      expect((await before.get('/account')).status).toBe(303);
      const old = await signInWith(server.visitor(), { login: 'vera@acme.test', password: PASSWORD });
      expect(old.status).toBe(401);
    });

    it('is not to be had for somebody above oneself, elsewhere, or without right', async () => {
      const admin = await server.api.createMember(server.api, 'admin', 'will');
      const globex = await server.api.createOrganization(`globex-${engine}`);
      const create = async (token: string, id: number) =>
        server.signIn.passwordLinks.create(await actorOf(token), id, 'native-api');
      await expect(create(admin.token, server.api.owner.id)).rejects.toMatchObject({ code: 'forbidden' });
      await expect(create(globex.token, admin.member.id)).rejects.toMatchObject({ code: 'not_found' });
      await expect(create(server.api.token, 999_999)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('ends after three days; odd ones are answered alike', async () => {
      const { path, link } = await linkFor('xena');
      const visitor = server.visitor();
      expect((await visitor.get(path)).status).toBe(200);
      const [org, secret] = link.split('-');
      const odd = [`${Number(org) + 1}-${secret}`, `${org}-${'a'.repeat(40)}`, 'x', `0-${secret}`, `${org}-`];
      const answers = await Promise.all(odd.map((text) => visitor.get(`${PASSWORD_LINK_PATH}${text}`)));
      server.api.clock.advance(3 * 24 * 60 * MINUTE);
      answers.push(await visitor.get(path));
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    });
  });
});
