// The settings of an organization under their own names.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNativeApi } from '../../src/api/native/index.ts';
import { settingsOperations } from '../../src/api/native/settings.ts';
import { createSettingsService } from '../../src/domain/settings/settings-service.ts';
import { type ApiServer, createApiServer, ENGINES, type TestOrganization } from '../support/api-server.ts';

const PATH = '/app/api/settings';

describe.each(ENGINES)('settings on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  beforeAll(async () => {
    api = await createApiServer(engine, ({ store, authenticator, onError }) => [
      createNativeApi({
        operations: settingsOperations(createSettingsService({ store })),
        authenticate: authenticator.authenticate,
        onClose: () => undefined,
        onDefect: onError,
      }),
    ]);
    acme = api;
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  it('are read and changed by whoever may, in their own organization', async () => {
    const globex = await api.createOrganization('globex');
    expect((await api.call('GET', PATH)).json()).toMatchObject({
      password_login: true,
      mfa_enforced: false,
      session_minutes: 720,
      allowed_email_domains: [],
    });
    const body = { password_login: false, allowed_email_domains: ['acme.test'], session_minutes: 60 };
    const changed = await api.call('PATCH', PATH, { body });
    expect(changed.status).toBe(200);
    expect(changed.json()).toMatchObject(body);
    const theirs = await api.call('GET', PATH, { token: globex.token });
    expect(theirs.json()).toMatchObject({ password_login: true, session_minutes: 720 });
    const events = await api.store.auditEvents(api.organization.id, { afterSeq: 0, limit: 1_000 });
    expect(events.filter(({ objectKind }) => objectKind === 'setting').map(({ field }) => field)).toEqual([
      'password_login',
      'allowed_email_domains',
      'session_minutes',
    ]);
  });

  it('are refused whole when one of them is wrong, with its name', async () => {
    const before = (await api.call('GET', PATH)).text;
    for (const [body, field] of [
      [{ mfa_enforced: true, session_minutes: 0 }, 'session_minutes'],
      [{ mfa_enforced: true, session_minutes: '60' }, 'session_minutes'],
      [{ mfa_enforced: true, no_such_thing: 1 }, 'no_such_thing'],
      [{ mfa_enforced: true, constructor: 1 }, 'constructor'],
      [{ mfa_enforced: true, allowed_email_domains: 'acme.test' }, 'allowed_email_domains'],
      [{ mfa_enforced: true, allowed_email_domains: [1] }, 'allowed_email_domains'],
      [[], 'body'],
      ['"x"', 'body'],
    ] as const) {
      const headers = { 'content-type': 'application/json' };
      const answer = await api.call('PATCH', PATH, { body, headers });
      expect([answer.status, answer.json().field]).toEqual([400, field]);
    }
    expect((await api.call('GET', PATH)).text).toBe(before);
  });

  it('are nobody’s to change who may not', async () => {
    expect((await api.call('PATCH', PATH, { token: null, body: {} })).status).toBe(401);
    for (const role of ['member', 'auditor', 'support', 'billing-admin'] as const) {
      const { token } = await api.createMember(acme, role);
      const answer = await api.call('PATCH', PATH, { token, body: { password_login: true } });
      expect([role, answer.status]).toEqual([role, 403]);
    }
    const { token } = await api.createMember(acme, 'network-admin');
    const answer = await api.call('PATCH', PATH, {
      token,
      body: { magic_dns_needs_nameserver: true, mfa_enforced: true },
    });
    expect(answer.status).toBe(403);
    expect((await api.call('GET', PATH)).json()).toMatchObject({ magic_dns_needs_nameserver: false });
  });
});
