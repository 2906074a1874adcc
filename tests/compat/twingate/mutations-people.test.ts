import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newCredential } from '../../../src/domain/credentials/new-credential.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { insertMember, insertPolicy, seed } from '../../support/seeds.ts';
import { createTwingateServer, type Gql, gid, gqlOf, type Seeded, seedOrganization } from './support.ts';

describe.each(ENGINES)('Twingate mutations of groups, networks and users on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let acme: TestOrganization;
  let seeded: Seeded;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    acme = api;
    seeded = await seedOrganization(api);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  /** Runs one mutation under the alias `it` and returns its payload. */
  const run = async (call: string, fields = 'ok error entity { id }', token?: string) => {
    const { data, errors } = await gql(`mutation { it: ${call} { ${fields} } }`, undefined, token);
    expect(errors).toBeUndefined();
    return data.it;
  };
  const refused = (text: string | RegExp) => ({
    ok: false,
    error: expect.stringMatching(text),
    entity: null,
  });
  /** Of the audit chain: that a token was used does not move it. */
  const head = async () => (await api.store.auditHead(acme.organization.id)).auditSeq;

  describe('groups', () => {
    const FIELDS =
      'ok error entity { id name isActive type securityPolicy { name } users { totalCount edges { node { email } } } resources { edges { node { name } } } }';
    test('are made with members, accesses and a policy, as they read at once', async () => {
      const { anna } = seeded.people;
      const made = await run(
        `groupCreate(name: "  Data  ", userIds: ["${gid('User', anna.id)}", null], resourceIds: ["${gid('Resource', seeded.resources.wiki.id)}"])`,
        FIELDS,
      );
      expect(made).toEqual({
        ok: true,
        error: null,
        entity: {
          id: expect.any(String),
          name: 'Data',
          isActive: true,
          type: 'MANUAL',
          securityPolicy: { name: 'Default Policy' },
          users: { totalCount: 1, edges: [{ node: { email: anna.email } }] },
          resources: { edges: [{ node: { name: 'wiki' } }] },
        },
      });
    });

    test('may have one name twice, under keys of their own', async () => {
      const one = await run('groupCreate(name: "Twice")');
      const two = await run('groupCreate(name: "Twice")');
      expect(one.entity.id).not.toBe(two.entity.id);
      const keys = (await api.store.find('group', acme.organization.id, { name: 'Twice' })).map(
        ({ key }) => key,
      );
      expect(keys).toEqual(['twice', 'twice-2']);
    });

    test('do not take a key that the policy file names, unless their maker may write the file', async () => {
      const org = acme.organization.id;
      await seed(api.store, org, (tx) =>
        insertPolicy(tx, org, { grants: [{ src: ['group:secret@acme.test'], dst: ['*'], ip: ['*'] }] }),
      );
      const { token } = await api.createMember(acme, 'it-admin', 'ita');
      await run('groupCreate(name: "Secret")', 'ok', token);
      await run('groupCreate(name: "Secret")', 'ok');
      const keys = (await api.store.find('group', org, { name: 'Secret' })).map(({ key }) => key);
      expect(keys).toEqual(['secret-2', 'secret']);
    });

    test('change their members by whole lists and by parts', async () => {
      const { anna, pending, suspended } = seeded.people;
      const ids = { a: gid('User', anna.id), p: gid('User', pending.id), s: gid('User', suspended.id) };
      const { entity } = await run(`groupCreate(name: "Parts", userIds: ["${ids.a}"])`);
      const members = async (change: string) => {
        const { ok, entity: after } = await run(
          `groupUpdate(id: "${entity.id}", ${change})`,
          'ok entity { users { edges { node { id } } } }',
        );
        expect(ok).toBe(true);
        return after.users.edges.map(({ node }: { node: { id: string } }) => node.id);
      };
      expect(await members(`addedUserIds: ["${ids.p}", "${ids.a}"]`)).toEqual([ids.a, ids.p]);
      expect(await members(`removedUserIds: ["${ids.a}"], addedUserIds: ["${ids.s}"]`)).toEqual([
        ids.p,
        ids.s,
      ]);
      expect(await members('name: "Renamed", userIds: null')).toEqual([ids.p, ids.s]);
      expect(await members(`userIds: ["${ids.a}"]`)).toEqual([ids.a]);
      expect(await members('userIds: []')).toEqual([]);
      const before = await head();
      await members('userIds: [], name: "Renamed"');
      expect(await head()).toBe(before);
    });

    test('of other kinds are neither changed nor deleted, but may get access', async () => {
      const { data } = await gql('{ groups(filter: {type: {in: [SYSTEM]}}) { edges { node { id } } } }');
      const everyone = data.groups.edges[0].node.id;
      const twin = gid('Group', seeded.groups.twin.id);
      expect(await run(`groupDelete(id: "${everyone}")`, 'ok error')).toMatchObject({
        ok: false,
        error: expect.stringContaining('belongs to the system'),
      });
      expect(await run(`groupUpdate(id: "${twin}", name: "x")`)).toMatchObject(
        refused('synced from the identity provider'),
      );
      expect(await run(`groupUpdate(id: "${twin}", userIds: [])`)).toMatchObject(refused('synced'));
      expect(
        await run(
          `groupUpdate(id: "${everyone}", addedResourceIds: ["${gid('Resource', seeded.resources.wiki.id)}"])`,
        ),
      ).toMatchObject({ ok: true });
    });

    test('what they name must exist, and is named when it does not', async () => {
      const nobody = gid('User', 2 ** 40);
      const before = await head();
      expect(await run(`groupCreate(name: "x", userIds: ["${nobody}"])`)).toEqual({
        ok: false,
        error: `User with id '${nobody}' does not exist`,
        entity: null,
      });
      expect(await run('groupCreate(name: "x", userIds: ["nonsense"])')).toMatchObject(
        refused("User with id 'nonsense' does not exist"),
      );
      expect(await run(`groupUpdate(id: "${gid('Group', 2 ** 40)}", name: "x")`)).toMatchObject(
        refused('^Group with id .* does not exist$'),
      );
      expect(
        await run(`groupUpdate(id: "${gid('Group', seeded.groups.ops.id)}", removedUserIds: ["${nobody}"])`),
      ).toMatchObject(refused('does not exist'));
      expect(await run('groupCreate(name: "   ")')).toMatchObject(refused('name'));
      expect(await run(`groupCreate(name: "${'x'.repeat(256)}")`)).toMatchObject(refused('255'));
      expect(await head()).toBe(before);
    });

    test('take personal access tokens with them: who comes or goes loses his, nobody else', async () => {
      const org = acme.organization.id;
      const { member } = await api.createMember(acme, 'member', 'patty');
      const insertPat = (owner: number) =>
        seed(api.store, org, async (tx) => {
          const id = tx.newId();
          await tx.insert(
            'credential',
            newCredential({
              org,
              id,
              kind: 'pat',
              ownerKind: 'membership',
              owner,
              name: '',
              publicId: `pat${id}`,
              secretHash: 'x',
              createdAt: 1,
              byKind: 'system',
              byId: '',
              byName: '',
            }),
          );
          return id;
        });
      const [hers, other] = [await insertPat(member.id), await insertPat(seeded.people.anna.id)];
      await run(`groupCreate(name: "Pats", userIds: ["${gid('User', member.id)}"])`);
      expect((await api.store.get('credential', org, hers))?.revokedAt).not.toBeNull();
      expect((await api.store.get('credential', org, other))?.revokedAt).toBeNull();
    });

    test('go with their members and accesses', async () => {
      const org = acme.organization.id;
      const { entity } = await run(
        `groupCreate(name: "Gone", userIds: ["${gid('User', api.owner.id)}"], resourceIds: ["${gid('Resource', seeded.resources.wiki.id)}"])`,
      );
      const [row] = await api.store.find('group', org, { name: 'Gone' });
      const group = row?.id ?? 0;
      expect(await run(`groupDelete(id: "${entity.id}")`, 'ok error')).toEqual({ ok: true, error: null });
      expect(await api.store.find('groupMember', org, { group })).toEqual([]);
      expect(await api.store.find('accessEdge', org, { principalKind: 'group', principal: group })).toEqual(
        [],
      );
      expect(await run(`groupDelete(id: "${entity.id}")`, 'ok error')).toMatchObject({
        ok: false,
        error: expect.stringContaining('does not exist'),
      });
    });

    test('a policy given to a group is given to all its accesses, also the old ones', async () => {
      const org = acme.organization.id;
      const policy = await seed(api.store, org, (tx) =>
        tx.insert('securityPolicy', {
          org,
          id: tx.newId(),
          name: 'Strict',
          type: 'resource',
          conditions: [],
          createdAt: 1,
          updatedAt: 1,
        }),
      );
      const ops = seeded.groups.ops.id;
      await seed(api.store, org, async (tx) => {
        for (const { id } of await tx.find('accessEdge', org, { principalKind: 'group', principal: ops })) {
          await tx.update('accessEdge', org, id, { expiresAt: null });
        }
      });
      const after = await run(
        `groupUpdate(id: "${gid('Group', ops)}", securityPolicyId: "${gid('SecurityPolicy', policy.id)}")`,
        'ok entity { securityPolicy { name } }',
      );
      expect(after).toEqual({ ok: true, entity: { securityPolicy: { name: 'Strict' } } });
      const edges = await api.store.find('accessEdge', org, { principalKind: 'group', principal: ops });
      expect(edges.map(({ securityPolicy }) => securityPolicy)).toEqual([policy.id, policy.id]);
    });
  });

  describe('remote networks', () => {
    const FIELDS = 'ok error entity { id name isActive location networkType }';
    test('are made with defaults, renamed, moved and switched off', async () => {
      const made = await run('remoteNetworkCreate(name: "Paris DC")', FIELDS);
      expect(made).toEqual({
        ok: true,
        error: null,
        entity: {
          id: expect.any(String),
          name: 'Paris DC',
          isActive: true,
          location: 'OTHER',
          networkType: 'REGULAR',
        },
      });
      const { id } = made.entity;
      const update = (change: string) => run(`remoteNetworkUpdate(id: "${id}", ${change})`, FIELDS);
      expect((await update('name: null, location: AZURE')).entity).toMatchObject({
        name: 'Paris DC',
        location: 'AZURE',
      });
      expect((await update('name: "Lyon", isActive: false')).entity).toMatchObject({
        name: 'Lyon',
        isActive: false,
        location: 'AZURE',
      });
      expect(await update('name: "Lyon"')).toMatchObject({ ok: true });
      const [row] = await api.store.find('network', acme.organization.id, { name: 'Lyon' });
      // Ids of other systems are made of it.
      expect(row?.slug).toBe('paris-dc');
    });

    test('have names of their own, whatever their case, and slugs that are free and not reserved', async () => {
      const taken = 'A Remote Network with this name already exists\\.';
      expect(await run('remoteNetworkCreate(name: "Prod DC")')).toMatchObject(refused(taken));
      expect(await run('remoteNetworkCreate(name: "PROD  dc")')).toMatchObject(refused(taken));
      expect(
        await run(
          `remoteNetworkUpdate(id: "${gid('RemoteNetwork', seeded.networks.lab.id)}", name: "Prod DC")`,
        ),
      ).toMatchObject(refused(taken));
      await run('remoteNetworkCreate(name: "Prod_DC", networkType: EXIT)');
      await run('remoteNetworkCreate(name: "Global")');
      await run('remoteNetworkCreate(name: "日本")');
      const slugs = (await api.store.find('network', acme.organization.id, {})).map(({ slug }) => slug);
      expect(slugs).toEqual(expect.arrayContaining(['prod-dc', 'prod-dc-2', 'global-2', 'network']));
      expect(new Set(slugs).size).toBe(slugs.length);
    });

    test('with resources stay, without them they go with their connectors', async () => {
      const { prod } = seeded.networks;
      expect(await run(`remoteNetworkDelete(id: "${gid('RemoteNetwork', prod.id)}")`, 'ok error')).toEqual({
        ok: false,
        error: 'Cannot delete a Remote Network that has Resources. Delete its Resources first.',
      });
      const org = acme.organization.id;
      const { entity } = await run('remoteNetworkCreate(name: "Short", location: AWS)');
      const [row] = await api.store.find('network', org, { name: 'Short' });
      const network = row?.id ?? 0;
      const gateway = await seed(api.store, org, (tx) =>
        tx.insert('gateway', {
          org,
          id: tx.newId(),
          network,
          device: null,
          name: 'g',
          nameKey: 'g',
          tokenGeneration: 0,
          boundGeneration: 0,
          createdAt: 1,
          updatedAt: 1,
          byKind: 'system',
          byId: '',
          byName: '',
        }),
      );
      expect(await run(`remoteNetworkDelete(id: "${entity.id}")`, 'ok error')).toEqual({
        ok: true,
        error: null,
      });
      expect(await api.store.get('gateway', org, gateway.id)).toBeUndefined();
      expect(await run(`remoteNetworkDelete(id: "${entity.id}")`, 'ok error')).toMatchObject({
        error: expect.stringContaining('does not exist'),
      });
    });
  });

  describe('users', () => {
    const FIELDS = 'ok error entity { id email firstName lastName state role type }';
    test('are invited: pending members with an open invitation', async () => {
      const made = await run('userCreate(email: " New@Acme.test ", firstName: "New", role: DEVOPS)', FIELDS);
      expect(made).toEqual({
        ok: true,
        error: null,
        entity: {
          id: expect.any(String),
          email: 'New@Acme.test',
          firstName: 'New',
          lastName: '',
          state: 'PENDING',
          role: 'DEVOPS',
          type: 'MANUAL',
        },
      });
      const [invitation] = await api.store.find('invitation', acme.organization.id, {
        openKey: 'new@acme.test',
      });
      expect(invitation).toMatchObject({ status: 'pending', madeBy: 'twingate' });
      expect((invitation?.expiresAt ?? 0) - (invitation?.createdAt ?? 0)).toBe(7 * 86_400_000);
      expect(await run('userCreate(email: "NEW@acme.test")')).toMatchObject(refused('already exists'));
    });

    test.each([
      '',
      'nobody',
      'a@b',
      'a b@acme.test',
      'a@acme..test',
      '"a"@acme.test',
      `${'x'.repeat(65)}@acme.test`,
    ])('are not invited at %j', async (email) => {
      expect(await run(`userCreate(email: ${JSON.stringify(email)})`)).toMatchObject(
        refused('e-mail address'),
      );
    });

    test('who are pending get names and roles, are not disabled, are not activated, and go without a trace', async () => {
      const { entity } = await run('userCreate(email: "pen@acme.test", shouldSendInvite: false)', FIELDS);
      const id = entity.id;
      expect(
        (
          await run(
            `userDetailsUpdate(id: "${id}", firstName: "Pen", lastName: "Ding", state: ACTIVE)`,
            FIELDS,
          )
        ).entity,
      ).toMatchObject({ firstName: 'Pen', lastName: 'Ding', state: 'PENDING' });
      expect(await run(`userDetailsUpdate(id: "${id}", firstName: "Not", state: DISABLED)`)).toMatchObject(
        refused('User in PENDING state'),
      );
      expect((await run(`userRoleUpdate(id: "${id}", role: SUPPORT)`, FIELDS)).entity).toMatchObject({
        role: 'SUPPORT',
        firstName: 'Pen',
      });
      const org = acme.organization.id;
      const [member] = await api.store.find('membership', org, { emailKey: 'pen@acme.test' });
      expect(await run(`userDelete(id: "${id}")`, 'ok error')).toEqual({ ok: true, error: null });
      expect(await api.store.find('invitation', org, { membership: member?.id ?? 0 })).toEqual([]);
      expect(await api.store.get('account', 0, member?.account ?? 0)).toBeUndefined();
      expect(await run('userCreate(email: "pen@acme.test")')).toMatchObject({ ok: true });
    });

    test('are disabled and enabled, which ends their credentials and brings them back', async () => {
      const { member, token } = await api.createMember(acme, 'admin', 'onoff');
      const id = gid('User', member.id);
      const query = '{ users { totalCount } }';
      expect((await gql(query, undefined, token)).errors).toBeUndefined();
      expect((await run(`userDetailsUpdate(id: "${id}", state: DISABLED)`, FIELDS)).entity.state).toBe(
        'DISABLED',
      );
      const refusedCall = await api.call('POST', '/api/graphql/', {
        token: null,
        headers: { 'x-api-key': token },
        body: { query },
      });
      expect(refusedCall.status).toBe(401);
      expect((await run(`userDetailsUpdate(id: "${id}", state: ACTIVE)`, FIELDS)).entity.state).toBe(
        'ACTIVE',
      );
      expect((await gql(query, undefined, token)).errors).toBeUndefined();
    });

    test.each([
      ['owner', 'ADMIN'],
      ['it-admin', 'ADMIN'],
      ['auditor', 'SUPPORT'],
      ['billing-admin', 'MEMBER'],
      ['device-user', 'MEMBER'],
    ] as const)('writing back the role that %s reads as changes nothing', async (role, name) => {
      const member =
        role === 'owner' ? api.owner : (await api.createMember(acme, role, `same-${role}`)).member;
      const before = await head();
      const { token } = await api.createMember(acme, 'admin', `writer-${role}`);
      const settled = await head();
      expect(
        await run(`userRoleUpdate(id: "${gid('User', member.id)}", role: ${name})`, FIELDS, token),
      ).toMatchObject({ ok: true, entity: { role: name } });
      expect(await head()).toBe(settled);
      expect(before).toBeLessThan(settled ?? 0);
      expect((await api.store.get('membership', acme.organization.id, member.id))?.role).toBe(role);
    });

    test.each([
      ['ADMIN', 'admin'],
      ['DEVOPS', 'network-admin'],
      ['SUPPORT', 'support'],
      ['ACCESS_REVIEWER', 'access-reviewer'],
      ['MEMBER', 'member'],
    ])('the role %s is written as %s', async (name, role) => {
      const start = role === 'member' ? 'auditor' : 'member';
      const { member } = await api.createMember(acme, start, `to-${name.toLowerCase()}`);
      await run(`userRoleUpdate(id: "${gid('User', member.id)}", role: ${name})`);
      expect((await api.store.get('membership', acme.organization.id, member.id))?.role).toBe(role);
    });

    test('nobody gives or takes power that he lacks, touches the owner, or himself', async () => {
      const networkAdmin = await api.createMember(acme, 'network-admin', 'na');
      const admin = await api.createMember(acme, 'admin', 'adm');
      const plain = await api.createMember(acme, 'member', 'plain');
      const id = gid('User', plain.member.id);
      expect(
        await run(`userRoleUpdate(id: "${id}", role: DEVOPS)`, undefined, networkAdmin.token),
      ).toMatchObject(refused('permission'));
      expect(
        await run(`userRoleUpdate(id: "${gid('User', api.owner.id)}", role: MEMBER)`, undefined, admin.token),
      ).toMatchObject(refused('owner'));
      expect(
        await run(`userDelete(id: "${gid('User', api.owner.id)}")`, 'ok error', admin.token),
      ).toMatchObject({ ok: false });
      expect(
        await run(
          `userRoleUpdate(id: "${gid('User', admin.member.id)}", role: MEMBER)`,
          undefined,
          admin.token,
        ),
      ).toMatchObject(refused('own role'));
      const scoped = await api.createToken(acme, api.owner, ['members']);
      expect(await run(`userRoleUpdate(id: "${id}", role: ADMIN)`, undefined, scoped)).toMatchObject(
        refused('permission'),
      );
      expect((await api.store.get('membership', acme.organization.id, plain.member.id))?.role).toBe('member');
    });

    test('that a directory manages keep their names and stay, but their role and state can change', async () => {
      const org = acme.organization.id;
      const synced = await seed(api.store, org, (tx) =>
        insertMember(tx, org, { username: 'synced@acme.test', managedBy: 'directory' }),
      );
      const id = gid('User', synced.id);
      expect(await run(`userDetailsUpdate(id: "${id}", firstName: "x", state: DISABLED)`)).toMatchObject(
        refused('identity provider'),
      );
      expect((await api.store.get('membership', org, synced.id))?.suspendedAt).toBeNull();
      expect(await run(`userDelete(id: "${id}")`, 'ok error')).toMatchObject({
        ok: false,
        error: expect.stringContaining('identity provider'),
      });
      expect(await run(`userRoleUpdate(id: "${id}", role: SUPPORT)`, FIELDS)).toMatchObject({
        ok: true,
        entity: { role: 'SUPPORT' },
      });
      expect(await run(`userDetailsUpdate(id: "${id}", state: DISABLED)`, FIELDS)).toMatchObject({
        ok: true,
        entity: { state: 'DISABLED' },
      });
    });

    test('lose the second factor that was set up here, and no other', async () => {
      const org = acme.organization.id;
      const { member } = await api.createMember(acme, 'member', 'mfa');
      const put = (where: number) =>
        seed(api.store, org, (tx) =>
          tx.insert('identity', {
            org: where,
            id: tx.newId(),
            account: member.account,
            kind: 'totp',
            issuer: `totp${where}`,
            subject: String(member.account),
            email: null,
            emailVerified: false,
            secretHash: null,
            sealed: 's',
            data: {},
            createdAt: 1,
            lastUsed: null,
          }),
        );
      await put(0);
      expect(await run(`userResetMfa(id: "${gid('User', member.id)}")`)).toMatchObject(refused('alone'));
      await put(org);
      expect(await run(`userResetMfa(id: "${gid('User', member.id)}")`)).toMatchObject({ ok: true });
      expect(await api.store.find('identity', org, { account: member.account })).toEqual([]);
      expect(await api.store.find('identity', 0, { account: member.account })).toHaveLength(1);
    });
  });

  test('several mutations run in turn, and one that fails does not stop the others', async () => {
    const { data, errors } = await gql(`mutation {
      a: groupCreate(name: "Serial") { ok entity { id } }
      b: groupDelete(id: "nonsense") { ok error }
      c: remoteNetworkCreate(name: "Serial net") { ok }
      d: groupCreate(name: "Serial after") { ok error }
    }`);
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      a: { ok: true, entity: { id: expect.any(String) } },
      b: { ok: false, error: "Group with id 'nonsense' does not exist" },
      c: { ok: true },
      d: { ok: true, error: null },
    });
    const stored = await gql('{ groups(filter: {name: {startsWith: "Serial"}}) { totalCount } }');
    expect(stored.data.groups.totalCount).toBe(2);
  });
});
