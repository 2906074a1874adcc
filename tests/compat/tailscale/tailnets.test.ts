import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OrganizationCreators } from '../../../src/domain/organizations/child-organizations.ts';
import { INSTALLATION } from '../../../src/domain/ports/store.ts';
import { type ApiServer, createApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { addDevices, tailscaleDialect } from './support.ts';

const TAILNETS = '/api/v2/organizations/-/tailnets';
/** A page has at most 100. */
const MORE_THAN_A_PAGE = 101;

interface Tailnet {
  readonly id: string;
  readonly displayName: string;
  readonly orgId: string;
  readonly dnsName: string;
  readonly createdAt: string;
  readonly oauthClient: { readonly id: string; readonly secret: string };
}

describe.each(ENGINES)('tailnets over the REST API on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;

  const start = async (creators: OrganizationCreators): Promise<void> => {
    api = await createApiServer(engine, tailscaleDialect(undefined, undefined, creators));
    acme = api;
  };
  beforeEach(() => start('administrators'));
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const create = (displayName: unknown, token = api.token) =>
    api.call('POST', TAILNETS, { body: { displayName }, token });
  const listed = async (query = '', token = api.token) =>
    (await api.call('GET', `${TAILNETS}${query}`, { token })).json<{
      tailnets: Tailnet[];
      cursor?: string;
    }>();
  const tokenOf = async (client: Tailnet['oauthClient'], scope = ''): Promise<string> =>
    (
      await api.call('POST', '/api/v2/oauth/token', {
        body: `client_id=${client.id}&client_secret=${client.secret}&scope=${scope}`,
        token: null,
      })
    ).json<{ access_token: string }>().access_token;
  const counts = async () => (await api.store.find('organization', INSTALLATION, {})).length;

  test('a new tailnet has a name in the network, and a client that may do everything in it', async () => {
    const made = await create("Bob's lab 1");
    expect(made.status).toBe(200);
    const { oauthClient, ...shown } = made.json<Tailnet>();
    expect(shown).toEqual({
      id: expect.stringMatching(/^T.*CNTRL$/u),
      displayName: "Bob's lab 1",
      orgId: expect.stringMatching(/^T.*CNTRL$/u),
      dnsName: 'bob-s-lab-1.holdfast.internal',
      createdAt: expect.stringMatching(/Z$/u),
    });
    expect((await listed()).tailnets.map(({ displayName }) => displayName)).toEqual(['acme', "Bob's lab 1"]);
    const token = await tokenOf(oauthClient);
    for (const name of ['-', shown.id, shown.dnsName]) {
      const policy = await api.call('GET', `/api/v2/tailnet/${name}/acl`, { token });
      expect([name, policy.status]).toEqual([name, 200]);
    }
    expect(
      (await api.call('GET', `/api/v2/tailnet/${acme.organization.tailnetName}/acl`, { token })).status,
    ).toBe(404);
    // Neither may see the other's.
    expect((await api.call('GET', `/api/v2/tailnet/${shown.id}/acl`)).status).toBe(404);
    expect((await listed('', token)).tailnets.map(({ displayName }) => displayName)).toEqual(["Bob's lab 1"]);
    const { users } = (await api.call('GET', '/api/v2/tailnet/-/users', { token })).json<{
      users: { id: string }[];
    }>();
    expect(users).toMatchObject([{ loginName: 'owner@acme.test', role: 'owner' }]);
    // Who made the client is a user of the tailnet, not of the one that asked for it.
    const client = await api.call('GET', `/api/v2/tailnet/-/keys/${oauthClient.id}`, { token });
    expect(client.json()).toMatchObject({ userId: users[0]!.id });
  });

  test('a client with the scope makes and lists them, and one without does not', async () => {
    const client = async (scopes: string[]) => {
      const key = await api.call('POST', '/api/v2/tailnet/-/keys', { body: { keyType: 'client', scopes } });
      const { id, key: secret } = key.json<{ id: string; key: string }>();
      return tokenOf({ id, secret });
    };
    const allowed = await client(['tailnets']);
    expect((await create('By a client', allowed)).status).toBe(200);
    expect((await listed('', allowed)).tailnets).toHaveLength(2);
    const other = await client(['dns']);
    expect((await create('Not by this one', other)).status).toBe(403);
    expect((await api.call('GET', TAILNETS, { token: other })).status).toBe(403);
  });

  test('where only the operator makes organizations nobody else does, and nothing is made', async () => {
    await api.close();
    await start('operator');
    const answer = await create('Mine');
    expect([answer.status, answer.json()]).toEqual([
      403,
      { message: 'organizations are made by the operator of this installation' },
    ]);
    expect(await counts()).toBe(1);
    expect((await listed()).tailnets).toHaveLength(1);
  });

  test.each([[''], ['x'.repeat(64)], ['semi;colon'], [7], [undefined]])(
    'the name %j is refused by its field, and nothing is made',
    async (name) => {
      const answer = await create(name);
      expect(answer.status).toBe(400);
      expect(answer.json<{ message: string }>().message).toContain('displayName');
      expect(await counts()).toBe(1);
    },
  );

  test('a name is used once by whoever makes them, and a label that others have is told apart', async () => {
    await create('Lab');
    expect((await create('Lab')).status).toBe(400);
    const rival = await api.createOrganization('rival');
    const theirs = (await create('Lab', rival.token)).json<Tailnet>();
    expect(theirs.dnsName).toMatch(/^lab-[a-z0-9]{5}\.holdfast\.internal$/u);
    expect((await listed()).tailnets).toHaveLength(2);
  });

  test('the list goes on where a page ended', async () => {
    for (const name of ['One', 'Two', 'Three']) await create(name);
    const first = await listed('?limit=2');
    expect(first.tailnets.map(({ displayName }) => displayName)).toEqual(['acme', 'One']);
    const second = await listed(`?limit=2&cursor=${first.cursor}`);
    expect(second.tailnets.map(({ displayName }) => displayName)).toEqual(['Two', 'Three']);
    expect(second).not.toHaveProperty('cursor');
    for (const query of ['?limit=0', '?limit=101', '?limit=x', '?cursor=-1']) {
      expect((await api.call('GET', `${TAILNETS}${query}`)).status).toBe(400);
    }
  });

  test('whoever asks for no page gets all there are', async () => {
    for (let each = 0; each < MORE_THAN_A_PAGE; each += 1) await create(`Lab ${each}`);
    const all = await listed();
    expect(all.tailnets).toHaveLength(MORE_THAN_A_PAGE + 1);
    expect(all).not.toHaveProperty('cursor');
  });

  test('another organization than the own is not found', async () => {
    const rival = await api.createOrganization('rival');
    const id = (await listed('', rival.token)).tailnets[0]!.id;
    expect((await api.call('GET', `/api/v2/organizations/${id}/tailnets`)).status).toBe(404);
    expect(
      (await api.call('GET', `/api/v2/organizations/${id}/tailnets`, { token: rival.token })).status,
    ).toBe(200);
  });

  test('the client that a tailnet was made with deletes it; its tokens die and its label is free', async () => {
    const { id, oauthClient, dnsName } = (await create('Lab')).json<Tailnet>();
    const token = await tokenOf(oauthClient);
    const narrow = await tokenOf(oauthClient, 'dns');
    expect((await api.call('DELETE', `/api/v2/tailnet/${id}`)).status).toBe(404);
    expect((await api.call('DELETE', `/api/v2/tailnet/${id}`, { token: narrow })).status).toBe(403);
    // The path of the vendor's first Go client, which is refused and heard like the other.
    const older = `/api/v2/tailnet/${dnsName}/tailnet`;
    expect((await api.call('DELETE', older, { token: narrow })).status).toBe(403);
    expect((await api.call('DELETE', older, { token })).status).toBe(200);
    expect((await api.call('GET', '/api/v2/tailnet/-/acl', { token })).status).toBe(401);
    expect((await listed()).tailnets).toHaveLength(1);
    expect((await create('Lab')).json<Tailnet>().dnsName).toBe(dnsName);
  });

  test('an organization that the operator made is deleted by its owner alone', async () => {
    const rival = await api.createOrganization('rival');
    const { token: admin } = await api.createMember(rival, 'admin');
    const key = await api.call('POST', '/api/v2/tailnet/-/keys', {
      body: { keyType: 'client', scopes: ['all'] },
      token: admin,
    });
    const { id, key: secret } = key.json<{ id: string; key: string }>();
    const client = await tokenOf({ id, secret });
    const narrow = await api.createToken(rival, rival.owner, ['devices:core', 'users']);
    for (const token of [admin, client, narrow]) {
      expect((await api.call('DELETE', '/api/v2/tailnet/-', { token })).status).toBe(403);
    }
    expect((await api.call('DELETE', '/api/v2/tailnet/rival.test', { token: rival.token })).status).toBe(200);
    for (const token of [admin, client, narrow, rival.token]) {
      expect((await api.call('GET', '/api/v2/tailnet/-/devices', { token })).status).toBe(401);
    }
  });

  test('nothing of a deleted organization is left but its audit chain, and others keep what is theirs', async () => {
    const rival = await api.createOrganization('rival');
    const org = rival.organization.id;
    const own = acme.organization.id;
    const [given] = await addDevices(api, org, [{ label: 'given', owner: rival.owner.id }]);
    const [mine] = await addDevices(api, own, [{ label: 'mine', owner: acme.owner.id }]);
    const share = async (device: number, from: string, to: string): Promise<void> => {
      const made = await api.call('POST', `/api/v2/device/${device}/device-invites`, {
        body: [{}],
        token: from,
      });
      const [{ inviteUrl }] = made.json<[{ inviteUrl: string }]>();
      const body = { invite: inviteUrl };
      expect((await api.call('POST', '/api/v2/device-invites/-/accept', { body, token: to })).status).toBe(
        200,
      );
    };
    await share(given!.id, rival.token, api.token);
    await share(mine!.id, api.token, rival.token);
    expect((await api.call('DELETE', '/api/v2/tailnet/-', { token: rival.token })).status).toBe(200);

    for (const kind of [
      'device',
      'address',
      'membership',
      'credential',
      'policyVersion',
      'setting',
    ] as const) {
      expect([kind, await api.store.count(kind, org)]).toEqual([kind, 0]);
    }
    expect(await api.store.get('organization', INSTALLATION, org)).toBeUndefined();
    expect((await api.store.auditEvents(org, { afterSeq: 0, limit: 1_000 })).at(-1)).toMatchObject({
      verb: 'delete',
      objectKind: 'organization',
    });
    expect(await api.store.count('sharedDevice', own)).toBe(0);
    expect(await api.store.count('shareAccept', own)).toBe(0);
    const devices = await api.call('GET', '/api/v2/tailnet/-/devices');
    expect(devices.json<{ devices: { id: string }[] }>().devices.map(({ id }) => id)).toEqual([
      String(mine!.id),
    ]);
  });
});
