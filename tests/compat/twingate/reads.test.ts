import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { createTwingateServer, type Gql, gid, gqlOf, type Seeded, seedOrganization } from './support.ts';

describe.each(ENGINES)('Twingate queries on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let seeded: Seeded;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    seeded = await seedOrganization(api);
    const other = await api.createOrganization('other');
    await seedOrganization(api, other.organization.id, other.owner.id);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const names = (connection: { edges: { node: { name: string } }[] }) =>
    connection.edges.map(({ node }) => node.name);

  test('a user has every field of the contract', async () => {
    const { anna, pending, suspended } = seeded.people;
    const { data, errors } = await gql(
      `query($a: ID!, $b: ID!, $c: ID!) {
        anna: user(id: $a) { ...U } pending: user(id: $b) { ...U } local: user(id: $c) { ...U }
      }
      fragment U on User { __typename id firstName lastName email avatarUrl state role type isAdmin createdAt updatedAt
        groups { edges { node { name type } } totalCount } }`,
      { a: gid('User', anna.id), b: gid('User', pending.id), c: gid('User', suspended.id) },
    );
    expect(errors).toBeUndefined();
    expect(data.anna).toEqual({
      __typename: 'User',
      id: gid('User', anna.id),
      firstName: 'Anna',
      lastName: 'Ünal',
      email: anna.email,
      avatarUrl: null,
      state: 'ACTIVE',
      role: 'DEVOPS',
      type: 'MANUAL',
      isAdmin: false,
      createdAt: new Date(anna.createdAt).toISOString(),
      updatedAt: new Date(anna.createdAt).toISOString(),
      groups: {
        edges: [{ node: { name: 'Everyone', type: 'SYSTEM' } }, { node: { name: 'Ops', type: 'MANUAL' } }],
        totalCount: 2,
      },
    });
    expect(data.pending).toMatchObject({ state: 'PENDING', type: 'SYNCED', firstName: '', role: 'MEMBER' });
    expect(data.pending.groups.totalCount).toBe(2);
    expect(data.local).toMatchObject({ state: 'DISABLED', email: null, role: 'MEMBER' });
  });

  test('groups show members, Everyone has them all, hidden ones without members do not show', async () => {
    const { data, errors } = await gql(`{ groups { totalCount edges { node {
      id name isActive type originId securityPolicy { name policyType }
      users { totalCount edges { node { email } } } resources { totalCount edges { node { name } } } } } } }`);
    expect(errors).toBeUndefined();
    const [everyone, ops, twin] = data.groups.edges.map((edge: { node: unknown }) => edge.node);
    expect(data.groups.totalCount).toBe(3);
    expect(everyone).toMatchObject({ name: 'Everyone', type: 'SYSTEM', users: { totalCount: 4 } });
    expect(ops).toMatchObject({
      name: 'Ops',
      isActive: true,
      originId: null,
      securityPolicy: { name: 'Default Policy', policyType: 'DEFAULT_RESOURCE' },
      users: { totalCount: 2 },
      // The edge to the wiki ran out.
      resources: { totalCount: 1, edges: [{ node: { name: 'database' } }] },
    });
    expect(twin).toMatchObject({ name: 'Ops', isActive: false, type: 'SYNCED', originId: 'idp-7' });
  });

  test('a resource has its address, ports, tags, policy and access', async () => {
    const { data, errors } = await gql(
      `query($id: ID!) { resource(id: $id) {
        __typename id name address { type value } alias isActive isVisible isBrowserShortcutEnabled approvalMode
        protocols { allowIcmp tcp { policy ports { start end } } udp { policy ports { start end } } }
        accessPolicy { mode durationSeconds } usageBasedAutolockDurationDays securityPolicy { id }
        tags { key value } remoteNetwork { id name location }
        access { totalCount edges { __typename cursor expiresAt approvalMode accessPolicy { mode durationSeconds } securityPolicy { id }
          node { __typename ... on Group { id name } ... on ServiceAccount { id name } } } }
        groups { totalCount edges { node { name } } } serviceAccounts { edges { node { name } } } approverGroups { totalCount }
        ... on NetworkResource { routingMode } } }`,
      { id: gid('Resource', seeded.resources.database.id) },
    );
    expect(errors).toBeUndefined();
    const { cursor: _cursor, ...robotEdge } = data.resource.access.edges[1];
    expect(data.resource).toMatchObject({
      __typename: 'NetworkResource',
      name: 'database',
      address: { type: 'IP', value: '10.0.0.5' },
      alias: null,
      isActive: true,
      isVisible: true,
      isBrowserShortcutEnabled: false,
      approvalMode: 'AUTOMATIC',
      protocols: {
        allowIcmp: false,
        tcp: { policy: 'RESTRICTED', ports: [{ start: 5432, end: 5433 }] },
        udp: { policy: 'RESTRICTED', ports: [] },
      },
      accessPolicy: { mode: 'AUTO_LOCK', durationSeconds: 604_800 },
      usageBasedAutolockDurationDays: 7,
      securityPolicy: null,
      tags: [
        { key: 'env', value: 'prod' },
        { key: 'team', value: 'data' },
      ],
      remoteNetwork: { name: 'Prod DC', location: 'AWS' },
      groups: { totalCount: 1, edges: [{ node: { name: 'Ops' } }] },
      serviceAccounts: { edges: [{ node: { name: 'robot' } }] },
      approverGroups: { totalCount: 0 },
      routingMode: 'THROUGH_TWINGATE',
    });
    expect(data.resource.access.totalCount).toBe(2);
    expect(data.resource.access.edges[0]).toMatchObject({
      accessPolicy: null,
      approvalMode: null,
      expiresAt: null,
    });
    expect(robotEdge).toEqual({
      __typename: 'AccessEdge',
      expiresAt: new Date(seeded.edges.robotEdge.expiresAt ?? 0).toISOString(),
      approvalMode: null,
      accessPolicy: { mode: 'MANUAL', durationSeconds: null },
      securityPolicy: null,
      node: { __typename: 'ServiceAccount', id: gid('ServiceAccount', seeded.robot.id), name: 'robot' },
    });
  });

  test('access can be filtered by the kind of principal, and an edge that ran out is gone', async () => {
    const query = `query($id: ID!, $types: [PrincipalType!]) {
      resource(id: $id) { access(filter: {principalType: {in: $types}}) { totalCount } } }`;
    const count = async (id: number, types: readonly string[] | null) =>
      (await gql(query, { id: gid('Resource', id), types })).data.resource.access.totalCount;
    const { database, wiki } = seeded.resources;
    expect(await count(database.id, null)).toBe(2);
    expect(await count(database.id, ['GROUP'])).toBe(1);
    expect(await count(database.id, [])).toBe(0);
    expect(await count(wiki.id, null)).toBe(0);
  });

  test('connectors say how they are, from their device', async () => {
    const { data, errors } =
      await gql(`{ connectors { edges { node { name state lastHeartbeatAt hostname version publicIP
      privateIPs hasStatusNotificationsEnabled remoteNetwork { name networkType isActive location } } } } }`);
    expect(errors).toBeUndefined();
    const [never, alive, old, unbound] = data.connectors.edges.map((edge: { node: unknown }) => edge.node);
    expect(never).toEqual({
      name: 'never',
      state: 'DEAD_NO_HEARTBEAT',
      lastHeartbeatAt: null,
      hostname: null,
      version: null,
      publicIP: null,
      privateIPs: [],
      hasStatusNotificationsEnabled: true,
      remoteNetwork: { name: 'Prod DC', networkType: 'REGULAR', isActive: true, location: 'AWS' },
    });
    expect(alive).toMatchObject({
      state: 'ALIVE',
      publicIP: '192.0.2.1',
      hostname: `gw-${api.organization.id}`,
    });
    expect(old).toMatchObject({
      state: 'DEAD_HEARTBEAT_TOO_OLD',
      remoteNetwork: { networkType: 'EXIT', isActive: false, location: 'OTHER' },
    });
    // A newer token pair ended its binding: the device is not its own any more.
    expect(unbound).toMatchObject({ state: 'DEAD_NO_HEARTBEAT', hostname: null, lastHeartbeatAt: null });
  });

  test.each([
    [['ALIVE'], ['alive']],
    [['DEAD_HEARTBEAT_TOO_OLD'], ['alive']],
    [['DEAD_NO_HEARTBEAT'], ['never', 'unbound']],
    [['DEAD_NO_RELAYS'], []],
    [
      ['ALIVE', 'DEAD_NO_HEARTBEAT'],
      ['never', 'alive', 'unbound'],
    ],
    [null, ['never', 'alive', 'alive', 'unbound']],
  ])('connectors in state %j are %j', async (states, expected) => {
    const { data } = await gql(
      'query($s: [ConnectorState!]) { connectors(filter: {state: {in: $s}}) { edges { node { name } } } }',
      { s: states },
    );
    expect(names(data.connectors)).toEqual(expected);
  });

  test('devices are those that people own, with what the client reported', async () => {
    const { data, errors } =
      await gql(`{ devices { totalCount edges { node { id name user { email } deviceType osName osVersion
      clientVersion hostname username serialNumber manufacturerName isTrusted activeState lastConnectedAt
      internetSecurityConfiguration } } } }`);
    expect(errors).toBeUndefined();
    expect(data.devices.totalCount).toBe(3);
    const org = api.organization.id;
    expect(data.devices.edges[0].node).toMatchObject({
      name: `laptop-${org}`,
      user: { email: 'owner@acme.test' },
      osName: 'MAC_OS',
      serialNumber: 'SN-1',
      isTrusted: true,
      activeState: 'ACTIVE',
      lastConnectedAt: null,
    });
    expect(data.devices.edges[1].node).toMatchObject({
      osName: 'IOS',
      isTrusted: true,
      activeState: 'ARCHIVED',
    });
    expect(data.devices.edges[2].node).toMatchObject({ isTrusted: false, activeState: 'BLOCKED' });
    const tagged = await gql('query($id: ID!) { device(id: $id) { id } }', {
      id: gid('Device', seeded.devices.tagged?.id ?? 0),
    });
    expect(tagged).toEqual({ data: { device: null } });
  });

  test.each([
    ['{activeState: {in: [ACTIVE]}}', ['laptop']],
    ['{activeState: {in: [ARCHIVED, BLOCKED]}}', ['phone', 'blocked']],
    ['{isTrusted: {eq: true}}', ['laptop', 'phone']],
    ['{isTrusted: {eq: false}}', ['blocked']],
    ['{isTrusted: {eq: null}}', ['laptop', 'phone', 'blocked']],
    ['{serialNumber: {eq: "SN-2"}}', ['laptop']],
    ['{serialNumber: {startsWith: "SN-"}}', ['laptop']],
    ['{serialNumber: {contains: "n-1"}}', []],
    ['{serialNumber: {ne: "SN-1"}}', ['phone', 'blocked']],
    ['{serialNumber: {in: ["x", "SN-1"]}, activeState: {in: [BLOCKED]}}', []],
  ])('devices with filter %s are %j', async (filter, expected) => {
    const { data, errors } = await gql(`{ devices(filter: ${filter}) { edges { node { name } } } }`);
    expect(errors).toBeUndefined();
    expect(names(data.devices).map((name) => name.split('-')[0])).toEqual(expected);
  });

  test('serial numbers know their devices', async () => {
    const { data } = await gql(
      '{ serialNumbers { edges { node { serialNumber matchedDevices { name } } } } matched: serialNumbers(filter: {hasMatchedDevices: {eq: true}}) { totalCount } }',
    );
    expect(data.serialNumbers.edges.map((edge: { node: unknown }) => edge.node)).toEqual([
      { serialNumber: 'SN-2', matchedDevices: [{ name: `laptop-${api.organization.id}` }] },
      { serialNumber: 'SN-9', matchedDevices: [] },
    ]);
    expect(data.matched.totalCount).toBe(1);
  });

  test.each([
    ['users', '{email: {startsWith: "owner@"}}', 1],
    ['users', '{firstName: {eq: "Anna"}}', 1],
    ['users', '{firstName: {eq: "anna"}}', 0],
    ['users', '{firstName: {ne: "Anna"}}', 3],
    ['users', '{lastName: {in: ["", "Ünal"]}}', 4],
    ['users', '{email: {regexp: "^(anna|owner)@.+test$"}}', 2],
    ['users', '{role: {in: [ADMIN, DEVOPS]}}', 2],
    ['users', '{role: {in: []}}', 0],
    ['users', '{type: {in: [SYNCED]}}', 1],
    ['users', '{email: null, type: {in: null}}', 4],
    [
      'groups',
      '{name: {eq: "Ops", ne: null, startsWith: null, endsWith: null, regexp: null, contains: null, in: null}}',
      2,
    ],
    ['groups', '{isActive: {eq: true}, type: {in: [MANUAL, SYNCED, SYSTEM]}}', 2],
    ['groups', '{originId: {eq: "idp-7"}}', 1],
    ['remoteNetworks', '{name: {contains: "D"}}', 1],
    ['resources', '{name: {endsWith: "base"}}', 1],
    [
      'resources',
      '{tags: {and: [{key: "env", value: {eq: "prod"}}, {key: "team", value: {in: ["x", "data"]}}]}}',
      1,
    ],
    ['resources', '{tags: {and: [{key: "env", value: {eq: "prod"}}, {key: "team", value: {eq: "x"}}]}}', 0],
    ['resources', '{tags: {and: [{key: "env"}]}}', 1],
    ['resources', '{remoteNetworkId: {eq: "nonsense"}}', 0],
    ['securityPolicies', '{name: {eq: "Default Policy"}, policyType: {in: [DEFAULT_RESOURCE]}}', 1],
    ['serviceAccounts', '{name: {eq: "robot"}}', 1],
    ['serviceAccounts', 'null', 1],
    ['accessRequests', '{userId: {in: ["x"]}}', 0],
  ])('%s with filter %s are %i', async (field, filter, expected) => {
    const { data, errors } = await gql(
      `{ it: ${field}(filter: ${filter}) { totalCount edges { node { id } } } }`,
    );
    expect(errors).toBeUndefined();
    expect([data.it.totalCount, data.it.edges.length]).toEqual([expected, expected]);
  });

  test('resources are found by their network', async () => {
    const { data } = await gql(
      'query($id: ID, $in: [ID!]) { a: resources(filter: {remoteNetworkId: {eq: $id}}) { edges { node { name } } } b: resources(filter: {remoteNetworkId: {in: $in}}) { totalCount } }',
      {
        id: gid('RemoteNetwork', seeded.networks.lab.id),
        in: [gid('RemoteNetwork', seeded.networks.lab.id), gid('RemoteNetwork', seeded.networks.prod.id)],
      },
    );
    expect(names(data.a)).toEqual(['wiki']);
    expect(data.b.totalCount).toBe(2);
  });

  test('what does not exist is null without an error, whatever is wrong with its id', async () => {
    const ids = [
      gid('User', 2 ** 52),
      gid('Group', seeded.people.anna.id),
      gid('User', seeded.groups.ops.id),
      'not base64 !',
      '',
      gid('User', 1).replace(/=+$/u, ''),
      Buffer.from('User:007').toString('base64'),
      Buffer.from('User:1:2').toString('base64'),
      'x'.repeat(10_000),
    ];
    for (const id of ids) {
      expect(await gql('query($id: ID!) { user(id: $id) { id } }', { id })).toEqual({ data: { user: null } });
    }
  });

  test('a network and a policy are also found by name, and an empty id is none', async () => {
    const { data } = await gql(`{
      byName: remoteNetwork(name: "Lab") { name } none: remoteNetwork { name }
      policy: securityPolicy(id: "", name: "Default Policy") { name groups { totalCount } }
    }`);
    expect(data).toEqual({
      byName: { name: 'Lab' },
      none: null,
      policy: { name: 'Default Policy', groups: { totalCount: 3 } },
    });
  });
});
