import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { type Call, callOf, error, responseOf, type Wire } from './calls.ts';
import { createNetmakerServer } from './support.ts';

describe.each(ENGINES)('Netmaker server settings on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  let other: TestOrganization;
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    other = await api.createOrganization('other');
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const read = (token?: string) => responseOf(call('GET', '/api/server/settings', undefined, token));
  const write = (body: unknown, token?: string) => call('PUT', '/api/server/settings', body, token);
  const head = async () => (await api.store.auditHead(api.organization.id)).auditSeq;

  test('what was read is written back without a change', async () => {
    const shown = await read();
    const before = await head();
    expect(await write({ ...shown, unheard_of: 1 })).toEqual({
      status: 200,
      body: { Code: 200, Message: 'updated server settings successfully', Response: shown },
    });
    // Lists that are empty are null to programs in Go.
    expect((await write({ ...shown, user_filters: null, group_filters: null })).status).toBe(200);
    expect(await head()).toBe(before);
  });

  test('sign-in, its length and who may come are the organization’s, and of no other', async () => {
    const theirs = await read(other.token);
    const wanted = {
      basic_auth: true,
      mfa_enforced: true,
      jwt_validity_duration: 60,
      jwt_validity_duration_clients: 60,
      allowed_email_domains: 'acme.test,Example.com ',
    };
    expect(await responseOf(write({ ...(await read()), ...wanted }))).toMatchObject({
      ...wanted,
      allowed_email_domains: 'acme.test,example.com',
    });
    const rows = await api.store.find('setting', api.organization.id, {});
    expect(Object.fromEntries(rows.map(({ name, value }) => [name, value]))).toMatchObject({
      mfa_enforced: true,
      session_minutes: 60,
      allowed_email_domains: ['acme.test', 'example.com'],
    });
    expect(await responseOf(write({ mfa_enforced: false, jwt_validity_duration_clients: 90 }))).toMatchObject(
      {
        mfa_enforced: false,
        jwt_validity_duration: 90,
        allowed_email_domains: 'acme.test,example.com',
      },
    );
    expect(await read(other.token)).toEqual(theirs);
  });

  test.each([
    [{ jwt_validity_duration: 4 }, /jwt_validity_duration/u],
    [{ jwt_validity_duration: 1_000_000 }, /jwt_validity_duration/u],
    [{ jwt_validity_duration: 30, jwt_validity_duration_clients: 40 }, /jwt_validity_duration_clients/u],
    [{ mfa_enforced: 'yes' }, /mfa_enforced/u],
    [{ allowed_email_domains: ['acme.test'] }, /allowed_email_domains/u],
    [{ mfa_enforced: true, smtp_host: 'mail.example.com' }, /smtp_host cannot be changed here/u],
    [{ manage_dns: true }, /manage_dns cannot be changed here/u],
    [{ client_secret: 'x' }, /client_secret cannot be changed here/u],
    ['settings', /./u],
  ])('%j is refused, and nothing is written', async (body, message) => {
    const before = await head();
    expect(await write(body)).toEqual(error(400, expect.stringMatching(message)));
    expect(await head()).toBe(before);
  });

  test('are administrators’ to write', async () => {
    for (const role of ['auditor', 'member', 'device-user'] as const) {
      const { token } = await api.createMember(api, role, role);
      const before: Wire = await read();
      expect((await write({ mfa_enforced: true }, token)).status).toBe(403);
      expect(await read()).toEqual(before);
    }
    const { token } = await api.createMember(api, 'admin', 'admin');
    expect((await write({ mfa_enforced: false }, token)).status).toBe(200);
  });
});
