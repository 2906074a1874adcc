// A private service behind connectors, made over the GraphQL API and used through real clients: who may reach it, over which
// port, by address and by name; what takes over when a connector dies; and what is left when access and all the rest go.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import type { RealDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import { createPrivateNetworkWorld, PLANT, type PrivateNetworkWorld } from './private-network-world.ts';

const TEST_MS = 120_000;
const SETTLE_MS = 30_000;
/** An access that goes ends an open connection within a second; asserted at five times that. */
const END_MS = 5_000;
/** How long a connector that vanished may come back before another takes its place, and then some. */
const TAKE_OVER_MS = 60_000;
const POLL_MS = 100;
/** A connection over which something is sent twenty times a second is alive while its last answer is no older. */
const BUSY_MS = 2_000;

const missing = unless(await whyNoRealClients());

describe('a private network behind connectors', missing, () => {
  let it_: PrivateNetworkWorld;
  const ids = new Map<string, string>();
  const devices = new Map<string, RealDevice>();

  const make = async (
    name: string,
    mutation: string,
    variables: Record<string, unknown> = {},
  ): Promise<string> => {
    const { made } = (await it_.gql(mutation, variables)) as unknown as {
      made: { ok: boolean; error: string | null; entity: { id: string } };
    };
    if (!made.ok) throw new Error(`${mutation}: ${made.error}`);
    ids.set(name, made.entity.id);
    return made.entity.id;
  };
  const id = (name: string): string => ids.get(name) ?? '';
  const done = async (mutation: string, variables: Record<string, unknown> = {}): Promise<void> => {
    const { it: answer } = (await it_.gql(mutation, variables)) as unknown as {
      it: { ok: boolean; error: string | null };
    };
    if (!answer.ok) throw new Error(`${mutation}: ${answer.error}`);
  };
  const tokenOf = async (connector: string): Promise<string> => {
    const { it: answer } = (await it_.gql(
      'mutation generateConnectorTokens($connectorId: ID!) { it: connectorGenerateTokens(connectorId: $connectorId) { connectorTokens { accessToken refreshToken } ok error } }',
      { connectorId: connector },
    )) as unknown as { it: { connectorTokens: { accessToken: string } } };
    return answer.connectorTokens.accessToken;
  };
  /** Until it holds; clients take a moment to find each other. */
  const until = async (holds: () => Promise<boolean>, ms = SETTLE_MS): Promise<boolean> => {
    for (const deadline = performance.now() + ms; performance.now() < deadline; await sleep(POLL_MS)) {
      if (await holds()) return true;
    }
    return holds();
  };
  const answers = async (from: string, target: string): Promise<boolean> =>
    (await it_.probe(from, [target]))[0] === true;
  const connectorState = async (name: string): Promise<string> => {
    const { connector } = (await it_.gql(
      'query readConnector($id: ID!) { connector(id: $id) { id state } }',
      {
        id: id(name),
      },
    )) as unknown as { connector: { state: string } };
    return connector.state;
  };

  const RESOURCE =
    'mutation createResource($name: String!, $address: String!, $remoteNetworkId: ID!, $protocols: ProtocolsInput, $alias: String) { made: resourceCreate(name: $name, address: $address, remoteNetworkId: $remoteNetworkId, protocols: $protocols, alias: $alias) { entity { id } ok error } }';
  const ACCESS =
    'mutation addResourceAccess($id: ID!, $access: [AccessInput!]!) { it: resourceAccessAdd(resourceId: $id, access: $access) { ok error } }';
  const CLOSE =
    'mutation removeResourceAccess($id: ID!, $principalIds: [ID!]!) { it: resourceAccessRemove(resourceId: $id, principalIds: $principalIds) { ok error } }';
  const onlyPort = (port: number) => ({
    allowIcmp: false,
    tcp: { policy: 'RESTRICTED', ports: [{ start: port, end: port }] },
    udp: { policy: 'RESTRICTED', ports: [] },
  });

  beforeAll(async () => {
    it_ = await createPrivateNetworkWorld();
    const remoteNetworkId = await make(
      'network',
      'mutation createRemoteNetwork($name: String!, $isActive: Boolean!, $location: RemoteNetworkLocation!) { made: remoteNetworkCreate(name: $name, isActive: $isActive, location: $location) { entity { id } ok error } }',
      { name: 'Plant', isActive: true, location: 'ON_PREMISE' },
    );
    const CONNECTOR =
      'mutation createConnector($remoteNetworkId: ID!, $name: String) { made: connectorCreate(remoteNetworkId: $remoteNetworkId, name: $name) { entity { id } ok error } }';
    for (const name of ['near', 'far']) await make(name, CONNECTOR, { remoteNetworkId, name });
    const USER =
      'mutation createUser($email: String!, $role: UserRole!) { made: userCreate(email: $email, role: $role, shouldSendInvite: false) { entity { id } ok error } }';
    await make('ada', USER, { email: 'ada@acme.test', role: 'MEMBER' });
    await make('bob', USER, { email: 'bob@acme.test', role: 'MEMBER' });
    await make(
      'group',
      'mutation createGroup($name: String!, $userIds: [ID]) { made: groupCreate(name: $name, userIds: $userIds) { entity { id } ok error } }',
      { name: 'Operators', userIds: [id('ada')] },
    );
    await make('range', RESOURCE, {
      name: 'machines',
      address: '10.88.0.0/30',
      remoteNetworkId,
      protocols: onlyPort(5432),
    });
    await make('named', RESOURCE, {
      name: 'database',
      address: PLANT.databaseName,
      remoteNetworkId,
      protocols: onlyPort(5432),
    });
    await make('pattern', RESOURCE, {
      name: 'all that is deep',
      address: '*.deep.plant.test',
      remoteNetworkId,
      protocols: onlyPort(22),
    });
    await make('aliased', RESOURCE, {
      name: 'the other',
      address: PLANT.other,
      alias: 'other.acme.test',
      remoteNetworkId,
      protocols: onlyPort(22),
    });
    devices.set('near', await it_.join('near', await tokenOf(id('near')), '--advertise-connector'));
    devices.set('far', await it_.join('far', await tokenOf(id('far')), '--advertise-connector'));
    for (const [host, email] of [
      ['laptop', 'ada@acme.test'],
      ['phone', 'bob@acme.test'],
    ] as const) {
      const { authKey } = await it_.person(email);
      devices.set(host, await it_.join(host, authKey, '--accept-routes'));
    }
  }, BUILD_TIMEOUT_MS);
  afterAll(() => it_?.end());

  it('has living connectors as soon as their machines have joined with the tokens', async () => {
    expect([await connectorState('near'), await connectorState('far')]).toEqual(['ALIVE', 'ALIVE']);
  });

  it('answers nobody before somebody is given access', { timeout: TEST_MS }, async () => {
    expect(await it_.probe('laptop', [`${PLANT.machine}:5432`, `${PLANT.machine}:22`])).toEqual([
      false,
      false,
    ]);
    expect(await it_.resolve('laptop', PLANT.databaseName)).toEqual([]);
  });

  it('opens a range of addresses on one port to the people of a group', { timeout: TEST_MS }, async () => {
    await done(ACCESS, { id: id('range'), access: [{ principalId: id('group') }] });
    expect(await until(() => answers('laptop', `${PLANT.machine}:5432`))).toBe(true);
    expect(await it_.probe('laptop', [`${PLANT.machine}:22`, `${PLANT.other}:5432`])).toEqual([false, false]);
    expect(await answers('phone', `${PLANT.machine}:5432`)).toBe(false);
  });

  it('opens a name, which the connectors resolve, and no other name', { timeout: TEST_MS }, async () => {
    await done(ACCESS, { id: id('named'), access: [{ principalId: id('group') }] });
    const resolved = async (): Promise<boolean> =>
      (await it_.resolve('laptop', PLANT.databaseName)).includes(PLANT.database);
    expect(await until(resolved)).toBe(true);
    expect(await until(() => answers('laptop', `${PLANT.databaseName}:5432`))).toBe(true);
    expect(await it_.probe('laptop', [`${PLANT.databaseName}:22`, `${PLANT.other}:5432`])).toEqual([
      false,
      false,
    ]);
    expect(await it_.resolve('laptop', PLANT.otherName)).toEqual([]);
    expect(await it_.resolve('phone', PLANT.databaseName)).toEqual([]);
    expect(await answers('phone', `${PLANT.database}:5432`)).toBe(false);
  });

  it('opens the names that fit a pattern, and the alias of an address', { timeout: TEST_MS }, async () => {
    for (const name of ['pattern', 'aliased'])
      await done(ACCESS, { id: id(name), access: [{ principalId: id('group') }] });
    expect(await until(async () => (await it_.resolve('laptop', PLANT.deepName)).includes(PLANT.deep))).toBe(
      true,
    );
    expect(await until(() => answers('laptop', `${PLANT.deepName}:22`))).toBe(true);
    expect(await until(() => answers('laptop', 'other.acme.test:22'))).toBe(true);
    expect(await it_.resolve('laptop', 'other.acme.test')).toEqual([PLANT.other]);
    expect(await it_.probe('laptop', [`${PLANT.deepName}:5432`, 'other.acme.test:5432'])).toEqual([
      false,
      false,
    ]);
    expect(await it_.resolve('phone', 'other.acme.test')).toEqual([]);
  });

  it('goes on through the other connector when one is killed', { timeout: TEST_MS }, async () => {
    const address = await devices.get('near')?.address();
    const carrier = (await devices.get('laptop')?.peers())?.find(({ AllowedIPs }) =>
      AllowedIPs?.includes('10.88.0.0/30'),
    );
    const lost = carrier?.TailscaleIPs?.includes(address ?? '') ? 'near' : 'far';
    await devices.get(lost)?.kill();
    expect(await until(() => answers('laptop', `${PLANT.machine}:5432`), TAKE_OVER_MS)).toBe(true);
    expect(await until(() => answers('laptop', `${PLANT.databaseName}:5432`), TAKE_OVER_MS)).toBe(true);
    expect(await until(() => answers('laptop', `${PLANT.deep}:22`), TAKE_OVER_MS)).toBe(true);
    await devices.get(lost)?.start();
    expect(await until(async () => (await connectorState(lost)) === 'ALIVE')).toBe(true);
  });

  it('stops new connections to a port that closes, while the address stays open over another', {
    timeout: TEST_MS,
  }, async () => {
    const PORTS =
      'mutation updateResource($id: ID!, $protocols: ProtocolsInput) { it: resourceUpdate(id: $id, protocols: $protocols) { ok error } }';
    const connection = await it_.hold('laptop', `${PLANT.machine}:5432`);
    await done(PORTS, { id: id('range'), protocols: onlyPort(22) });
    expect(await until(() => answers('laptop', `${PLANT.machine}:22`))).toBe(true);
    expect(await answers('laptop', `${PLANT.machine}:5432`)).toBe(false);
    // What was open goes on: clients let packets of known connections pass, whatever their filter says now.
    await sleep(BUSY_MS);
    expect(Date.now() - connection.lastAnswer()).toBeLessThan(BUSY_MS);
    await done(PORTS, { id: id('range'), protocols: onlyPort(5432) });
    expect(await until(() => answers('laptop', `${PLANT.machine}:5432`))).toBe(true);
  });

  it('ends an open connection when the access goes', { timeout: TEST_MS }, async () => {
    const connection = await it_.hold('laptop', `${PLANT.machine}:5432`);
    await sleep(1_000);
    const closedAt = Date.now();
    expect(closedAt - connection.lastAnswer()).toBeLessThan(BUSY_MS);
    await done(CLOSE, { id: id('range'), principalIds: [id('group')] });
    await sleep(END_MS + 2_000);
    expect(connection.lastAnswer() - closedAt).toBeLessThan(END_MS);
    expect(await answers('laptop', `${PLANT.machine}:5432`)).toBe(false);
    // Its address lies in the range that has gone; its own access stays.
    expect(await until(() => answers('laptop', `${PLANT.databaseName}:5432`))).toBe(true);
  });

  it('leaves nothing when everything is deleted', { timeout: TEST_MS }, async () => {
    const remove = (mutation: string, name: string): Promise<void> =>
      done(`mutation delete($id: ID!) { it: ${mutation}(id: $id) { ok error } }`, { id: id(name) });
    for (const name of ['range', 'named', 'pattern', 'aliased']) await remove('resourceDelete', name);
    await remove('groupDelete', 'group');
    await remove('connectorDelete', 'near');
    await remove('connectorDelete', 'far');
    await remove('remoteNetworkDelete', 'network');
    const peers = async (): Promise<string[]> =>
      ((await devices.get('laptop')?.peers()) ?? []).map(({ HostName }) => HostName);
    expect(await until(async () => !(await peers()).some((host) => host === 'near' || host === 'far'))).toBe(
      true,
    );
    expect(await it_.resolve('laptop', PLANT.databaseName)).toEqual([]);
    expect(await answers('laptop', `${PLANT.database}:5432`)).toBe(false);
  });
});
