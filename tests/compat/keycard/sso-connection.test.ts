import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { IdentityKind } from '../../../src/domain/model/people.ts';
import {
  ssoClientSecret,
  ssoConnectionOf,
} from '../../../src/domain/sso-connections/sso-connection-service.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';
import { createKeycardServer } from './support.ts';

const PATH = '/organizations/acme/sso-connection';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u;
const NANO = /^[a-z0-9]{26}$/u;
const ISSUER = 'https://idp.acme.test/Tenant/';
const OAUTH2 = {
  authorization_endpoint: 'https://idp.acme.test/authorize',
  code_challenge_methods_supported: ['S256'],
  jwks_uri: 'https://idp.acme.test/keys',
  registration_endpoint: 'https://idp.acme.test/register',
  scopes_supported: ['openid', 'email'],
  token_endpoint: 'https://idp.acme.test/token',
};
const OPENID = { userinfo_endpoint: 'https://idp.acme.test/userinfo' };

describe.each(ENGINES)('The SSO connection on %s', (engine) => {
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
  const send = async (method: string, body?: unknown, token = api.token, path = PATH) => {
    const answer = await api.call(method, path, { token, ...(body === undefined ? {} : { body }) });
    return {
      status: answer.status,
      headers: answer.headers,
      text: answer.text,
      body: answer.text === '' ? undefined : answer.json(),
    };
  };
  const enable = (body: object = {}) => send('POST', { identifier: ISSUER, client_id: 'app', ...body });
  /** Moves with every write but marks of use, which are noted in the background. */
  const head = async () => (await api.store.auditHead(acme.organization.id)).auditSeq;
  const identities: number[] = [];
  const giveIdentity = (account: number, kind: IdentityKind, org: number, issuer: string) =>
    seed(api.store, acme.organization.id, async (tx) => {
      const id = tx.newId();
      identities.push(id);
      await tx.insert('identity', {
        org,
        id,
        account,
        kind,
        issuer,
        subject: String(id),
        email: null,
        emailVerified: true,
        secretHash: null,
        sealed: null,
        data: {},
        createdAt: tx.now,
        lastUsed: null,
      });
    });
  afterEach(async () => {
    await seed(api.store, acme.organization.id, async (tx) => {
      for (const id of identities.splice(0)) {
        for (const org of [0, acme.organization.id]) await tx.remove('identity', org, id);
      }
    });
    expect([204, 404]).toContain((await send('DELETE')).status);
  });

  test('is not there at first: 404 for reading, changing and disabling', async () => {
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', {}],
      ['DELETE', undefined],
    ] as const) {
      expect(await send(method, body)).toMatchObject({
        status: 404,
        body: { code: 'not_found', status: 404 },
      });
    }
  });

  test('is enabled with 201, asking nothing of the provider, and reads as it was set', async () => {
    const made = await enable({ client_secret: 'hush hush', protocols: { oauth2: OAUTH2, openid: OPENID } });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      id: expect.stringMatching(NANO),
      client_id: 'app',
      client_secret_set: true,
      created_at: expect.stringMatching(TIME),
      identifier: ISSUER,
      protocols: { oauth2: OAUTH2, openid: OPENID },
      updated_at: expect.stringMatching(TIME),
    });
    expect((await send('GET')).body).toEqual(made.body);
    expect((await send('GET', undefined, api.token, '/organizations/acme')).body).toMatchObject({
      sso_enabled: true,
    });
    expect((await send('GET', undefined, api.token, `${PATH}?expand=permissions`)).body?.permissions).toEqual(
      {
        sso_connection: { read: true, create: true, update: true, delete: true },
      },
    );
    expect((await send('DELETE')).status).toBe(204);
    expect((await send('GET', undefined, api.token, '/organizations/acme')).body).toMatchObject({
      sso_enabled: false,
    });
    expect((await send('DELETE')).status).toBe(404);
  });

  test('takes any text as identifier, and shows null where nothing was set', async () => {
    expect((await enable({ identifier: 'x' })).body).toMatchObject({
      identifier: 'x',
      client_secret_set: false,
      protocols: null,
    });
  });

  test('a second one is 409, not to be tried again', async () => {
    await enable();
    const answer = await enable({ identifier: 'y' });
    expect(answer).toMatchObject({ status: 409, body: { code: 'sso_already_enabled', status: 409 } });
    expect(answer.headers['x-should-retry']).toBe('false');
    expect((await send('GET')).body).toMatchObject({ identifier: ISSUER });
  });

  test('keeps the secret sealed, in no answer and in no audit event', async () => {
    const secret = 'a secret that is nowhere';
    const answers = [
      await enable({ client_secret: secret }),
      await send('PATCH', { client_secret: `${secret}!`, client_id: 'other' }),
      await send('GET'),
    ];
    for (const { text } of answers) expect(text).not.toContain(secret);
    const { id: org } = acme.organization;
    const connection = await ssoConnectionOf(api.store, org);
    expect(JSON.stringify(connection)).not.toContain(secret);
    const events = await api.store.auditEvents(org, { afterSeq: 0, limit: 10_000 });
    expect(JSON.stringify(events)).not.toContain(secret);
    expect(events.at(-1)).toMatchObject({ verb: 'update', objectKind: 'ssoConnection' });
    expect(connection && ssoClientSecret(api.sealer, connection)).toBe(`${secret}!`);
  });

  describe('changes', () => {
    // From the state with everything set: what is sent, and what is then read.
    const SECRET = { client_secret: 's' };
    const whole = {
      client_id: 'app',
      client_secret_set: true,
      protocols: { oauth2: OAUTH2, openid: OPENID },
    };
    const { jwks_uri: _gone, ...withoutKeys } = OAUTH2;
    test.each([
      ['nothing', {}, {}],
      [
        'another identifier',
        { identifier: 'https://IDP.test', ...SECRET },
        { identifier: 'https://IDP.test' },
      ],
      ['no client id', { client_id: null }, { client_id: null }],
      ['no secret', { client_secret: null }, { client_secret_set: false }],
      ['no protocols', { protocols: null, ...SECRET }, { protocols: null }],
      ['no oauth2', { protocols: { oauth2: null }, ...SECRET }, { protocols: { openid: OPENID } }],
      ['no openid', { protocols: { openid: null } }, { protocols: { oauth2: OAUTH2 } }],
      [
        'no keys',
        { protocols: { oauth2: { jwks_uri: null } } },
        { protocols: { oauth2: withoutKeys, openid: OPENID } },
      ],
      [
        'a claim',
        { protocols: { openid: { external_id_claim: 'oid' } } },
        { protocols: { oauth2: OAUTH2, openid: { ...OPENID, external_id_claim: 'oid' } } },
      ],
      ['empty parts', { protocols: { oauth2: {}, openid: {} } }, {}],
      [
        'other scopes',
        { protocols: { oauth2: { scopes_supported: [] } } },
        { protocols: { oauth2: { ...OAUTH2, scopes_supported: [] }, openid: OPENID } },
      ],
    ])('of %s change that and nothing else', async (_name, patch, expected) => {
      const made = await enable({ client_secret: 's', protocols: { oauth2: OAUTH2, openid: OPENID } });
      api.clock.advance(1_000);
      const before = await head();
      const changed = await send('PATCH', patch);
      expect(changed.status).toBe(200);
      const isChange = Object.keys(expected).length > 0;
      expect(changed.body).toEqual({
        ...made.body,
        ...whole,
        ...expected,
        updated_at: isChange ? new Date(api.clock.now()).toISOString() : made.body?.updated_at,
      });
      expect((await head()) !== before).toBe(isChange);
      expect((await send('GET')).body).toEqual(changed.body);
    });

    test.each([
      ['identifier', { identifier: 'https://elsewhere.test' }],
      ['token endpoint', { protocols: { oauth2: { token_endpoint: 'https://elsewhere.test/token' } } }],
      ['no token endpoint', { protocols: { oauth2: { token_endpoint: null } } }],
      ['no endpoints', { protocols: null }],
    ])('of where the secret goes (%s) ask for the secret again', async (_name, patch) => {
      await enable({ client_secret: 's', protocols: { oauth2: OAUTH2 } });
      const before = await head();
      expect(await send('PATCH', patch)).toMatchObject({
        status: 400,
        body: { details: [{ field: 'client_secret' }] },
      });
      expect(await head()).toBe(before);
      // Who does not have it may go without.
      expect((await send('PATCH', { ...patch, client_secret: null })).body).toMatchObject({
        client_secret_set: false,
      });
      expect((await send('PATCH', { protocols: { oauth2: OAUTH2 } })).status).toBe(200);
    });

    test('to the secret that it has change nothing', async () => {
      await enable({ client_secret: 's' });
      const before = await head();
      expect((await send('PATCH', { client_secret: 's' })).status).toBe(200);
      expect(await head()).toBe(before);
    });
  });

  const BAD: readonly (readonly [object, string])[] = [
    [{ identifier: '' }, 'identifier'],
    [{ identifier: null }, 'identifier'],
    [{ identifier: 'x'.repeat(2_049) }, 'identifier'],
    [{ client_id: '' }, 'client_id'],
    [{ client_id: 7 }, 'client_id'],
    [{ client_secret: '' }, 'client_secret'],
    [{ protocols: 'x' }, 'protocols'],
    [{ protocols: { oauth2: [] } }, 'protocols.oauth2'],
    [{ protocols: { oauth2: { jwks_uri: 'no uri' } } }, 'protocols.oauth2.jwks_uri'],
    [{ protocols: { oauth2: { token_endpoint: ['https://x.test'] } } }, 'protocols.oauth2.token_endpoint'],
    [{ protocols: { oauth2: { scopes_supported: 'openid' } } }, 'protocols.oauth2.scopes_supported'],
    [{ protocols: { oauth2: { scopes_supported: [''] } } }, 'protocols.oauth2.scopes_supported'],
    [{ protocols: { openid: { external_id_claim: '' } } }, 'protocols.openid.external_id_claim'],
  ];
  test.each(BAD)('%j is refused by name, and leaves nothing behind', async (body, field) => {
    const before = await head();
    const refused = { status: 400, body: { code: 'invalid_request', details: [{ field }] } };
    expect(await enable(body)).toMatchObject(refused);
    expect(await head()).toBe(before);
    await enable();
    const enabled = await head();
    expect(await send('PATCH', body)).toMatchObject(refused);
    expect(await head()).toBe(enabled);
  });
  test.each([['identifier'], ['client_id']])('without %s there is none', async (field) => {
    const body = { identifier: ISSUER, client_id: 'app', [field]: undefined };
    expect(await send('POST', body)).toMatchObject({ status: 400, body: { details: [{ field }] } });
  });

  describe('and the owner', () => {
    test('who signs in by it alone cannot be locked out by disabling it or naming another issuer', async () => {
      await enable();
      await giveIdentity(api.owner.account, 'sso', acme.organization.id, ISSUER);
      for (const answer of [await send('DELETE'), await send('PATCH', { identifier: 'https://new.test' })]) {
        expect(answer).toMatchObject({ status: 409, body: { code: 'conflict' } });
        expect(answer.headers['x-should-retry']).toBe('false');
      }
      expect((await send('PATCH', { client_id: 'z' })).status).toBe(200);
      await giveIdentity(api.owner.account, 'totp', acme.organization.id, 'totp');
      expect((await send('DELETE')).status).toBe(409);
    });
    test.each([
      ['a password there', 'password', true],
      ['a passkey that is good everywhere', 'passkey', false],
    ] as const)('who has %s as well still gets in', async (_name, kind, own) => {
      await enable();
      await giveIdentity(api.owner.account, 'sso', acme.organization.id, ISSUER);
      await giveIdentity(api.owner.account, kind, own ? acme.organization.id : 0, kind);
      expect((await send('DELETE')).status).toBe(204);
    });
  });

  describe('and those who have more power than whoever changes it', () => {
    test('their provider’s endpoints are theirs to set', async () => {
      const itAdmin = await api.createMember(acme, 'it-admin', 'meddler');
      await enable();
      await giveIdentity(api.owner.account, 'sso', acme.organization.id, ISSUER);
      await giveIdentity(api.owner.account, 'password', acme.organization.id, 'password');
      const keys = { protocols: { oauth2: { jwks_uri: 'https://evil.test/keys' } } };
      expect((await send('PATCH', keys, itAdmin.token)).status).toBe(403);
      // By way of another issuer and back.
      expect((await send('PATCH', { ...keys, identifier: 'https://evil.test' }, itAdmin.token)).status).toBe(
        200,
      );
      expect((await send('PATCH', { identifier: ISSUER }, itAdmin.token)).status).toBe(403);
      // By making it anew.
      expect((await send('DELETE', undefined, itAdmin.token)).status).toBe(204);
      expect(
        (await send('POST', { identifier: ISSUER, client_id: 'x', ...keys }, itAdmin.token)).status,
      ).toBe(403);
      expect((await send('POST', { identifier: ISSUER, client_id: 'x' }, itAdmin.token)).status).toBe(201);
      expect((await send('PATCH', keys)).status).toBe(200);
    });

    test('vouch for endpoints that others set by naming them again', async () => {
      const vouched = async (): Promise<unknown> =>
        (await api.store.find('ssoConnection', acme.organization.id, {}))[0]?.vouchedRoles;
      const itAdmin = await api.createMember(acme, 'it-admin', 'setter');
      const keys = { protocols: { oauth2: { jwks_uri: 'https://idp.test/keys' } } };
      await enable();
      expect(await vouched()).toBeNull();
      await send('PATCH', keys, itAdmin.token);
      expect(await vouched()).toEqual(['admin', 'it-admin']);
      // What they say of anything else is no word for the endpoints.
      await send('PATCH', { client_id: 'other', protocols: { oauth2: { scopes_supported: ['openid'] } } });
      expect(await vouched()).toEqual(['admin', 'it-admin']);
      await send('PATCH', keys);
      expect(await vouched()).toEqual(['owner', 'admin', 'it-admin']);
      await send('PATCH', { protocols: null }, itAdmin.token);
      expect(await vouched()).toBeNull();
    });
  });

  test.each([
    ['auditor', 200, 403],
    ['network-admin', 200, 403],
    ['member', 403, 403],
    ['it-admin', 200, 200],
  ] as const)('role %s reads it with %i and changes it with %i', async (role, read, write) => {
    await enable();
    const { token } = await api.createMember(acme, role, `sso-${role}`);
    expect((await send('GET', undefined, token)).status).toBe(read);
    expect((await send('PATCH', { client_id: 'new' }, token)).status).toBe(write);
    if (write === 403) {
      expect((await send('DELETE', undefined, token)).status).toBe(403);
      expect((await send('POST', { identifier: 'x', client_id: 'y' }, token)).status).toBe(403);
    }
  });

  test('is nobody else’s', async () => {
    await enable();
    expect((await send('GET', undefined, other.token)).status).toBe(404);
    expect((await send('GET', undefined, other.token, '/organizations/other/sso-connection')).status).toBe(
      404,
    );
    expect((await send('DELETE', undefined, other.token)).status).toBe(404);
    expect((await send('GET')).status).toBe(200);
  });
});
