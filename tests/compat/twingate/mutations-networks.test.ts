import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { insertGroup, insertResource, insertServiceAccount, seed } from '../../support/seeds.ts';
import { addDevices } from '../tailscale/support.ts';
import {
  createTwingateServer,
  type Gql,
  gid,
  gqlOf,
  mutationOf,
  type RunMutation,
  refused,
  type Seeded,
  seedOrganization,
} from './support.ts';

const DAY_S = 86_400;

describe.each(ENGINES)('Twingate mutations of what lies in networks on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let run: RunMutation;
  let acme: TestOrganization;
  let seeded: Seeded;
  let net: string;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    run = mutationOf(gql);
    acme = api;
    seeded = await seedOrganization(api);
    net = gid('RemoteNetwork', seeded.networks.prod.id);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  /** Of the audit chain: that a token was used does not move it. */
  const head = async () => (await api.store.auditHead(acme.organization.id)).auditSeq;

  describe('connectors', () => {
    const FIELDS = 'ok error entity { id name state hasStatusNotificationsEnabled remoteNetwork { id } }';
    test('are made with a name, or are given one, and have not been heard of', async () => {
      const named = await run(
        `connectorCreate(remoteNetworkId: "${net}", name: "  Some   connector   name ")`,
        FIELDS,
      );
      expect(named).toEqual({
        ok: true,
        error: null,
        entity: {
          id: expect.any(String),
          name: 'Some connector name',
          state: 'DEAD_NO_HEARTBEAT',
          hasStatusNotificationsEnabled: true,
          remoteNetwork: { id: net },
        },
      });
      const unnamed = await run(
        `connectorCreate(remoteNetworkId: "${net}", hasStatusNotificationsEnabled: false)`,
        FIELDS,
      );
      expect(unnamed.entity).toMatchObject({
        name: expect.stringMatching(/^[a-z]+-[a-z]+-[a-z0-9]{3}$/u),
        hasStatusNotificationsEnabled: false,
      });
    });

    test('have names of their own in their network, and change them', async () => {
      const lab = gid('RemoteNetwork', seeded.networks.lab.id);
      const { entity } = await run(`connectorCreate(remoteNetworkId: "${net}", name: "edge one")`);
      expect(await run(`connectorCreate(remoteNetworkId: "${net}", name: "Edge  One")`)).toMatchObject(
        refused('^A Connector with this name already exists\\.$'),
      );
      expect(await run(`connectorCreate(remoteNetworkId: "${lab}", name: "edge one")`)).toMatchObject({
        ok: true,
      });
      expect(await run(`connectorCreate(remoteNetworkId: "${net}", name: "ab")`)).toMatchObject(
        refused('3 characters'),
      );
      expect(
        await run(
          `connectorUpdate(id: "${entity.id}", name: null, hasStatusNotificationsEnabled: false)`,
          FIELDS,
        ),
      ).toMatchObject({ entity: { name: 'edge one', hasStatusNotificationsEnabled: false } });
      expect(await run(`connectorUpdate(id: "${entity.id}", name: "edge two")`, FIELDS)).toMatchObject({
        entity: { name: 'edge two' },
      });
      expect(await run(`connectorUpdate(id: "${entity.id}", name: "never")`)).toMatchObject(
        refused('already exists'),
      );
      expect(await run(`connectorDelete(id: "${entity.id}")`, 'ok error')).toEqual({ ok: true, error: null });
      expect(await run(`connectorDelete(id: "${entity.id}")`, 'ok error')).toEqual({
        ok: false,
        error: `Connector with id '${entity.id}' does not exist`,
      });
    });

    const validate = async (access: string, refresh: unknown) =>
      await api.call('POST', '/api/v4/connector/validate_tokens', {
        token: access,
        body: { refresh_token: refresh },
      });
    const generate = async (id: string) => {
      const { ok, connectorTokens } = await run(
        `connectorGenerateTokens(connectorId: "${id}")`,
        'ok error connectorTokens { accessToken refreshToken }',
      );
      expect(ok).toBe(true);
      return connectorTokens as { accessToken: string; refreshToken: string };
    };

    test('get pairs of tokens, of which the last is good', async () => {
      const { entity } = await run(`connectorCreate(remoteNetworkId: "${net}", name: "tokens")`);
      const other = await run(`connectorCreate(remoteNetworkId: "${net}", name: "other tokens")`);
      const first = await generate(entity.id);
      const answer = await validate(first.accessToken, first.refreshToken);
      expect([answer.status, answer.json()]).toEqual([200, {}]);
      const foreign = await generate(other.entity.id);
      const second = await generate(entity.id);
      expect((await validate(second.accessToken, second.refreshToken)).status).toBe(200);
      for (const [access, refresh] of [
        [first.accessToken, first.refreshToken],
        [second.accessToken, first.refreshToken],
        [second.accessToken, foreign.refreshToken],
        [second.refreshToken, second.accessToken],
        [second.accessToken, ''],
        [second.accessToken, 7],
        ['nonsense', second.refreshToken],
        [api.token, api.token],
      ] as const) {
        expect((await validate(access, refresh)).status).toBe(401);
      }
      await run(`connectorDelete(id: "${entity.id}")`, 'ok');
      expect((await validate(second.accessToken, second.refreshToken)).status).toBe(401);
    });

    test('lose their device to a new pair', async () => {
      const id = gid('Connector', seeded.gateways.alive.id);
      const state = async () =>
        (await gql('query($id: ID!) { connector(id: $id) { state } }', { id })).data.connector.state;
      expect(await state()).toBe('ALIVE');
      await generate(id);
      expect(await state()).toBe('DEAD_NO_HEARTBEAT');
    });

    test('give tokens only to who may make keys', async () => {
      const scoped = await api.createToken(acme, api.owner, ['networks']);
      const id = gid('Connector', seeded.gateways.never.id);
      expect(
        await run(`connectorGenerateTokens(connectorId: "${id}")`, 'ok error', undefined, scoped),
      ).toMatchObject(refused('permission'));
    });
  });

  describe('resources', () => {
    const FIELDS = `ok error entity { id name address { type value } alias isActive isVisible isBrowserShortcutEnabled routingMode
      protocols { allowIcmp tcp { policy ports { start end } } udp { policy ports { start end } } } securityPolicy { name } tags { key value }
      approvalMode accessPolicy { mode durationSeconds } usageBasedAutolockDurationDays remoteNetwork { id }
      access { edges { node { ... on Group { name } } } } approverGroups { edges { node { name } } } }`;
    const create = (rest = '', address = '10.1.2.3', variables?: Record<string, unknown>) =>
      run(
        `resourceCreate(name: "r", address: ${JSON.stringify(address)}, remoteNetworkId: "${net}"${rest === '' ? '' : `, ${rest}`})`,
        FIELDS,
        variables,
      );

    test('let only those who give access say on what terms it is and who approves it', async () => {
      const { entity } = await create('accessPolicy: {mode: ACCESS_REQUEST, durationSeconds: 3600}');
      const scoped = await api.createToken(acme, api.owner, ['networks']);
      const update = (rest: string) =>
        run(`resourceUpdate(id: "${entity.id}", ${rest})`, 'ok error', undefined, scoped);
      const group = gid('Group', seeded.groups.ops.id);
      for (const rest of [
        'accessPolicy: {mode: MANUAL}',
        'approvalMode: AUTOMATIC',
        `securityPolicyId: "${gid('SecurityPolicy', seeded.policy.id)}"`,
        `approverGroupIds: ["${group}"]`,
        `groupIds: ["${group}"]`,
      ]) {
        expect(await update(rest), rest).toMatchObject(refused('permission'));
      }
      // What stands there already may be sent along.
      expect(
        await update(
          'name: "r", isActive: true, approverGroupIds: [], accessPolicy: {mode: ACCESS_REQUEST, durationSeconds: 3600}',
        ),
      ).toEqual({ ok: true, error: null });
      await run(`resourceDelete(id: "${entity.id}")`, 'ok');
    });

    test('are made with the defaults of the contract', async () => {
      const open = { policy: 'ALLOW_ALL', ports: [] };
      expect(await create()).toEqual({
        ok: true,
        error: null,
        entity: {
          id: expect.any(String),
          name: 'r',
          address: { type: 'IP', value: '10.1.2.3' },
          alias: null,
          isActive: true,
          isVisible: true,
          isBrowserShortcutEnabled: false,
          routingMode: 'THROUGH_TWINGATE',
          protocols: { allowIcmp: true, tcp: open, udp: open },
          securityPolicy: null,
          tags: [],
          approvalMode: 'MANUAL',
          accessPolicy: { mode: 'MANUAL', durationSeconds: null },
          usageBasedAutolockDurationDays: null,
          remoteNetwork: { id: net },
          access: { edges: [] },
          approverGroups: { edges: [] },
        },
      });
    });

    test.each([
      ['10.1.2.3', 'IP'],
      ['10.1.0.0/16', 'IP'],
      ['2001:db8::/32', 'IP'],
      ['::1', 'IP'],
      ['host', 'DNS'],
      ['db.internal.test', 'DNS'],
      ['*.internal.test', 'DNS'],
      ['db?.internal.*', 'DNS'],
      ['_srv.test', 'DNS'],
    ])('take the address %s as %s', async (address, type) => {
      expect((await create('', address)).entity.address).toEqual({ type, value: address });
    });

    test.each([
      '',
      ' ',
      '10.1.0.1/16',
      '300.1.1.1',
      '10.1.2',
      'a b',
      'http://x',
      '-x.test',
      'x..test',
      `${'x'.repeat(64)}.test`,
      '10.0.0.0/33',
    ])('refuse the address %j', async (address) => {
      expect(await create('', address)).toMatchObject(refused('^Invalid IP or FQDN$'));
    });

    test.each(['100.79.1.2', '100.64.0.0/12', '100.100.100.100/32', 'fd7a:115c:a1e0::5'])(
      "refuse the address %s, which is a device's",
      async (address) => {
        const why = `^Invalid address: ${address} lies where devices have their own addresses$`;
        expect(await create('', address)).toMatchObject(refused(why));
        const { entity } = await create('', '10.0.0.9');
        const update = `resourceUpdate(id: "${entity.id}", address: "${address}")`;
        expect(await run(update, 'ok error')).toMatchObject(refused(why));
        expect(await create('', '100.0.0.0/8')).toMatchObject({ ok: true });
        expect(await create('', 'fd7a:115c:a1e0:b1a:0:7:a01:100/120')).toMatchObject({ ok: true });
      },
    );

    test.each(['"test-com"', '""', '"*.test.com"', '"a b.test"', '"10.0.0.1"'])(
      'refuse the alias %s',
      async (alias) => {
        expect(await create(`alias: ${alias}`)).toMatchObject(refused('Alias must be a valid DNS name'));
      },
    );

    test('keep ports as they were given, and refuse what is no port', async () => {
      const restricted = (ports: object[]) => ({
        protocols: { allowIcmp: false, tcp: { policy: 'RESTRICTED', ports }, udp: null },
      });
      const made = await create(
        'protocols: $protocols',
        '10.1.2.3',
        restricted([
          { start: 443, end: 443 },
          { start: 80, end: 90 },
        ]),
      );
      expect(made.entity.protocols).toEqual({
        allowIcmp: false,
        tcp: {
          policy: 'RESTRICTED',
          ports: [
            { start: 443, end: 443 },
            { start: 80, end: 90 },
          ],
        },
        udp: { policy: 'ALLOW_ALL', ports: [] },
      });
      for (const port of [
        { start: 0, end: 1 },
        { start: 65_536, end: 65_536 },
        { start: 9, end: 8 },
      ]) {
        expect(await create('protocols: $protocols', '10.1.2.3', restricted([port]))).toMatchObject(
          refused('port range'),
        );
      }
    });

    test('change by what is given: absent keeps, null clears what can be cleared', async () => {
      const policy = await seed(api.store, acme.organization.id, (tx) =>
        tx.insert('securityPolicy', {
          org: acme.organization.id,
          id: tx.newId(),
          name: `P${engine}`,
          type: 'resource',
          conditions: [],
          createdAt: 1,
          updatedAt: 1,
        }),
      );
      const { entity } = await create(
        `alias: "a.test", tags: [{key: "env", value: "x"}, {key: " b ", value: " y "}], securityPolicyId: "${gid('SecurityPolicy', policy.id)}", isVisible: false, isBrowserShortcutEnabled: true, usageBasedAutolockDurationDays: 3`,
      );
      expect(entity).toMatchObject({
        alias: 'a.test',
        tags: [
          { key: 'b', value: 'y' },
          { key: 'env', value: 'x' },
        ],
        securityPolicy: { name: `P${engine}` },
        isVisible: false,
        isBrowserShortcutEnabled: true,
        usageBasedAutolockDurationDays: 3,
        accessPolicy: { mode: 'AUTO_LOCK', durationSeconds: 3 * DAY_S },
      });
      const update = (rest: string) => run(`resourceUpdate(id: "${entity.id}", ${rest})`, FIELDS);
      const kept = await update(
        'name: null, isVisible: null, isBrowserShortcutEnabled: null, protocols: null, routingMode: null, approvalMode: null, isActive: null',
      );
      expect(kept.entity).toEqual(entity);
      const changed = await update('name: "new", address: "new.test", isActive: false');
      expect(changed.entity).toEqual({
        ...entity,
        name: 'new',
        address: { type: 'DNS', value: 'new.test' },
        isActive: false,
      });
      const cleared = await update(
        'alias: null, tags: null, securityPolicyId: null, usageBasedAutolockDurationDays: null',
      );
      expect(cleared.entity).toMatchObject({
        alias: null,
        tags: [],
        securityPolicy: null,
        usageBasedAutolockDurationDays: null,
        accessPolicy: { mode: 'MANUAL', durationSeconds: null },
      });
      const before = await head();
      await update('name: "new", isVisible: false, tags: []');
      expect(await head()).toBe(before);
    });

    test.each([
      ['{mode: AUTO_LOCK}', 'AUTO_LOCK needs durationSeconds'],
      [`{mode: AUTO_LOCK, durationSeconds: ${DAY_S - 1}}`, 'AUTO_LOCK needs durationSeconds'],
      ['{mode: ACCESS_REQUEST, durationSeconds: 3599}', '1 hour to 365 days'],
      [`{mode: ACCESS_REQUEST, durationSeconds: ${366 * DAY_S}}`, '1 hour to 365 days'],
      ['{mode: MANUAL, durationSeconds: 5}', 'MANUAL takes no durationSeconds'],
    ])('refuse the access policy %s', async (policy, message) => {
      expect(await create(`accessPolicy: ${policy}`)).toMatchObject(refused(message));
    });

    test('echo the access policy, and reset the approval with MANUAL', async () => {
      const { entity } = await create('accessPolicy: {mode: ACCESS_REQUEST}, approvalMode: AUTOMATIC');
      expect(entity).toMatchObject({
        accessPolicy: { mode: 'ACCESS_REQUEST', durationSeconds: null },
        approvalMode: 'AUTOMATIC',
      });
      const after = await run(
        `resourceUpdate(id: "${entity.id}", accessPolicy: {mode: MANUAL, durationSeconds: null}, approvalMode: null)`,
        FIELDS,
      );
      expect(after.entity).toMatchObject({
        accessPolicy: { mode: 'MANUAL', durationSeconds: null },
        approvalMode: 'MANUAL',
      });
    });

    test.each([
      ['isBrowserShortcutEnabled: true', '10.0.0.0/8', "can't have the browser shortcut"],
      ['isBrowserShortcutEnabled: true', '*.x.test', "can't have the browser shortcut"],
      ['routingMode: BYPASS_TWINGATE', '*.x.test', 'Bypass Resources cannot have a wildcard address'],
      [
        'routingMode: BYPASS_TWINGATE, protocols: {allowIcmp: true, tcp: {policy: RESTRICTED}, udp: {policy: ALLOW_ALL}}',
        'x.test',
        'Bypass Resources cannot have port restrictions',
      ],
      ['tags: [{key: "a", value: "1"}, {key: "a", value: "2"}]', 'x.test', 'twice'],
      ['tags: [{key: "tgx", value: "1"}]', 'x.test', "must not start with 'tg'"],
      ['tags: [{key: "", value: "1"}]', 'x.test', 'tag key'],
      ['name: ""', 'x.test', null],
    ])('refuse %s on %s', async (rest, address, message) => {
      if (message === null) {
        expect(
          await run(`resourceCreate(name: " ", address: "x.test", remoteNetworkId: "${net}")`),
        ).toMatchObject(refused('name'));
        return;
      }
      const before = await head();
      expect(await create(rest, address)).toMatchObject(refused(message));
      expect(await head()).toBe(before);
    });

    test('open to groups and have approvers, and go with all of it', async () => {
      const ops = gid('Group', seeded.groups.ops.id);
      const twin = gid('Group', seeded.groups.twin.id);
      const { entity } = await create(`groupIds: ["${ops}"], approverGroupIds: ["${twin}"]`);
      expect(entity.access.edges).toEqual([{ node: { name: 'Ops' } }]);
      expect(entity.approverGroups.edges).toHaveLength(1);
      const after = await run(
        `resourceUpdate(id: "${entity.id}", addedGroupIds: ["${twin}"], removedGroupIds: ["${ops}"], removedApproverGroupIds: ["${twin}"])`,
        FIELDS,
      );
      expect([after.entity.access.edges.length, after.entity.approverGroups.edges.length]).toEqual([1, 0]);
      expect(await run(`resourceDelete(id: "${entity.id}")`, 'ok error')).toEqual({ ok: true, error: null });
      const id = Number(Buffer.from(entity.id, 'base64').toString().split(':')[1]);
      expect(await api.store.find('accessEdge', acme.organization.id, { resource: id })).toEqual([]);
      expect(await run(`resourceDelete(id: "${entity.id}")`, 'ok error')).toMatchObject(
        refused('does not exist'),
      );
    });
  });

  describe('access', () => {
    let resource: string;
    let robot: string;
    const [OPS, TWIN] = [() => gid('Group', seeded.groups.ops.id), () => gid('Group', seeded.groups.twin.id)];
    beforeAll(async () => {
      const made = await run(
        `resourceCreate(name: "access", address: "10.9.9.9", remoteNetworkId: "${net}")`,
      );
      resource = made.entity.id;
      robot = gid('ServiceAccount', seeded.robot.id);
    });
    const FIELDS = `ok error entity { access { totalCount edges { expiresAt usageBasedAutolockDurationDays approvalMode accessPolicy { mode durationSeconds } securityPolicy { name }
      node { __typename ... on Group { id } ... on ServiceAccount { id } } } } }`;
    const change = async (how: 'Add' | 'Set', access: object[]) =>
      run(`resourceAccess${how}(resourceId: "${resource}", access: $access)`, FIELDS, { access });
    const ids = (payload: { entity: { access: { edges: { node: { id: string } }[] } } }) =>
      payload.entity.access.edges.map(({ node }) => node.id);

    test('is added by principal, set as a whole, and taken away', async () => {
      expect(ids(await change('Add', [{ principalId: OPS() }, { principalId: robot }]))).toEqual([
        OPS(),
        robot,
      ]);
      expect(ids(await change('Add', [{ principalId: TWIN() }]))).toEqual([OPS(), robot, TWIN()]);
      expect(ids(await change('Set', [{ principalId: TWIN() }, { principalId: OPS() }]))).toEqual([
        OPS(),
        TWIN(),
      ]);
      const removed = await run(
        `resourceAccessRemove(resourceId: "${resource}", principalIds: ["${OPS()}", "nonsense", "${gid('Group', 2 ** 40)}"])`,
        FIELDS,
      );
      expect(ids(removed)).toEqual([TWIN()]);
      expect(ids(await change('Set', []))).toEqual([]);
    });

    test('keeps what is not named and drops what is null', async () => {
      const expiresAt = new Date(api.clock.now() + 3_600_000).toISOString();
      const first = await change('Set', [
        {
          principalId: OPS(),
          expiresAt,
          accessPolicy: { mode: 'AUTO_LOCK', durationSeconds: 2 * DAY_S },
          approvalMode: 'AUTOMATIC',
          securityPolicyId: null,
        },
      ]);
      expect(first.entity.access.edges[0]).toMatchObject({
        expiresAt,
        usageBasedAutolockDurationDays: 2,
        approvalMode: 'AUTOMATIC',
        accessPolicy: { mode: 'AUTO_LOCK', durationSeconds: 2 * DAY_S },
        securityPolicy: null,
      });
      const same = await change('Add', [{ principalId: OPS() }]);
      expect(same.entity.access.edges).toEqual(first.entity.access.edges);
      const dropped = await change('Add', [
        { principalId: OPS(), expiresAt: null, accessPolicy: null, approvalMode: null },
      ]);
      expect(dropped.entity.access.edges[0]).toMatchObject({
        expiresAt: null,
        usageBasedAutolockDurationDays: null,
        approvalMode: null,
        accessPolicy: null,
      });
    });

    test('echoes what Terraform sends for plain access, so that it sees no difference', async () => {
      const plain = await change('Set', [
        {
          principalId: OPS(),
          securityPolicyId: null,
          expiresAt: null,
          accessPolicy: { mode: 'MANUAL', durationSeconds: null },
          approvalMode: null,
        },
        {
          principalId: robot,
          securityPolicyId: null,
          expiresAt: null,
          accessPolicy: null,
          approvalMode: null,
        },
      ]);
      expect(plain.entity.access.edges[0]).toMatchObject({
        accessPolicy: { mode: 'MANUAL', durationSeconds: null },
        approvalMode: null,
      });
      expect(plain.entity.access.edges[1]).toMatchObject({ accessPolicy: null, approvalMode: null });
      const before = await head();
      await change('Set', [
        { principalId: OPS(), accessPolicy: { mode: 'MANUAL', durationSeconds: null }, approvalMode: null },
        { principalId: robot, accessPolicy: null },
      ]);
      expect(await head()).toBe(before);
    });

    test.each([
      [
        'a service account with an end',
        () => [{ principalId: robot, expiresAt: '2099-01-01T00:00:00Z' }],
        'cannot be set for a ServiceAccount',
      ],
      [
        'a service account that locks',
        () => [{ principalId: robot, usageBasedAutolockDurationDays: 1 }],
        'cannot be set for a ServiceAccount',
      ],
      ['an end in the past', () => [{ principalId: OPS(), expiresAt: '2001-01-01T00:00:00Z' }], 'future'],
      ['one principal twice', () => [{ principalId: OPS() }, { principalId: OPS() }], 'twice'],
      ['a user', () => [{ principalId: gid('User', api.owner.id) }], 'does not exist'],
      [
        'an unknown group',
        () => [{ principalId: gid('Group', 2 ** 40) }],
        '^Group with id .* does not exist$',
      ],
    ])('is refused to %s', async (_name, access, message) => {
      const before = await head();
      expect(await change('Add', access())).toMatchObject(refused(message));
      expect(await head()).toBe(before);
    });

    test('of a resource that is not there is told in the words that operators look for', async () => {
      const nowhere = gid('Resource', 2 ** 40);
      for (const call of [
        `resourceAccessRemove(resourceId: "${nowhere}", principalIds: [])`,
        `resourceAccessSet(resourceId: "${nowhere}", access: [])`,
      ]) {
        expect(await run(call, 'ok error')).toEqual({
          ok: false,
          error: `Resource with id '${nowhere}' does not exist`,
        });
      }
    });

    test('is an access reviewer’s to see and not to give', async () => {
      const { token } = await api.createMember(acme, 'access-reviewer', 'reviewer');
      expect(
        await run(`resourceAccessSet(resourceId: "${resource}", access: [])`, 'ok error', undefined, token),
      ).toMatchObject(refused('permission'));
    });
  });

  describe('service accounts', () => {
    const FIELDS = 'ok error entity { id name resources { edges { node { name } } } }';
    test('are made, renamed, opened to resources and deleted with their keys', async () => {
      const database = gid('Resource', seeded.resources.database.id);
      const wiki = gid('Resource', seeded.resources.wiki.id);
      const made = await run(`serviceAccountCreate(name: "ci", resourceIds: ["${database}"])`, FIELDS);
      expect(made).toEqual({
        ok: true,
        error: null,
        entity: {
          id: expect.any(String),
          name: 'ci',
          resources: { edges: [{ node: { name: 'database' } }] },
        },
      });
      const { id } = made.entity;
      expect(
        (await run(`serviceAccountUpdate(id: "${id}", name: "cd", addedResourceIds: [])`, FIELDS)).entity,
      ).toMatchObject({ name: 'cd' });
      expect(
        (
          await run(
            `serviceAccountUpdate(id: "${id}", addedResourceIds: ["${wiki}"], removedResourceIds: ["${database}"])`,
            FIELDS,
          )
        ).entity.resources.edges,
      ).toEqual([{ node: { name: 'wiki' } }]);
      const key = await run(
        `serviceAccountKeyCreate(serviceAccountId: "${id}", expirationTime: 0)`,
        'ok token entity { id }',
      );
      expect(await run(`serviceAccountDelete(id: "${id}")`, 'ok error')).toEqual({ ok: true, error: null });
      const { data } = await gql(
        'query($k: ID!, $a: ID!) { serviceAccountKey(id: $k) { id } serviceAccount(id: $a) { id } }',
        { k: key.entity.id, a: id },
      );
      expect(data).toEqual({ serviceAccountKey: null, serviceAccount: null });
    });

    test('hold keys: shown once, with an end, revoked before they are deleted', async () => {
      const robot = gid('ServiceAccount', seeded.robot.id);
      const KEY = 'ok error token entity { id name status expiresAt revokedAt serviceAccount { id } }';
      const made = await run(
        `serviceAccountKeyCreate(serviceAccountId: "${robot}", expirationTime: 30, name: "thirty")`,
        KEY,
      );
      expect(made).toMatchObject({
        ok: true,
        token: expect.stringMatching(/^tskey-service-/u),
        entity: {
          name: 'thirty',
          status: 'ACTIVE',
          revokedAt: null,
          expiresAt: new Date(api.clock.now() + 30 * DAY_S * 1000).toISOString(),
          serviceAccount: { id: robot },
        },
      });
      const { id } = made.entity;
      expect(await run(`serviceAccountKeyUpdate(id: "${id}", name: "renamed")`)).toMatchObject({ ok: true });
      expect(await run(`serviceAccountKeyDelete(id: "${id}")`, 'ok error')).toMatchObject(
        refused('revoke it first'),
      );
      expect(
        await run(`serviceAccountKeyRevoke(id: "${id}")`, 'ok entity { name status revokedAt }'),
      ).toMatchObject({ entity: { name: 'renamed', status: 'REVOKED', revokedAt: expect.any(String) } });
      expect(await run(`serviceAccountKeyDelete(id: "${id}")`, 'ok error')).toEqual({
        ok: true,
        error: null,
      });
      const forever = await run(
        `serviceAccountKeyCreate(serviceAccountId: "${robot}", expirationTime: 0)`,
        KEY,
      );
      expect(forever.entity).toMatchObject({ expiresAt: null, name: expect.stringContaining('robot') });
      for (const days of [-1, 366]) {
        expect(
          await run(`serviceAccountKeyCreate(serviceAccountId: "${robot}", expirationTime: ${days})`, KEY),
        ).toMatchObject(refused('0 to 365'));
      }
      const short = await run(
        `serviceAccountKeyCreate(serviceAccountId: "${robot}", expirationTime: 1)`,
        KEY,
      );
      api.clock.advance(2 * DAY_S * 1000);
      const { data } = await gql('query($id: ID!) { serviceAccountKey(id: $id) { status } }', {
        id: short.entity.id,
      });
      expect(data.serviceAccountKey.status).toBe('EXPIRED');
    });

    test('lose what joined with a key when it is revoked, and nothing else', async () => {
      const org = acme.organization.id;
      const robot = gid('ServiceAccount', seeded.robot.id);
      const make = async (): Promise<{ id: string; credential: number }> => {
        const { entity } = await run(
          `serviceAccountKeyCreate(serviceAccountId: "${robot}", expirationTime: 0)`,
          'ok entity { id }',
        );
        const text = Buffer.from(entity.id, 'base64').toString();
        return { id: entity.id, credential: Number(text.slice(text.indexOf(':') + 1)) };
      };
      const [ended, other] = [await make(), await make()];
      const owned = { ownerKind: 'service_account', owner: seeded.robot.id } as const;
      const devices = await addDevices(api, org, [
        { label: 'job-one', patch: { ...owned, credential: ended.credential, expiryDisabled: true } },
        { label: 'job-two', patch: { ...owned, credential: other.credential, expiryDisabled: true } },
      ]);
      await run(`serviceAccountKeyRevoke(id: "${ended.id}")`, 'ok');
      const [one, two] = await Promise.all(devices.map(({ id }) => api.store.get('device', org, id)));
      expect(one).toMatchObject({ expiryDisabled: false, keyExpiresAt: expect.any(Number) });
      expect(one?.keyExpiresAt).toBeLessThanOrEqual(api.clock.now());
      expect(two).toMatchObject({ expiryDisabled: true, keyExpiresAt: devices[1]?.keyExpiresAt });
    });

    test('that administrate are keyed, changed and deleted only by who holds as much', async () => {
      const org = acme.organization.id;
      const account = await seed(api.store, org, (tx) =>
        insertServiceAccount(tx, org, { name: 'terraform', role: 'org-service' }),
      );
      const id = gid('ServiceAccount', account.id);
      const scoped = await api.createToken(acme, api.owner, ['service_accounts', 'access']);
      for (const call of [
        `serviceAccountKeyCreate(serviceAccountId: "${id}", expirationTime: 1)`,
        `serviceAccountUpdate(id: "${id}", name: "x")`,
        `serviceAccountDelete(id: "${id}")`,
      ]) {
        expect(await run(call, 'ok error', undefined, scoped)).toMatchObject(refused('permission'));
      }
      expect(await run(`serviceAccountUpdate(id: "${id}", name: "renamed")`)).toMatchObject({ ok: true });
    });
  });

  test('an access that ran out and is given again begins anew, whoever gives it', async () => {
    const org = acme.organization.id;
    const [group, robot] = [seeded.groups.ops.id, seeded.robot.id];
    const resource = await seed(api.store, org, async (tx) => {
      const { id } = await insertResource(tx, org, { network: seeded.networks.prod.id, name: 'ran out' });
      return id;
    });
    const endAll = () =>
      seed(api.store, org, async (tx) => {
        for (const edge of await tx.find('accessEdge', org, { resource })) {
          await tx.update('accessEdge', org, edge.id, { expiresAt: tx.now - 1 });
        }
      });
    const id = gid('Resource', resource);
    const ACCESS = 'ok error entity { access { edges { expiresAt node { __typename } } } }';
    const given = [{ expiresAt: null, node: { __typename: 'Group' } }];
    const add = `resourceAccessAdd(resourceId: "${id}", access: [{principalId: "${gid('Group', group)}"}])`;
    expect((await run(add, ACCESS)).entity.access.edges).toEqual(given);
    await endAll();
    expect((await run(add, ACCESS)).entity.access.edges).toEqual(given);
    await endAll();
    const legacy = `resourceUpdate(id: "${id}", addedGroupIds: ["${gid('Group', group)}"])`;
    expect((await run(legacy, ACCESS)).entity.access.edges).toEqual(given);
    await endAll();
    await run(`groupUpdate(id: "${gid('Group', group)}", addedResourceIds: ["${id}"])`);
    const read = async () =>
      (await gql(`{ resource(id: "${id}") { access { totalCount } } }`)).data.resource.access.totalCount;
    expect(await read()).toBe(1);
    await run(`serviceAccountUpdate(id: "${gid('ServiceAccount', robot)}", addedResourceIds: ["${id}"])`);
    await endAll();
    expect(await read()).toBe(0);
    await run(`serviceAccountUpdate(id: "${gid('ServiceAccount', robot)}", addedResourceIds: ["${id}"])`);
    expect(await read()).toBe(1);
  });

  test('a policy never comes to stand on access to a resource that bypasses the network', async () => {
    const org = acme.organization.id;
    const group = await seed(api.store, org, (tx) => insertGroup(tx, org, { name: 'bypassers' }));
    const policy = (await run('securityPolicyCreate(name: "for bypassers")')).entity.id;
    const make = async (mode: string) =>
      (
        await run(
          `resourceCreate(name: "b", address: "10.6.0.1", remoteNetworkId: "${net}", routingMode: ${mode}, groupIds: ["${gid('Group', group.id)}"])`,
        )
      ).entity.id;
    const [bypassed, plain] = [await make('BYPASS_TWINGATE'), await make('THROUGH_TWINGATE')];
    const policyOf = async (id: string) =>
      (await gql(`{ resource(id: "${id}") { access { edges { securityPolicy { id } } } } }`)).data.resource
        .access.edges[0].securityPolicy;
    await run(`groupUpdate(id: "${gid('Group', group.id)}", securityPolicyId: "${policy}")`);
    expect([await policyOf(bypassed), await policyOf(plain)]).toEqual([null, { id: policy }]);
    await run(`securityPolicyUpdate(id: "${policy}", addedGroupIds: ["${gid('Group', group.id)}"])`);
    expect(await policyOf(bypassed)).toBeNull();
    expect(await run(`resourceUpdate(id: "${plain}", routingMode: BYPASS_TWINGATE)`)).toMatchObject(
      refused('Bypass Resources cannot have a security policy'),
    );
  });

  describe('security policies', () => {
    test('are made, given to groups and taken back to the default', async () => {
      const ops = gid('Group', seeded.groups.ops.id);
      const FIELDS = 'ok error entity { id name policyType groups { edges { node { id } } } }';
      const made = await run(`securityPolicyCreate(name: "Test Policy", groupIds: ["${ops}"])`, FIELDS);
      expect(made.entity).toMatchObject({
        policyType: 'RESOURCE',
        groups: { edges: [{ node: { id: ops } }] },
      });
      expect(await run('securityPolicyCreate(name: "Test Policy")')).toMatchObject(refused('already exists'));
      const edges = await api.store.find('accessEdge', acme.organization.id, {
        principalKind: 'group',
        principal: seeded.groups.ops.id,
      });
      expect(edges.every(({ securityPolicy }) => securityPolicy !== null)).toBe(true);
      const after = await run(
        `securityPolicyUpdate(id: "${made.entity.id}", removedGroupIds: ["${ops}"])`,
        FIELDS,
      );
      expect(after.entity.groups.edges).toEqual([]);
      const { data } = await gql('query($id: ID!) { group(id: $id) { securityPolicy { name } } }', {
        id: ops,
      });
      expect(data.group.securityPolicy.name).toBe('Default Policy');
    });
  });

  describe('devices', () => {
    const laptop = () => gid('Device', seeded.devices.laptop?.id ?? 0);
    const blocked = () => gid('Device', seeded.devices.blocked?.id ?? 0);
    test('are trusted by hand or by a listed serial number', async () => {
      const FIELDS = 'ok error entity { isTrusted }';
      expect(await run(`deviceUpdate(id: "${blocked()}", isTrusted: true)`, FIELDS)).toEqual({
        ok: true,
        error: null,
        entity: { isTrusted: true },
      });
      expect((await run(`deviceUpdate(id: "${blocked()}", isTrusted: false)`, FIELDS)).entity.isTrusted).toBe(
        false,
      );
      const created = await run(
        'serialNumbersCreate(serialNumbers: ["SN-1", "SN-2", " SN-77 "])',
        'ok error entities { serialNumber matchedDevices { id } }',
      );
      expect(created.entities).toEqual([
        { serialNumber: 'SN-2', matchedDevices: [{ id: laptop() }] },
        { serialNumber: 'SN-1', matchedDevices: [{ id: laptop() }] },
        { serialNumber: 'SN-77', matchedDevices: [] },
      ]);
      expect(await run('serialNumbersDelete(serialNumbers: ["SN-1", "SN-2", "none"])', 'ok error')).toEqual({
        ok: true,
        error: null,
      });
      const { data } = await gql('query($id: ID!) { device(id: $id) { isTrusted } }', { id: laptop() });
      expect(data.device.isTrusted).toBe(false);
      expect(await run('serialNumbersCreate(serialNumbers: ["\\"x"])', 'ok error')).toMatchObject(
        refused('no serial number'),
      );
    });

    test('are blocked and archived, and come back', async () => {
      const state = async (call: string) =>
        (await run(`${call}(id: "${laptop()}")`, 'ok entity { activeState }')).entity.activeState;
      expect(await state('deviceArchive')).toBe('ARCHIVED');
      expect(await state('deviceBlock')).toBe('BLOCKED');
      expect(await state('deviceUnarchive')).toBe('BLOCKED');
      expect(await state('deviceUnblock')).toBe('ACTIVE');
      const before = await head();
      expect(await state('deviceUnblock')).toBe('ACTIVE');
      expect(await head()).toBe(before);
    });

    test('of gateways and tags are none of this dialect’s', async () => {
      for (const device of [seeded.devices.tagged, seeded.devices.connectorDevice]) {
        expect(await run(`deviceBlock(id: "${gid('Device', device?.id ?? 0)}")`, 'ok error')).toMatchObject(
          refused('does not exist'),
        );
      }
    });
  });
});
