import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

const DEFAULTS = {
  aclsExternallyManagedOn: false,
  aclsExternalLink: '',
  devicesApprovalOn: false,
  devicesAutoUpdatesOn: false,
  devicesKeyDurationDays: 180,
  usersApprovalOn: false,
  usersRoleAllowedToJoinExternalTailnets: 'admin',
  networkFlowLoggingOn: false,
  regionalRoutingOn: false,
  routeSelection: 'active-passive-failover',
  postureIdentityCollectionOn: false,
  httpsEnabled: false,
};

describe.each(ENGINES)('settings and contacts over the REST API on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  const SETTINGS = '/api/v2/tailnet/-/settings';
  const CONTACTS = '/api/v2/tailnet/-/contacts';
  const get = async (path: string, token = api.token) => (await api.call('GET', path, { token })).json();
  const patch = async (path: string, body: unknown, token = api.token) => {
    const answer = await api.call('PATCH', path, { body, token });
    return [answer.status, answer.json()] as const;
  };

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    acme = api;
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('every setting is read, changed one by one, and left alone by null', async () => {
    expect(await get(SETTINGS)).toEqual(DEFAULTS);
    const changed = {
      aclsExternallyManagedOn: true,
      aclsExternalLink: 'https://git.test/policy',
      devicesApprovalOn: true,
      devicesAutoUpdatesOn: true,
      devicesKeyDurationDays: 5,
      usersApprovalOn: true,
      usersRoleAllowedToJoinExternalTailnets: 'member',
      networkFlowLoggingOn: true,
      regionalRoutingOn: true,
      postureIdentityCollectionOn: true,
      httpsEnabled: true,
    };
    let expected: object = DEFAULTS;
    for (const [name, value] of Object.entries(changed)) {
      expected = { ...expected, [name]: value };
      const body = { aclsExternallyManagedOn: null, aclsExternalLink: null, [name]: value };
      if (name === 'regionalRoutingOn') expected = { ...expected, routeSelection: 'regional-routing' };
      expect(await patch(SETTINGS, body)).toEqual([200, expected]);
    }
    expect(await get(SETTINGS)).toEqual({ ...changed, routeSelection: 'regional-routing' });
  });

  test.each([
    [{ devicesKeyDurationDays: 0 }, /^devicesKeyDurationDays: /u],
    [{ devicesKeyDurationDays: 181 }, /^devicesKeyDurationDays: /u],
    [{ devicesKeyDurationDays: '5' }, /^devicesKeyDurationDays: /u],
    [{ usersRoleAllowedToJoinExternalTailnets: 'owner' }, /^usersRole/u],
    [{ aclsExternalLink: 'not a url' }, /^aclsExternalLink: /u],
    [{ aclsExternalLink: 'javascript:alert(1)' }, /^aclsExternalLink: expected an http or https URL$/u],
    [{ routeSelection: 'magicroute' }, /^routeSelection: must be one of/u],
    [{ routeSelection: 'regional-routing', regionalRoutingOn: true }, /^routeSelection: cannot be given/u],
    [{ devicesApprovalOn: 'yes', httpsEnabled: true }, /^devicesApprovalOn: /u],
  ])('%j is refused, and nothing of it is kept', async (body, message) => {
    expect(await patch(SETTINGS, body)).toEqual([400, { message: expect.stringMatching(message) }]);
    expect(await get(SETTINGS)).toEqual(DEFAULTS);
  });

  test('the choice of routers has a newer name, which says the same', async () => {
    for (const [routeSelection, regionalRoutingOn] of [
      ['regional-routing', true],
      ['active-passive-failover', false],
    ] as const) {
      const [status, answer] = await patch(SETTINGS, { routeSelection, regionalRoutingOn: null });
      expect([status, answer]).toEqual([200, { ...DEFAULTS, routeSelection, regionalRoutingOn }]);
      expect((await patch(SETTINGS, { routeSelection: null }))[1]).toEqual(answer);
    }
  });

  test('a token sees and changes the settings of its scopes alone', async () => {
    const token = await api.createToken(acme, api.owner, ['networking_settings']);
    expect(await get(SETTINGS, token)).toEqual({ httpsEnabled: false });
    expect(await patch(SETTINGS, { httpsEnabled: true }, token)).toEqual([200, { httpsEnabled: true }]);
    expect((await patch(SETTINGS, { devicesApprovalOn: true }, token))[0]).toBe(403);
    const policy = await api.createToken(acme, api.owner, ['policy_file:read']);
    expect(await get(SETTINGS, policy)).toEqual({ aclsExternallyManagedOn: false, aclsExternalLink: '' });
    const logs = await api.createToken(acme, api.owner, ['logs:network']);
    expect(await patch(SETTINGS, { networkFlowLoggingOn: true }, logs)).toEqual([
      200,
      { networkFlowLoggingOn: true },
    ]);
  });

  test('roles change what they are responsible for', async () => {
    const network = await api.createMember(acme, 'network-admin');
    const it = await api.createMember(acme, 'it-admin');
    expect((await patch(SETTINGS, { httpsEnabled: true }, network.token))[0]).toBe(200);
    expect((await patch(SETTINGS, { devicesApprovalOn: true }, network.token))[0]).toBe(403);
    expect((await patch(SETTINGS, { devicesApprovalOn: true }, it.token))[0]).toBe(200);
    expect((await patch(SETTINGS, { httpsEnabled: false }, it.token))[0]).toBe(403);
    expect((await patch(SETTINGS, { devicesApprovalOn: false, httpsEnabled: false }, it.token))[0]).toBe(403);
    expect(await get(SETTINGS)).toMatchObject({ devicesApprovalOn: true, httpsEnabled: true });
  });

  test('collecting identities shows serial numbers, of devices that tell them', async () => {
    await addDevices(api, api.organization.id, [
      { label: 'open', owner: api.owner.id, patch: { serials: ['CP74LFQJXM'] } },
      { label: 'silent', owner: api.owner.id },
    ]);
    const identities = async () =>
      (await api.call('GET', '/api/v2/tailnet/-/devices?fields=all'))
        .json<{ devices: { postureIdentity: unknown }[] }>()
        .devices.map(({ postureIdentity }) => postureIdentity);
    expect(await identities()).toEqual([{ disabled: true }, { disabled: true }]);
    await patch(SETTINGS, { postureIdentityCollectionOn: true });
    expect(await get(SETTINGS)).toMatchObject({ postureIdentityCollectionOn: true });
    expect(await identities()).toEqual([{ serialNumbers: ['CP74LFQJXM'] }, { disabled: true }]);
  });

  test('contacts begin as the owner and show a new address at once, the verified one kept behind it', async () => {
    const owner = { email: 'owner@acme.test', needsVerification: false };
    expect(await get(CONTACTS)).toEqual({ account: owner, support: owner, security: owner });
    expect((await patch(`${CONTACTS}/support`, { email: 'help@acme.test' }))[0]).toBe(200);
    expect((await patch(`${CONTACTS}/support`, { email: 'help@acme.test' }))[0]).toBe(200);
    const pending = { email: 'help@acme.test', fallbackEmail: 'owner@acme.test', needsVerification: true };
    expect(await get(CONTACTS)).toEqual({ account: owner, support: pending, security: owner });
    await patch(`${CONTACTS}/support`, { email: 'other@acme.test' });
    expect(await get(CONTACTS)).toMatchObject({ support: { fallbackEmail: 'owner@acme.test' } });
    await patch(`${CONTACTS}/support`, { email: 'owner@acme.test' });
    expect(await get(CONTACTS)).toEqual({ account: owner, support: owner, security: owner });
  });

  test('a verification is sent again only while one is pending', async () => {
    const resend = async (kind: string) =>
      (await api.call('POST', `${CONTACTS}/${kind}/resend-verification-email`)).status;
    expect(await resend('security')).toBe(400);
    await patch(`${CONTACTS}/security`, { email: 'sec@acme.test' });
    for (let mail = 2; mail <= 5; mail += 1) expect(await resend('security')).toBe(200);
    expect(await resend('security')).toBe(429);
    expect(await resend('nobody')).toBe(404);
  });

  test.each([{ email: 'x' }, { email: '' }, {}, { email: 5 }])('the contact %j is refused', async (body) => {
    const [status, answer] = await patch(`${CONTACTS}/account`, body);
    expect([status, answer]).toEqual([400, { message: expect.stringMatching(/^email: /u) }]);
  });
});
