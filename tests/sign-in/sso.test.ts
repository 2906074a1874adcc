// Who is whose, when an organization's own provider says so; and what a provider says that is not believed.
import { createHash } from 'node:crypto';
import { generateKeyPair, UnsecuredJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SsoOutcome } from '../../src/auth/sso/sso-sign-in.ts';
import type { Membership, Role } from '../../src/domain/model/people.ts';
import { ENGINES } from '../support/api-server.ts';
import { createIdentityProvider, type IdentityProvider, type Person } from '../support/identity-provider.ts';
import { insertInvited } from '../support/invited.ts';
import { insertGroup, insertMember, insertPolicy, seed } from '../support/seeds.ts';
import { BROWSER, createSsoRig, REDIRECT, type SsoRig } from './sso-support.ts';

const reasonOf = (outcome: SsoOutcome): string => (outcome.kind === 'refused' ? outcome.reason : 'verified');
const memberOf = (outcome: SsoOutcome): Membership => {
  if (outcome.kind !== 'verified') throw new Error(outcome.reason);
  return outcome.member;
};

describe.each(ENGINES)('single sign-on on %s', (engine) => {
  let rig: SsoRig;
  let provider: IdentityProvider;
  let org: number;
  beforeAll(async () => {
    rig = await createSsoRig(engine);
    provider = await createIdentityProvider();
    org = rig.api.organization.id;
    await rig.connect(org, provider);
  });
  afterEach(() => provider.reset());
  afterAll(async () => {
    expect(rig.api.failures).toEqual([]);
    await provider.close();
    await rig.close();
  });
  const person = (name: string, more: Record<string, unknown> = {}): Person => ({
    sub: `sub-${name}`,
    email: `${name}@acme.test`,
    email_verified: true,
    ...more,
  });
  const set = (name: string, value: unknown, of = org) =>
    seed(rig.api.store, of, (tx) => tx.put('setting', { org: of, name, value, updatedAt: tx.now }));
  const invite = (name: string, role: Role = 'member') =>
    seed(rig.api.store, org, (tx) => insertInvited(tx, org, `${name}@acme.test`, { role }));
  const joined = (name: string, patch: Partial<Membership> = {}) =>
    seed(rig.api.store, org, (tx) => insertMember(tx, org, { username: `${name}@acme.test`, ...patch }));
  const begin = (more: { readonly org?: number; readonly redirectUri?: string } = {}) =>
    rig.sso.start({
      org,
      browser: BROWSER,
      redirectUri: REDIRECT,
      purpose: { kind: 'sign-in' },
      returnTo: '/account',
      ...more,
    });
  const end = (url: string, browser = BROWSER, redirectUri = REDIRECT) =>
    rig.sso.finish({ url, browser, redirectUri });

  describe('endpoints that were set by hand', () => {
    const POWERFUL = ['owner', 'admin', 'it-admin'] as const;
    const vouch = (vouchedRoles: readonly Role[] | null) =>
      seed(rig.api.store, org, async (tx) => {
        const [row] = await tx.find('ssoConnection', org, {});
        await tx.update('ssoConnection', org, row!.id, { vouchedRoles });
      });
    afterEach(() => vouch(null));
    const link = (member: Membership, name: string) =>
      rig.arrive(provider, person(name), { purpose: { kind: 'link', membership: member.id } });

    it('are linked to nobody with more power than whoever set them', async () => {
      const admin = await joined('linked-admin', { role: 'admin' });
      await vouch(['it-admin']);
      expect(reasonOf(await link(admin, 'linked-admin'))).toBe('not-vouched');
      expect(await rig.api.store.find('identity', org, { account: admin.account })).toEqual([]);
      const itAdmin = await joined('linked-it', { role: 'it-admin' });
      expect(reasonOf(await link(itAdmin, 'linked-it'))).toBe('verified');
      await vouch(POWERFUL);
      expect(reasonOf(await link(admin, 'linked-admin'))).toBe('verified');
    });

    it('sign in nobody who has become more powerful than whoever set them', async () => {
      const member = await joined('rising');
      await vouch([]);
      expect(reasonOf(await link(member, 'rising'))).toBe('verified');
      await seed(rig.api.store, org, (tx) => tx.update('membership', org, member.id, { role: 'admin' }));
      expect(reasonOf(await rig.arrive(provider, person('rising')))).toBe('not-vouched');
      await vouch(null);
      expect(reasonOf(await rig.arrive(provider, person('rising')))).toBe('verified');
    });

    it('accept no invitation to more power than whoever set them has', async () => {
      const { member, invitation } = await invite('invited-boss', 'admin');
      const tokenHash = createHash('sha256').update('b'.repeat(43)).digest('hex');
      await seed(rig.api.store, org, (tx) => tx.update('invitation', org, invitation.id, { tokenHash }));
      await vouch(['it-admin']);
      const purpose = { kind: 'invitation', link: `${org}-${'b'.repeat(43)}` } as const;
      expect(reasonOf(await rig.arrive(provider, person('invited-boss'), { purpose }))).toBe('not-vouched');
      expect(await rig.api.store.get('invitation', org, invitation.id)).toMatchObject({ status: 'pending' });
      await vouch(POWERFUL);
      expect(memberOf(await rig.arrive(provider, person('invited-boss'), { purpose })).id).toBe(member.id);
    });

    it('that changed while somebody was at the provider sign in nobody', async () => {
      const url = await begin();
      const back = provider.signIn(url, person('between'));
      provider.behaviour.forge = async (claims) => {
        await seed(rig.api.store, org, async (tx) => {
          const [row] = await tx.find('ssoConnection', org, {});
          await tx.update('ssoConnection', org, row!.id, { updatedAt: row!.updatedAt + 1 });
        });
        return provider.sign(claims);
      };
      expect(reasonOf(await end(back))).toBe('gone');
    });
  });

  describe('who it is', () => {
    it('makes a member of whoever has a verified address of the organization’s domain, once', async () => {
      const first = memberOf(await rig.arrive(provider, person('una', { name: 'Una U' })));
      expect(first).toMatchObject({ org, role: 'member', email: 'una@acme.test', displayName: 'Una U' });
      const again = await rig.arrive(provider, person('una', { email: 'other@acme.test' }));
      // Found by the subject: a new address at the provider changes nothing here.
      expect(memberOf(again)).toMatchObject({ id: first.id, email: 'una@acme.test' });
      const identities = await rig.api.store.find('identity', org, { account: first.account });
      expect(identities).toMatchObject([{ kind: 'sso', issuer: provider.issuer, subject: 'sub-una' }]);
      expect(await rig.api.store.find('identity', 0, { account: first.account })).toEqual([]);
    });

    it('lets nobody in by themselves whose domain the organization did not name', async () => {
      const stranger = person('stranger', { email: 'stranger@elsewhere.test' });
      expect(reasonOf(await rig.arrive(provider, stranger))).toBe('not-a-member');
      await set('allowed_email_domains', ['elsewhere.test']);
      expect(reasonOf(await rig.arrive(provider, person('nobody')))).toBe('not-a-member');
      expect(reasonOf(await rig.arrive(provider, stranger))).toBe('verified');
      await set('allowed_email_domains', []);
    });

    it('holds whoever arrives for approval where the organization wants that', async () => {
      await set('user_approval', true);
      const answers = [
        await rig.arrive(provider, person('waits')),
        await rig.arrive(provider, person('waits')),
      ];
      await set('user_approval', false);
      expect(answers.map(reasonOf)).toEqual(['not-approved', 'not-approved']);
      const [row] = await rig.api.store.find('membership', org, { emailKey: 'waits@acme.test' });
      expect(row).toMatchObject({ approvedAt: null, joinedAt: expect.any(Number) });
    });

    it('takes no address that is missing, none, or not verified', async () => {
      for (const [claims, reason] of [
        [{ email: undefined }, 'no-email'],
        [{ email: '' }, 'no-email'],
        [{ email: 'no address' }, 'no-email'],
        [{ email: ['a@acme.test'] }, 'no-email'],
        [{ email: 'a@acme.test\r\nb@acme.test' }, 'no-email'],
        [{ email_verified: false }, 'unverified-email'],
        [{ email_verified: undefined }, 'unverified-email'],
        [{ email_verified: 'false' }, 'unverified-email'],
        [{ email_verified: 1 }, 'unverified-email'],
      ] as const) {
        const outcome = await rig.arrive(provider, person('vera', claims));
        expect([claims, reasonOf(outcome)]).toEqual([claims, reason]);
      }
      // One source says the address, another that one was verified: that is not said of this address.
      provider.behaviour.userinfo = { sub: 'sub-vera', email: 'vera@acme.test', email_verified: true };
      const split = person('vera', { email: 'victim@acme.test', email_verified: undefined });
      expect(reasonOf(await rig.arrive(provider, split))).toBe('unverified-email');
    });

    it('binds an invited member, who keeps id, role and address', async () => {
      const { member, invitation } = await invite('ivan', 'auditor');
      const bound = memberOf(await rig.arrive(provider, person('ivan', { email: 'IVAN@acme.test' })));
      expect(bound).toMatchObject({ id: member.id, role: 'auditor', email: 'ivan@acme.test' });
      expect(await rig.api.store.get('invitation', org, invitation.id)).toMatchObject({
        status: 'accepted',
        acceptedBy: member.account,
      });
    });

    it('never binds a member who has joined, however they sign in', async () => {
      const member = await joined('jane');
      expect(reasonOf(await rig.arrive(provider, person('jane')))).toBe('address-taken');
      expect(await rig.api.store.find('identity', org, { account: member.account })).toEqual([]);
      // Nor one whose user name is the address.
      await joined('kim', { email: null });
      expect(reasonOf(await rig.arrive(provider, person('kim')))).toBe('address-taken');
    });

    it.each(['admin', 'it-admin'] as const)(
      'never binds an invited %s by the address alone',
      async (role) => {
        await invite(`boss-${role}`, role);
        expect(reasonOf(await rig.arrive(provider, person(`boss-${role}`)))).toBe('needs-invitation');
      },
    );

    it('binds no one by letters that only look like theirs, or that lower-casing makes theirs', async () => {
      await invite('kate');
      for (const email of [
        'K\u0041TE@acme.test'.replace('K', '\u212a'), // Kelvin sign
        'k\u0430te@acme.test', // Cyrillic a
        'kate@\u0430cme.test',
        'kate\u200b@acme.test',
        'kate@acme.test.',
        'kate@acme.test@evil.test',
        ' "kate@acme.test"@evil.test',
      ]) {
        const outcome = await rig.arrive(provider, person('mallory', { email }));
        expect([email, outcome.kind]).toEqual([email, 'refused']);
      }
      expect(reasonOf(await rig.arrive(provider, person('kate')))).toBe('verified');
    });

    it('binds nobody to an invitation that is too old and whose domain is not welcome', async () => {
      await set('allowed_email_domains', ['elsewhere.test']);
      const { invitation } = await invite('lara');
      await seed(rig.api.store, org, (tx) =>
        tx.update('invitation', org, invitation.id, { expiresAt: tx.now }),
      );
      const outcome = await rig.arrive(provider, person('lara'));
      await set('allowed_email_domains', []);
      expect(reasonOf(outcome)).toBe('invitation-gone');
    });

    it('lets the link of an invitation open any role, to the address that was invited alone', async () => {
      const { member, invitation } = await invite('adam', 'admin');
      const link = `${org}-${'a'.repeat(43)}`;
      const tokenHash = createHash('sha256').update('a'.repeat(43)).digest('hex');
      await seed(rig.api.store, org, (tx) => tx.update('invitation', org, invitation.id, { tokenHash }));
      const purpose = { kind: 'invitation', link } as const;
      const other = await rig.arrive(provider, person('mallory2'), { purpose });
      expect(reasonOf(other)).toBe('other-address');
      const bound = await rig.arrive(provider, person('adam'), { purpose });
      expect(memberOf(bound)).toMatchObject({ id: member.id, role: 'admin' });
      const late = await rig.arrive(provider, person('nina'), { purpose });
      expect(reasonOf(late)).toBe('invitation-gone');
    });

    it('is added to a member who is signed in, and to no second one', async () => {
      const owner = rig.api.owner;
      const purpose = { kind: 'link', membership: owner.id } as const;
      const linked = await rig.arrive(provider, person('root', { email: undefined }), { purpose });
      expect(memberOf(linked).id).toBe(owner.id);
      expect(memberOf(await rig.arrive(provider, person('root', { email: undefined }))).role).toBe('owner');
      const other = await joined('omar');
      const stolen = await rig.arrive(provider, person('root'), {
        purpose: { kind: 'link', membership: other.id },
      });
      expect(reasonOf(stolen)).toBe('other-person');
    });

    it('says of a provider whose page is no address that it cannot be used', async () => {
      const { organization } = await rig.api.createOrganization(`odd-${engine}`);
      const id = await rig.connect(organization.id, provider);
      for (const authorization_endpoint of ['no address', 'javascript:alert(1)', 'ftp://idp.test/']) {
        const protocols = { oauth2: { authorization_endpoint } };
        rig.api.clock.advance(1);
        await seed(rig.api.store, organization.id, (tx) =>
          tx.update('ssoConnection', organization.id, id, { protocols, updatedAt: tx.now }),
        );
        await expect(begin({ org: organization.id })).rejects.toMatchObject({ code: 'unavailable' });
      }
    });

    it('opens nothing for who is suspended', async () => {
      const member = memberOf(await rig.arrive(provider, person('pia')));
      await seed(rig.api.store, org, (tx) =>
        tx.update('membership', org, member.id, { suspendedAt: tx.now }),
      );
      expect(reasonOf(await rig.arrive(provider, person('pia')))).toBe('suspended');
    });
  });

  describe('groups', () => {
    const groupsOf = async ({ id }: Membership): Promise<string[]> => {
      const rows = await rig.api.store.find('groupMember', org, { membership: id });
      const groups = await rig.api.store.find('group', org, { id: rows.map(({ group }) => group) });
      return groups.map(({ name, kind, key }) => `${kind} ${name} ${key}`).sort();
    };

    it('follow what the provider says, and stay when it says nothing', async () => {
      const member = memberOf(await rig.arrive(provider, person('quin', { groups: ['Ops', 'Dev', 7, ''] })));
      expect(await groupsOf(member)).toEqual(['directory Dev dev', 'directory Ops ops']);
      await rig.arrive(provider, person('quin'));
      expect(await groupsOf(member)).toHaveLength(2);
      await rig.arrive(provider, person('quin', { groups: ['Dev'] }));
      expect(await groupsOf(member)).toEqual(['directory Dev dev']);
      await rig.arrive(provider, person('quin', { groups: [] }));
      expect(await groupsOf(member)).toEqual([]);
    });

    it('are not those put together by hand, and get no key that the policy names', async () => {
      await seed(rig.api.store, org, async (tx) => {
        await insertGroup(tx, org, { name: 'Root', key: 'root' });
        await insertPolicy(tx, org, {
          grants: [{ src: ['group:wheel@acme.test'], dst: ['*'], ip: ['*'] }],
        });
      });
      const member = memberOf(await rig.arrive(provider, person('rosa', { groups: ['Root', 'wheel'] })));
      expect(await groupsOf(member)).toEqual(['directory Root root-2', 'directory wheel wheel-2']);
    });

    it('are bounded', async () => {
      const groups = Array.from({ length: 300 }, (_, index) => `many-${index}`);
      const member = memberOf(
        await rig.arrive(provider, person('sara', { groups: [...groups, 'x'.repeat(300)] })),
      );
      expect(await groupsOf(member)).toHaveLength(100);
    });
  });

  describe('what is not believed', () => {
    const attempt = async (): Promise<string> => reasonOf(await rig.arrive(provider, person('tess')));

    it('is an id token that is unsigned, signed by somebody else, or with a shared secret', async () => {
      const other = await generateKeyPair('ES256', { extractable: true });
      const rsa = await generateKeyPair('RS256', { extractable: true });
      const secret = new TextEncoder().encode(provider.clientSecret);
      for (const forge of [
        (claims: Record<string, unknown>) => Promise.resolve(new UnsecuredJWT(claims).encode()),
        (claims: Record<string, unknown>) => provider.sign(claims, other.privateKey),
        (claims: Record<string, unknown>) => provider.sign(claims, rsa.privateKey, 'RS256'),
        (claims: Record<string, unknown>) => provider.sign(claims, secret as never, 'HS256'),
        async (claims: Record<string, unknown>) => `${(await provider.sign(claims)).slice(0, -4)}AAAA`,
        async (claims: Record<string, unknown>) => (await provider.sign(claims)).replace(/[^.]*$/, ''),
        () => Promise.resolve('x.y.z'),
      ]) {
        provider.behaviour.forge = forge;
        expect(await attempt()).toBe('untrusted');
      }
      provider.reset();
      expect(await attempt()).toBe('verified');
    });

    it.each([
      ['expired', { exp: 1_000 }],
      ['without an end', { exp: undefined }],
      ['for another client', { aud: 'another' }],
      ['for several clients, by none of them', { aud: ['holdfast', 'another'] }],
      ['for several, made for another', { aud: ['holdfast', 'another'], azp: 'another' }],
      ['of another issuer', { iss: 'https://evil.test' }],
      ['without an issuer', { iss: undefined }],
      ['of another sign-in', { nonce: 'another' }],
      ['without a nonce', { nonce: undefined }],
      ['without a subject', { sub: undefined }],
      ['with an empty subject', { sub: '' }],
      ['with a subject that is no text', { sub: 7 }],
      ['with a subject without end', { sub: 'x'.repeat(5_000) }],
      ['not valid yet', { nbf: Math.floor(Date.now() / 1000) + 3_600 }],
    ])('is an id token %s', async (_what, claims) => {
      provider.behaviour.claims = claims;
      expect(await attempt()).toBe('untrusted');
    });

    it('is a userinfo answer about somebody else', async () => {
      provider.behaviour.userinfo = { sub: 'sub-owner', email: 'owner@acme.test', email_verified: true };
      expect(reasonOf(await rig.arrive(provider, person('tilda', { email: undefined })))).toBe('untrusted');
    });

    it('is an answer that came to another browser, was altered, came too late or to another address', async () => {
      const back = provider.signIn(await begin(), person('ursa'));
      expect(reasonOf(await end(back, 'another browser'))).toBe('state');
      expect(reasonOf(await end(back, BROWSER, `${REDIRECT}x`))).toBe('state');
      const altered = new URL(back);
      const state = altered.searchParams.get('state') ?? '';
      for (const value of ['', 'x', state.slice(0, -2), `${state}A`, 'x'.repeat(9_000)]) {
        altered.searchParams.set('state', value);
        expect(reasonOf(await end(altered.href))).toBe('state');
      }
      rig.api.clock.advance(10 * 60_000);
      expect(reasonOf(await end(back))).toBe('state');
    });

    it('is a code of another sign-in, of the same browser', async () => {
      const mine = await begin();
      const other = new URL(provider.signIn(await begin(), person('mallory3')));
      const swapped = new URL(provider.signIn(mine, person('wanda')));
      swapped.searchParams.set('code', other.searchParams.get('code') ?? '');
      expect(reasonOf(await end(swapped.href))).toBe('untrusted');
    });

    it('is an answer that was given before, also where the provider does not mind', async () => {
      provider.behaviour.sloppy = true;
      const back = provider.signIn(await begin(), person('xara'));
      expect(reasonOf(await end(back))).toBe('verified');
      expect(reasonOf(await end(back))).toBe('used');
      provider.behaviour.sloppy = false;
      const once = provider.signIn(await begin(), person('xara'));
      expect(reasonOf(await end(once))).toBe('verified');
      expect(reasonOf(await end(once))).toBe('untrusted');
    });

    it('is an answer of another issuer than the one that was asked', async () => {
      const back = new URL(provider.signIn(await begin(), person('yara')));
      back.searchParams.set('iss', 'https://evil.test');
      expect(reasonOf(await end(back.href))).toBe('untrusted');
    });

    it('is a refusal of the provider, which is told as one', async () => {
      const back = new URL(provider.signIn(await begin(), person('zara')));
      back.searchParams.delete('code');
      back.searchParams.set('error', 'access_denied');
      back.searchParams.set('error_description', '<script>');
      expect(await end(back.href)).toMatchObject({
        reason: 'provider-refused',
        began: { returnTo: '/account' },
      });
    });
  });

  describe('several issuers', () => {
    let other: IdentityProvider;
    let globex: number;
    beforeAll(async () => {
      other = await createIdentityProvider('globex-client');
      globex = (await rig.api.createOrganization('globex')).organization.id;
      await rig.connect(globex, other);
    });
    afterAll(() => other.close());

    it('keep their people apart, also under one subject', async () => {
      const here = memberOf(await rig.arrive(provider, person('same')));
      const there = await rig.arrive(other, person('same', { email: 'same@globex.test' }), { org: globex });
      expect(memberOf(there)).toMatchObject({ org: globex });
      expect(memberOf(there).account).not.toBe(here.account);
    });

    it('do not mix: one organization’s state and another’s answer come to nothing', async () => {
      const theirs = new URL(other.signIn(await begin({ org: globex }), person('mix')));
      const ours = new URL(provider.signIn(await begin(), person('mix')));
      const swapped = new URL(ours);
      swapped.searchParams.set('code', theirs.searchParams.get('code') ?? '');
      expect(reasonOf(await end(swapped.href))).toBe('untrusted');
      swapped.searchParams.set('code', ours.searchParams.get('code') ?? '');
      swapped.searchParams.set('state', theirs.searchParams.get('state') ?? '');
      expect(reasonOf(await end(swapped.href))).toBe('untrusted');
    });

    it('may be two in one organization', async () => {
      const second = await rig.connect(org, other);
      expect(await rig.sso.connections(org)).toMatchObject([
        { name: new URL(provider.issuer).host },
        { id: second, name: new URL(other.issuer).host },
      ]);
      const url = await rig.sso.start({
        org,
        connection: second,
        browser: BROWSER,
        redirectUri: REDIRECT,
        purpose: { kind: 'sign-in' },
        returnTo: '',
      });
      const outcome = await end(other.signIn(url, person('second')));
      expect(memberOf(outcome).email).toBe('second@acme.test');
      await seed(rig.api.store, org, (tx) => tx.remove('ssoConnection', org, second));
      expect(await rig.sso.connections(org)).toHaveLength(1);
      const elsewhere = { org, connection: second, browser: BROWSER, redirectUri: REDIRECT, returnTo: '' };
      await expect(rig.sso.start({ ...elsewhere, purpose: { kind: 'sign-in' } })).rejects.toMatchObject({
        code: 'not_found',
      });
    });

    it('are forgotten with their connection, and carry nobody over to a new one', async () => {
      const third = await createIdentityProvider();
      const url = await begin({ org: globex });
      await seed(rig.api.store, globex, async (tx) => {
        const [row] = await tx.find('ssoConnection', globex, {});
        await tx.update('ssoConnection', globex, row!.id, {
          identifier: third.issuer,
          clientId: third.clientId,
          updatedAt: tx.now + 1,
        });
      });
      expect(reasonOf(await end(other.signIn(url, person('same'))))).toBe('gone');
      // Who has joined is not found by another issuer's word, though subject and address are the same.
      const again = await rig.arrive(third, person('same', { email: 'same@globex.test' }), { org: globex });
      expect(reasonOf(again)).toBe('address-taken');
      await third.close();
    });
  });
});
