import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keycardOperations } from '../../../src/api/keycard/index.ts';
import type { KeycardApiParts } from '../../../src/api/keycard/parts.ts';
import { createToken } from '../../../src/domain/credentials/token.ts';
import type { Role } from '../../../src/domain/model/people.ts';
import { sha256Hex } from '../../../src/kernel/hash.ts';
import { randomSecret } from '../../../src/kernel/random.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { insertServiceAccount, seed } from '../../support/seeds.ts';
import { createKeycardServer, signInAs } from './support.ts';

const ORG = '/organizations/acme';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u;
const NANO = /^[a-z0-9]{26}$/u;
type Item = Record<string, unknown> & { id: string };

describe.each(ENGINES)('Keycard writes on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  let other: TestOrganization;
  beforeAll(async () => {
    api = await createKeycardServer(engine);
    acme = api;
    other = await api.createOrganization('other');
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const call = async (method: string, path: string, body?: unknown, token: string | null = api.token) => {
    const answer = await api.call(method, path, { token, ...(body === undefined ? {} : { body }) });
    return {
      status: answer.status,
      headers: answer.headers,
      body: answer.text === '' ? undefined : answer.json<Item>(),
    };
  };
  const items = async (path: string) => {
    const { status, body } = await call('GET', path);
    expect(status).toBe(200);
    return (body as unknown as { items: Item[] }).items;
  };
  /** Moves with every write but marks of use, which are noted in the background. */
  const head = async () => (await api.store.auditHead(acme.organization.id)).auditSeq;

  describe('organizations', () => {
    test('are renamed, and keep their label', async () => {
      api.clock.advance(5_000);
      const renamed = await call('PATCH', ORG, { name: '  Acme Inc ' });
      expect([renamed.status, renamed.body]).toEqual([
        200,
        expect.objectContaining({
          name: 'Acme Inc',
          label: 'acme',
          created_at: new Date(acme.organization.createdAt).toISOString(),
          updated_at: new Date(api.clock.now()).toISOString(),
        }),
      ]);
      const before = await head();
      expect((await call('PATCH', ORG, {})).body).toMatchObject({ name: 'Acme Inc' });
      expect((await call('PATCH', ORG, { name: 'Acme Inc' })).status).toBe(200);
      expect(await head()).toBe(before);
    });
    test.each([
      [{ name: '' }],
      [{ name: null }],
      [{ name: 7 }],
      [{ name: '<b>x</b>' }],
      [{ name: 'x'.repeat(256) }],
    ])('refuse %j by name', async (body) => {
      expect(await call('PATCH', ORG, body)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', details: [{ field: 'name' }] },
      });
    });
    test.each([
      ['an API token', async () => api.token],
      [
        'a session that the organization’s own administrators can open',
        () => signInAs(api, api.owner, { everywhere: false }),
      ],
    ])('are not made with %s', async (_name, credential) => {
      expect(await call('POST', '/organizations', {}, await credential())).toMatchObject({
        status: 403,
        body: { code: 'forbidden' },
      });
    });
    test('are made by people who are signed in everywhere, who own them', async () => {
      const token = await signInAs(api, api.owner);
      const made = await call('POST', '/organizations', { name: 'Ünder Dog' }, token);
      expect([made.status, made.body]).toEqual([
        201,
        {
          id: expect.stringMatching(NANO),
          created_at: expect.stringMatching(TIME),
          label: 'under-dog',
          name: 'Ünder Dog',
          sso_enabled: false,
          updated_at: expect.stringMatching(TIME),
          zone_id: expect.stringMatching(NANO),
        },
      ]);
      expect((await call('POST', '/organizations', { name: 'under dog' }, token)).body?.label).toMatch(
        /^under-dog-[a-z0-9]{5}$/u,
      );
      expect((await call('POST', '/organizations', {}, token)).body).toMatchObject({
        name: 'My organization',
        label: 'my-organization',
      });
      const found = await api.store.organizationBy('label', 'under-dog');
      const [owner] = await api.store.find('membership', found?.id ?? 0, { role: 'owner' });
      expect(owner).toMatchObject({ account: api.owner.account, email: api.owner.email });
      for (const name of ['', '<x>', 7, null])
        expect((await call('POST', '/organizations', { name }, token)).status).toBe(400);
    });
  });

  describe('users', () => {
    const person = async (role: Role, name: string) => {
      const { member, token } = await api.createMember(acme, role, name);
      return { path: `${ORG}/users/${member.nano}`, member, token };
    };
    test('show when they were changed last, whatever was changed', async () => {
      const { path } = await person('member', 'dated');
      const updated = async () => (await call('GET', path)).body?.updated_at;
      const identity = async () => {
        const { body } = await call('GET', `${ORG}/identities?query[email]=dated@acme.test`);
        return (body as unknown as { items: { updated_at: string }[] }).items[0]?.updated_at;
      };
      for (const change of [
        { role: 'org_viewer' },
        { status: 'disabled' },
        { status: 'active' },
        { role: 'org_member' },
      ]) {
        api.clock.advance(1_000);
        const now = new Date(api.clock.now()).toISOString();
        expect((await call('PATCH', path, change)).body?.updated_at).toBe(now);
        api.clock.advance(1_000);
        // The same again is no change.
        expect((await call('PATCH', path, change)).body?.updated_at).toBe(now);
        expect([await updated(), await identity()]).toEqual([now, now]);
      }
    });
    test('get roles and states; nothing given changes nothing', async () => {
      const { path } = await person('member', 'anna');
      expect((await call('PATCH', path, { role: 'org_viewer' })).body).toMatchObject({
        role: 'org_viewer',
        status: 'active',
      });
      expect((await call('PATCH', path, { status: 'disabled' })).body).toMatchObject({
        role: 'org_viewer',
        status: 'disabled',
      });
      expect((await call('PATCH', path, { status: 'active', role: 'org_admin' })).body).toMatchObject({
        role: 'org_admin',
        status: 'active',
      });
      const before = await head();
      expect((await call('PATCH', path, {})).body).toMatchObject({ role: 'org_admin' });
      expect(await head()).toBe(before);
    });

    test.each([
      ['it-admin', 'org_admin'],
      ['billing-admin', 'org_viewer'],
      ['network-admin', 'org_viewer'],
      ['device-user', 'org_member'],
      ['access-reviewer', 'org_member'],
    ] as const)('keep the role %s when %s is written back', async (role, name) => {
      const { path, member } = await person(role, `same-${role}`);
      const before = await head();
      expect((await call('PATCH', path, { role: name, status: 'active' })).status).toBe(200);
      expect(await head()).toBe(before);
      expect((await api.store.get('membership', acme.organization.id, member.id))?.role).toBe(role);
    });

    test('who wait for approval are approved by active and stay as they are by disabled', async () => {
      const org = acme.organization.id;
      const { path, member } = await person('member', 'waiter');
      await seed(api.store, org, (tx) => tx.update('membership', org, member.id, { approvedAt: null }));
      expect((await call('PATCH', path, { status: 'disabled' })).body).toMatchObject({ status: 'disabled' });
      expect((await call('PATCH', path, { status: 'active' })).body).toMatchObject({ status: 'active' });
    });

    test.each([
      [{ role: null }, 'role'],
      [{ status: null }, 'status'],
      [{ role: 'owner' }, 'role'],
      [{ status: 'gone' }, 'status'],
      [[], 'body'],
    ])('refuse %j by name', async (body, field) => {
      const { path } = await person('member', `bad-${JSON.stringify(body).length}-${field}`);
      expect(await call('PATCH', path, body)).toMatchObject({ status: 400, body: { details: [{ field }] } });
    });

    test('the owner is the last administrator until he hands over: 409, not to be tried again', async () => {
      const path = `${ORG}/users/${api.owner.nano}`;
      const { token } = await person('admin', 'second-admin');
      for (const [method, body] of [
        ['PATCH', { role: 'org_member' }],
        ['PATCH', { status: 'disabled' }],
        ['DELETE', undefined],
      ] as const) {
        const answer = await call(method, path, body, token);
        expect(answer).toMatchObject({ status: 409, body: { code: 'last_admin', status: 409 } });
        expect(answer.headers['x-should-retry']).toBe('false');
      }
      expect((await call('PATCH', path, { role: 'org_admin', status: 'active' }, token)).status).toBe(200);
    });

    test('may step down or leave, being administrators, while the owner is there', async () => {
      const { path, token } = await person('admin', 'tired');
      expect((await call('PATCH', path, { role: 'org_viewer' }, token)).body).toMatchObject({
        role: 'org_viewer',
      });
      expect((await call('PATCH', path, { role: 'org_admin' }, token)).status).toBe(403);
      const leaving = await person('admin', 'leaving');
      expect((await call('DELETE', leaving.path, undefined, leaving.token)).status).toBe(204);
    });

    test('two administrators who demote each other at once leave the owner in charge, and exactly one owner', async () => {
      const [one, two] = [await person('admin', 'duel-1'), await person('admin', 'duel-2')];
      const [first, second] = await Promise.all([
        call('PATCH', two.path, { role: 'org_member' }, one.token),
        call('PATCH', one.path, { role: 'org_member' }, two.token),
      ]);
      expect([200, 403]).toContain(first.status);
      expect([200, 403]).toContain(second.status);
      const owners = await api.store.find('membership', acme.organization.id, { role: 'owner' });
      expect(owners).toMatchObject([{ suspendedAt: null }]);
    });

    test('change in role and state at once, or not at all', async () => {
      const { path, member, token } = await person('auditor', 'halved');
      const scoped = await api.createToken(acme, api.owner, ['users']);
      expect((await call('PATCH', path, { role: 'org_admin', status: 'disabled' }, scoped)).status).toBe(403);
      expect((await call('PATCH', path, { role: 'org_member', status: 'gone' })).status).toBe(400);
      const stored = () => api.store.get('membership', acme.organization.id, member.id);
      expect(await stored()).toEqual(member);
      expect((await call('PATCH', path, { role: 'org_member', status: 'disabled' })).status).toBe(200);
      expect(await stored()).toMatchObject({ role: 'member', suspendedAt: api.clock.now() });
      expect((await call('GET', ORG, undefined, token)).status).toBe(401);
    });

    test('are deleted, and then are not there', async () => {
      const { path, token } = await person('admin', 'leaver');
      expect(await call('DELETE', path)).toMatchObject({ status: 204, body: undefined });
      expect((await call('DELETE', path)).status).toBe(404);
      expect((await call('GET', '/organizations', undefined, token)).status).toBe(401);
    });

    test('are written by administrators alone', async () => {
      const { path } = await person('member', 'target');
      for (const role of ['network-admin', 'auditor', 'member'] as const) {
        const { token } = await person(role, `writer-${role}`);
        for (const method of ['PATCH', 'DELETE']) {
          expect(
            (await call(method, path, method === 'PATCH' ? { role: 'org_admin' } : undefined, token)).status,
          ).toBe(403);
        }
      }
    });
  });

  describe('invitations', () => {
    const invite = (email: string, role = 'org_viewer', token?: string) =>
      call('POST', `${ORG}/invitations`, { email, role }, token);
    test('are made, listed and taken back', async () => {
      const made = await invite('New@Acme.test');
      expect(made.status).toBe(201);
      expect(made.body).toEqual({
        id: expect.stringMatching(NANO),
        created_at: expect.stringMatching(TIME),
        created_by: api.owner.nano,
        email: 'New@Acme.test',
        expires_at: new Date(api.clock.now() + 7 * 86_400_000).toISOString(),
        organization_id: acme.organization.nano,
        role: 'org_viewer',
        status: 'pending',
        updated_at: expect.stringMatching(TIME),
      });
      expect(JSON.stringify(made.body)).not.toMatch(/token/u);
      expect(await items(`${ORG}/invitations`)).toEqual([made.body]);
      expect((await items(`${ORG}/invitations?expand=permissions`))[0]?.permissions).toEqual({
        invitations: { list: true, create: true, delete: true },
      });
      expect((await call('DELETE', `${ORG}/invitations/${made.body?.id}`)).status).toBe(204);
      expect((await call('DELETE', `${ORG}/invitations/${made.body?.id}`)).status).toBe(404);
      expect(await api.store.find('membership', acme.organization.id, { emailKey: 'new@acme.test' })).toEqual(
        [],
      );
      expect((await invite('new@acme.test')).status).toBe(201);
    });

    test('to an address that somebody has, or that is invited, are 409 and not to be tried again', async () => {
      await invite('twice@acme.test');
      for (const email of ['TWICE@acme.test', 'owner@acme.test']) {
        const answer = await invite(email);
        expect(answer).toMatchObject({ status: 409, body: { code: 'conflict' } });
        expect(answer.headers['x-should-retry']).toBe('false');
      }
    });

    test.each([
      [{ email: 'x@acme.test' }, 'role'],
      [{ role: 'org_admin' }, 'email'],
      [{ email: 'nobody', role: 'org_member' }, 'email'],
      [{ email: 'y@acme.test', role: 'owner' }, 'role'],
      [null, 'email'],
    ])('refuse %j by name', async (body, field) => {
      expect(await call('POST', `${ORG}/invitations`, body)).toMatchObject({
        status: 400,
        body: { details: [{ field }] },
      });
    });

    test('run out', async () => {
      const made = await invite('late@acme.test');
      api.clock.advance(8 * 86_400_000);
      const [found] = (await items(`${ORG}/invitations`)).filter(({ id }) => id === made.body?.id);
      expect(found).toMatchObject({ status: 'expired' });
    });

    describe('by their link', () => {
      const link = async (email: string, role = 'org_viewer') => {
        const made = await invite(email, role);
        expect(made.status, JSON.stringify(made.body)).toBe(201);
        const org = acme.organization.id;
        const [row] = await api.store.find('invitation', org, { nano: String(made.body?.id) });
        const secret = randomSecret(api.random, 43);
        await seed(api.store, org, (tx) =>
          tx.update('invitation', org, row?.id ?? 0, { tokenHash: sha256Hex(secret) }),
        );
        return { path: `/invitations/${org}-${secret}`, made: made.body as Item };
      };

      test('are shown to anybody who has it, and not used up by that', async () => {
        const { path, made } = await link('looker@acme.test');
        for (let turn = 0; turn < 2; turn += 1) {
          expect(await call('GET', path, undefined, null)).toMatchObject({
            status: 200,
            body: {
              created_by_name: 'owner@acme.test',
              email: 'looker@acme.test',
              expires_at: made.expires_at,
              organization_name: 'Acme Inc',
              role: 'org_viewer',
              status: 'pending',
            },
          });
        }
        for (const other of [
          'token',
          `${acme.organization.id}-${'x'.repeat(43)}`,
          `${path.slice(13)}x`,
          '%00',
          'a%2Fb',
        ])
          expect((await call('GET', `/invitations/${other}`, undefined, null)).status).toBe(404);
      });

      test('are accepted once, by the person of the address, signed in everywhere', async () => {
        const guest = await api.createOrganization('guest-home');
        const { path, made } = await link('owner@guest-home.test', 'org_admin');
        const stranger = await signInAs(api, other.owner);
        expect((await call('POST', `${path}/accept`, undefined, null)).status).toBe(401);
        expect((await call('POST', `${path}/accept`, undefined, guest.token)).status).toBe(403);
        const bound = await signInAs(api, guest.owner, { everywhere: false });
        expect((await call('POST', `${path}/accept`, undefined, bound)).status).toBe(403);
        expect((await call('POST', `${path}/accept`, undefined, stranger)).status).toBe(403);
        const token = await signInAs(api, guest.owner);
        const answers = await Promise.all([
          call('POST', `${path}/accept`, undefined, token),
          call('POST', `${path}/accept`, undefined, token),
        ]);
        const accepted = answers.find(({ status }) => status === 200)?.body;
        const others = answers.map(({ status }) => status).filter((status) => status !== 200);
        expect([[404], [409]]).toContainEqual(others);
        expect(accepted).toEqual({
          organization_id: acme.organization.nano,
          organization_name: 'Acme Inc',
          success: true,
          user_id: expect.stringMatching(NANO),
        });
        expect(answers.find(({ status }) => status === 409)?.headers['x-should-retry'] ?? 'false').toBe(
          'false',
        );
        expect((await call('GET', `${ORG}/users/${String(accepted?.user_id)}`)).body).toMatchObject({
          email: 'owner@guest-home.test',
          role: 'org_admin',
          status: 'active',
        });
        expect((await items(`${ORG}/invitations`)).find(({ id }) => id === made.id)).toMatchObject({
          status: 'accepted',
        });
        expect((await items(`${ORG}/identities?query[email]=guest-home`)).map(({ type }) => type)).toEqual([
          'user',
        ]);
        expect((await call('DELETE', `${ORG}/invitations/${made.id}`)).status).toBe(409);
        // The account that was kept for them is gone: one person, one account.
        const member = await api.store.find('membership', acme.organization.id, {
          account: guest.owner.account,
        });
        expect(member).toHaveLength(1);
      });

      test('that have run out say so, and are not accepted', async () => {
        const guest = await api.createOrganization('late-home');
        const { path } = await link('owner@late-home.test');
        api.clock.advance(8 * 86_400_000);
        const token = await signInAs(api, guest.owner);
        expect((await call('GET', path, undefined, null)).body).toMatchObject({ status: 'expired' });
        expect((await call('POST', `${path}/accept`, undefined, token)).status).toBe(409);
      });
    });

    test('are identities beside users, with counts, cursors and filters', async () => {
      const path = `${ORG}/identities`;
      const all = await items(path);
      const types = new Set(all.map(({ type }) => type));
      expect(types).toEqual(new Set(['user', 'invitation']));
      const { body } = await call('GET', `${path}?limit=2&expand=total_count&expand=permissions`);
      expect(body).toMatchObject({
        pagination: { total_count: all.length, before_cursor: null, after_cursor: expect.any(String) },
        permissions: { identities: { list: true } },
      });
      const owner = all.find(({ id }) => id === api.owner.nano);
      expect(owner).toEqual({
        id: api.owner.nano,
        created_at: expect.stringMatching(TIME),
        email: 'owner@acme.test',
        role: 'org_admin',
        source: expect.stringContaining('http'),
        status: 'active',
        type: 'user',
        updated_at: expect.stringMatching(TIME),
      });
      expect(all.find(({ email }) => email === 'late@acme.test')).toMatchObject({
        type: 'invitation',
        status: 'expired',
        id: expect.stringMatching(NANO),
      });
      expect((await items(`${path}?query%5Bemail%5D=LATE@`)).map(({ email }) => email)).toEqual([
        'late@acme.test',
      ]);
      expect((await items(`${path}?role=org_viewer`)).every(({ role }) => role === 'org_viewer')).toBe(true);
      const { body: none } = await call('GET', `${path}?query[email]=nobody-at-all`);
      expect(none).toMatchObject({ items: [], pagination: { after_cursor: null, before_cursor: null } });
    });

    test('by link show an address that nobody has, here and among the identities', async () => {
      const org = acme.organization.id;
      const row = await seed(api.store, org, (tx) => {
        const id = tx.newId();
        return tx.insert('invitation', {
          org,
          id,
          nano: `${id}`.padStart(26, 'l'),
          email: null,
          openKey: null,
          membership: null,
          role: 'auditor',
          groups: [],
          madeBy: 'tailscale',
          tokenHash: null,
          epoch: 1,
          tries: 0,
          status: 'pending',
          createdAt: tx.now,
          expiresAt: tx.now + 86_400_000,
          lastSentAt: null,
          acceptedBy: null,
          byKind: 'membership',
          byId: String(api.owner.id),
          byName: 'owner@acme.test',
        });
      });
      const email = `link-${row.id}@invite.invalid`;
      const shown = { id: row.nano, email, role: 'org_viewer', status: 'pending' };
      const path = `${ORG}/identities`;
      expect((await items(`${ORG}/invitations`)).find(({ id }) => id === row.nano)).toMatchObject(shown);
      const all = await items(path);
      expect(all.find(({ id }) => id === row.nano)).toMatchObject({ ...shown, type: 'invitation' });
      const { body } = await call('GET', `${path}?limit=1&expand=total_count`);
      expect(body).toMatchObject({ pagination: { total_count: all.length } });
      // Page by page, there and back.
      const forward: Item[] = [];
      const starts: string[] = [];
      for (let query = '?limit=2'; query !== ''; ) {
        const page = (await call('GET', `${path}${query}`)).body as unknown as {
          items: Item[];
          page_info: { start_cursor: string };
          pagination: { after_cursor: string | null };
        };
        forward.push(...page.items);
        starts.push(page.page_info.start_cursor);
        const next = page.pagination.after_cursor;
        query = next === null ? '' : `?limit=2&after=${next}`;
      }
      expect(forward).toEqual(all);
      expect(await items(`${path}?limit=2&before=${starts[1]}`)).toEqual(all.slice(0, 2));
      expect((await items(`${path}?role=org_viewer`)).map(({ id }) => id)).toContain(row.nano);
      expect((await items(`${path}?role=org_admin`)).map(({ id }) => id)).not.toContain(row.nano);
      expect((await items(`${path}?query[email]=acme`)).map(({ id }) => id)).not.toContain(row.nano);
      expect((await call('DELETE', `${ORG}/invitations/${row.nano}`)).status).toBe(204);
    });

    test('made by a service account name it', async () => {
      const account = await call('POST', `${ORG}/service-accounts`, { name: 'inviter' });
      const { body } = await call('POST', `${ORG}/service-accounts/${account.body?.id}/credentials`, {
        name: 'i',
      });
      const answer = await api.call('POST', '/service-account-token', {
        token: null,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: String(body?.client_id),
          client_secret: String(body?.client_secret),
        }).toString(),
      });
      const { access_token: token } = answer.json<{ access_token: string }>();
      const made = await invite('by-account@acme.test', 'org_viewer', token);
      expect([made.status, made.body?.created_by]).toEqual([201, account.body?.id]);
    });

    test('give no more power than the inviter has', async () => {
      const { token } = await api.createMember(acme, 'it-admin', 'inviter');
      expect((await invite('boss@acme.test', 'org_admin', token)).status).toBe(201);
      const scoped = await api.createToken(acme, api.owner, ['members']);
      expect((await invite('chief@acme.test', 'org_admin', scoped)).status).toBe(403);
    });
  });

  describe('service accounts', () => {
    const create = async (name: string) => {
      const made = await call('POST', `${ORG}/service-accounts`, { name, description: 'for tests' });
      expect(made.status).toBe(201);
      return made.body as Item;
    };
    const credentials = (id: string) => `${ORG}/service-accounts/${id}/credentials`;
    const form = (
      fields: Record<string, string>,
      headers: Record<string, string> = {},
      path = '/service-account-token',
    ) =>
      api.call('POST', path, {
        token: null,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams(fields).toString(),
      });

    test('are made, read, changed and deleted', async () => {
      const account = await create('terraform');
      expect(account).toEqual({
        id: expect.stringMatching(NANO),
        created_at: expect.stringMatching(TIME),
        name: 'terraform',
        updated_at: expect.stringMatching(TIME),
        description: 'for tests',
      });
      const path = `${ORG}/service-accounts/${account.id}`;
      expect((await call('GET', path)).body).toEqual(account);
      expect((await items(`${ORG}/service-accounts`)).map(({ id }) => id)).toContain(account.id);
      expect((await call('PATCH', path, { name: 'tf', description: null })).body).not.toHaveProperty(
        'description',
      );
      const before = await head();
      expect((await call('PATCH', path, {})).body).toMatchObject({ name: 'tf' });
      expect(await head()).toBe(before);
      expect((await call('GET', `${path}?expand=permissions`)).body?.permissions).toEqual({
        service_accounts: { list: true, create: true, read: true, update: true, delete: true },
      });
      expect((await call('DELETE', path)).status).toBe(204);
      expect((await call('GET', path)).status).toBe(404);
    });

    test('hold credentials: the secret is shown once, the last use when there was one', async () => {
      const account = await create('holder');
      const made = await call('POST', credentials(account.id), { name: 'ci' });
      expect(made.status).toBe(201);
      expect(made.body).toEqual({
        id: expect.stringMatching(NANO),
        client_id: expect.stringMatching(/^[A-Za-z0-9]{21}$/u),
        client_secret: expect.stringMatching(/^[A-Za-z0-9]{64}$/u),
        created_at: expect.stringMatching(TIME),
        name: 'ci',
      });
      const { client_secret, client_id, ...shown } = made.body as Item & {
        client_id: string;
        client_secret: string;
      };
      const path = `${credentials(account.id)}/${shown.id}`;
      expect((await call('GET', path)).body).toEqual({ ...shown, client_id });
      expect(JSON.stringify(await items(credentials(account.id)))).not.toContain(client_secret);
      expect((await form({ grant_type: 'client_credentials', client_id, client_secret })).status).toBe(200);
      await api.usage.flush();
      expect((await call('GET', path)).body?.last_used_at).toBe(new Date(api.clock.now()).toISOString());
      expect((await call('PATCH', path, { description: 'x' })).body).toMatchObject({
        description: 'x',
        name: 'ci',
      });
      expect((await call('DELETE', path)).status).toBe(204);
      expect((await call('GET', path)).status).toBe(404);
    });

    test('get tokens by header and by form, which administrate their organization until the credential goes', async () => {
      const account = await create('worker');
      const { body } = await call('POST', credentials(account.id), { name: 'w' });
      const { client_id, client_secret, id } = body as Item & { client_id: string; client_secret: string };
      const basic = {
        authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`,
      };
      const byHeader = await form({ grant_type: 'client_credentials' }, basic);
      const byForm = await form(
        { grant_type: 'client_credentials', client_id, client_secret },
        {},
        '//service-account-token',
      );
      for (const answer of [byHeader, byForm]) {
        expect([answer.status, answer.json(), answer.headers['cache-control']]).toEqual([
          200,
          { access_token: expect.any(String), token_type: 'Bearer', expires_in: 3_600 },
          'no-store',
        ]);
      }
      const token = byHeader.json<{ access_token: string }>().access_token;
      expect((await call('GET', '/organizations', undefined, token)).body).toMatchObject({
        items: [{ label: 'acme' }],
      });
      expect((await call('GET', `${ORG}/users`, undefined, token)).status).toBe(200);
      expect((await call('POST', '/organizations', {}, token)).status).toBe(403);
      expect((await call('GET', '/organizations/other', undefined, token)).status).toBe(404);
      const again = await call('POST', `${ORG}/token`, undefined, token);
      const second = String(again.body?.access_token);
      expect((await call('GET', `${ORG}/users`, undefined, second)).status).toBe(200);
      await call('DELETE', `${credentials(account.id)}/${id}`);
      for (const gone of [token, second])
        expect((await call('GET', `${ORG}/users`, undefined, gone)).status).toBe(401);
      expect((await form({ grant_type: 'client_credentials', client_id, client_secret })).status).toBe(401);
    });

    test('tokens run out after an hour', async () => {
      const account = await create('hourly');
      const { body } = await call('POST', credentials(account.id), { name: 'h' });
      const { client_id, client_secret } = body as Item & { client_id: string; client_secret: string };
      const token = (await form({ grant_type: 'client_credentials', client_id, client_secret })).json<{
        access_token: string;
      }>().access_token;
      expect((await call('GET', '/organizations', undefined, token)).status).toBe(200);
      api.clock.advance(3_600_000);
      expect((await call('GET', '/organizations', undefined, token)).status).toBe(401);
    });

    test.each([
      ['no grant', {}, 400, 'invalid_request'],
      ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
      ['no credentials', { grant_type: 'client_credentials' }, 401, 'invalid_client'],
      [
        'wrong ones',
        { grant_type: 'client_credentials', client_id: 'x', client_secret: 'y' },
        401,
        'invalid_client',
      ],
      [
        'empty ones',
        { grant_type: 'client_credentials', client_id: '', client_secret: '' },
        401,
        'invalid_client',
      ],
    ])('a token request with %s is refused', async (_name, fields, status, error) => {
      const answer = await form(fields);
      expect([answer.status, answer.json()]).toEqual([
        status,
        expect.objectContaining({ error, code: error, status, message: expect.any(String) }),
      ]);
    });

    test('a token request that is no form is refused, and an API token is no client id', async () => {
      expect(
        (
          await api.call('POST', '/service-account-token', {
            token: null,
            body: { grant_type: 'client_credentials' },
          })
        ).status,
      ).toBe(400);
      const [credential] = await api.store.find('credential', acme.organization.id, {
        kind: 'api',
        owner: api.owner.id,
      });
      const secret = api.token.split('-')[3] ?? '';
      expect(
        (
          await form({
            grant_type: 'client_credentials',
            client_id: credential?.publicId ?? '',
            client_secret: secret,
          })
        ).status,
      ).toBe(401);
    });

    test('of the network show here, hold credentials that open nothing, and their keys stay away', async () => {
      const org = acme.organization.id;
      const robot = await seed(api.store, org, (tx) => insertServiceAccount(tx, org, { name: 'robot' }));
      expect((await items(`${ORG}/service-accounts`)).map(({ id }) => id)).toContain(robot.nano);
      const { body } = await call('POST', credentials(robot.nano), { name: 'r' });
      const { client_id, client_secret } = body as Item & { client_id: string; client_secret: string };
      const token = (await form({ grant_type: 'client_credentials', client_id, client_secret })).json<{
        access_token: string;
      }>().access_token;
      expect((await call('GET', '/organizations', undefined, token)).status).toBe(200);
      for (const path of ['/users', '/invitations', '/service-accounts'])
        expect((await call('GET', `${ORG}${path}`, undefined, token)).status).toBe(403);
      expect((await call('PATCH', ORG, { name: 'x' }, token)).status).toBe(403);
    });

    test('keep their two kinds of credential apart: neither does what the other is for', async () => {
      const account = await create('two-kinds');
      const org = acme.organization.id;
      const [row] = await api.store.find('serviceAccount', org, { nano: account.id });
      const made = createToken(api.random, 'service-key', await api.store.newId());
      const { body } = await call('POST', credentials(account.id), { name: 'api' });
      const [held] = await api.store.find('credential', org, { nano: String(body?.id) });
      await seed(api.store, org, async (tx) => {
        const id = tx.newId();
        const { kind, publicId, secretHash } = made;
        await tx.insert('credential', {
          ...(held as NonNullable<typeof held>),
          id,
          nano: null,
          kind,
          publicId,
          secretHash,
          owner: row?.id ?? 0,
        });
      });
      // A key for the network: no client secret, no bearer, and not among these.
      const secret = made.token.split('-').at(-1) ?? '';
      for (const client_secret of [secret, made.token]) {
        const fields = { grant_type: 'client_credentials', client_id: made.publicId, client_secret };
        expect((await form(fields)).status).toBe(401);
      }
      expect((await call('GET', ORG, undefined, made.token)).status).toBe(401);
      expect(await items(credentials(account.id))).toHaveLength(1);
      // And the other: a client secret is no bearer, and nothing that a device could show.
      const { client_id, client_secret } = body as Item & { client_id: string; client_secret: string };
      for (const token of [client_secret, client_id, `tskey-sa-${client_id}-${client_secret}`])
        expect([401, 403]).toContain((await call('GET', ORG, undefined, token)).status);
    });

    test('the account behind OAuth clients is nobody here', async () => {
      const org = acme.organization.id;
      const [system] = await api.store.find('serviceAccount', org, { system: true });
      expect((await items(`${ORG}/service-accounts`)).map(({ id }) => id)).not.toContain(system?.nano);
      expect((await call('DELETE', `${ORG}/service-accounts/${system?.nano}`)).status).toBe(404);
    });

    test('paths of another account or organization lead nowhere', async () => {
      const [one, two] = [await create('one'), await create('two')];
      const { body } = await call('POST', credentials(one.id), { name: 'c' });
      expect((await call('GET', `${credentials(two.id)}/${body?.id}`)).status).toBe(404);
      for (const [method, path] of [
        ['GET', `/service-accounts/${one.id}`],
        ['DELETE', `/service-accounts/${one.id}`],
        ['POST', `/service-accounts/${one.id}/credentials`],
        ['DELETE', `/service-accounts/${one.id}/credentials/${body?.id}`],
      ] as const) {
        const answer = await call(
          method,
          `/organizations/other${path}`,
          method === 'POST' ? { name: 'x' } : undefined,
          other.token,
        );
        expect(answer.status).toBe(404);
      }
      expect((await call('GET', `/service-accounts/${one.id}`)).status).toBe(404);
    });

    test('tokens are exchanged by people for tokens with the same power, and fall with their own', async () => {
      const { member, token } = await api.createMember(acme, 'auditor', 'exchanger');
      const exchanged = String((await call('POST', `${ORG}/token`, undefined, token)).body?.access_token);
      expect((await call('GET', `${ORG}/users`, undefined, exchanged)).status).toBe(200);
      expect((await call('PATCH', ORG, { name: 'x' }, exchanged)).status).toBe(403);
      expect((await call('POST', '/organizations/other/token', undefined, token)).status).toBe(404);
      const org = acme.organization.id;
      await seed(api.store, org, (tx) => tx.update('membership', org, member.id, { suspendedAt: tx.now }));
      expect((await call('GET', `${ORG}/users`, undefined, exchanged)).status).toBe(401);
    });
  });

  describe('every operation', () => {
    const operations = keycardOperations({ services: {}, clock: {} } as unknown as KeycardApiParts);
    const fill = (path: string, organization: string) =>
      path.replace(':organizationId', organization).replace(/:[A-Za-z]+/gu, 'x'.repeat(26));
    test.each(operations.map(({ id, method, path }) => [id, method, path] as const))(
      '%s declares what it requires, and finds nothing in another organization',
      async (id, method, path) => {
        const operation = operations.find((one) => one.id === id && one.path === path);
        expect(operation?.requires).toBeTruthy();
        if (operation?.requires === 'public' || path.startsWith('/invitations/')) return;
        expect((await call(method, fill(path, 'acme'), undefined, null)).status).toBe(401);
        if (path.includes(':organizationId')) {
          for (const name of ['other', other.organization.nano]) {
            expect(
              (
                await call(
                  method,
                  fill(path, name),
                  ['POST', 'PATCH'].includes(method)
                    ? { name: 'x', email: 'a@b.test', role: 'org_member' }
                    : undefined,
                )
              ).status,
            ).toBe(404);
          }
        }
      },
    );
  });
});
