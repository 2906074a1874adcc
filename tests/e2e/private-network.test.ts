// A private service behind connectors, made with the requests of Twingate's Terraform provider and used through real clients: who may reach it, over which
// port, by address and by name; what takes over when a connector dies; and what is left when access and all the rest go.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import type { RealDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import { createTerraform, type Terraform } from './private-network-terraform.ts';
import { createPrivateNetworkWorld, PLANT, type PrivateNetworkWorld } from './private-network-world.ts';

const TEST_MS = 120_000;
const SETTLE_MS = 30_000;
/** An access that goes ends an open connection within a second; asserted at five times that. */
const END_MS = 5_000;
/** How long a connector that vanished may come back before another takes its place, and then some. */
const TAKE_OVER_MS = 60_000;
const POLL_MS = 100;
/** A connection that still has answers so long after its port closed goes on. */
const BUSY_MS = 2_000;

const missing = unless(await whyNoRealClients());

describe('a private network behind connectors', missing, () => {
  let it_: PrivateNetworkWorld;
  let terraform: Terraform;
  const devices = new Map<string, RealDevice>();

  /** Until it holds; clients take a moment to find each other. */
  const until = async (holds: () => Promise<boolean>, ms = SETTLE_MS): Promise<boolean> => {
    for (const deadline = performance.now() + ms; performance.now() < deadline; await sleep(POLL_MS)) {
      if (await holds()) return true;
    }
    return holds();
  };
  const answers = async (from: string, target: string): Promise<boolean> =>
    (await it_.probe(from, [target]))[0] === true;
  const connectorState = async (name: string): Promise<string> => (await terraform.readConnector(name)).state;

  beforeAll(async () => {
    it_ = await createPrivateNetworkWorld();
    terraform = createTerraform(it_);
    await terraform.apply({
      network: 'Plant',
      connectors: ['near', 'far'],
      users: ['ada@acme.test', 'bob@acme.test'],
      group: { name: 'Operators', users: ['ada@acme.test'] },
      resources: [
        { name: 'machines', address: '10.88.0.0/30', port: 5432 },
        { name: 'database', address: PLANT.databaseName, port: 5432 },
        { name: 'all that is deep', address: '*.deep.plant.test', port: 22 },
        { name: 'the other', address: PLANT.other, alias: 'other.acme.test', port: 22 },
      ],
    });
    for (const name of ['near', 'far'])
      devices.set(name, await it_.join(name, terraform.accessToken(name), '--advertise-connector'));
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
    await terraform.addAccess('Operators', 'machines');
    expect(await until(() => answers('laptop', `${PLANT.machine}:5432`))).toBe(true);
    expect(await it_.probe('laptop', [`${PLANT.machine}:22`, `${PLANT.other}:5432`])).toEqual([false, false]);
    expect(await answers('phone', `${PLANT.machine}:5432`)).toBe(false);
  });

  it('opens a name, which the connectors resolve, and no other name', { timeout: TEST_MS }, async () => {
    await terraform.addAccess('Operators', 'database');
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
    await terraform.addAccess('Operators', 'all that is deep', 'the other');
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

  it('changes what it is told to, and finds all of it when it reads again', {
    timeout: TEST_MS,
  }, async () => {
    await terraform.renameNetwork('Works');
    await terraform.silenceConnector('far');
    await terraform.nameUser('bob@acme.test', 'Bob');
    await terraform.changeMembers('Operators', ['ada@acme.test', 'bob@acme.test']);
    expect(await until(() => answers('phone', `${PLANT.machine}:5432`))).toBe(true);
    await terraform.changeMembers('Operators', ['ada@acme.test'], ['bob@acme.test']);
    expect(await until(async () => !(await answers('phone', `${PLANT.machine}:5432`)))).toBe(true);

    const read = await terraform.refresh();
    expect(read.network).toMatchObject({ name: 'Works', location: 'ON_PREMISE', networkType: 'REGULAR' });
    expect(read.connectors).toMatchObject([
      { name: 'near', state: 'ALIVE', hasStatusNotificationsEnabled: true },
      { name: 'far', state: 'ALIVE', hasStatusNotificationsEnabled: false },
    ]);
    expect(read.users).toMatchObject([
      { email: 'ada@acme.test', role: 'MEMBER' },
      { email: 'bob@acme.test', firstName: 'Bob' },
    ]);
    expect(read.tokens).toEqual([true, true]);
    const operators = read.groups.find(({ name }) => name === 'Operators');
    expect(operators?.users.edges).toMatchObject([{ node: { email: 'ada@acme.test' } }]);
    expect(read.resources.find(({ name }) => name === 'machines')).toMatchObject({
      address: { value: '10.88.0.0/30' },
      protocols: { allowIcmp: false, tcp: { policy: 'RESTRICTED', ports: [{ start: 5432, end: 5432 }] } },
      access: { edges: [{ node: { id: terraform.id('Operators') } }] },
    });
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
    const connection = await it_.hold('laptop', `${PLANT.machine}:5432`);
    await terraform.changePort('machines', 22);
    expect(await until(() => answers('laptop', `${PLANT.machine}:22`))).toBe(true);
    expect(await answers('laptop', `${PLANT.machine}:5432`)).toBe(false);
    // What was open goes on: clients let packets of known connections pass, whatever their filter says now.
    const closedAt = Date.now();
    expect(await until(async () => connection.lastAnswer() > closedAt + BUSY_MS)).toBe(true);
    await terraform.changePort('machines', 5432);
    expect(await until(() => answers('laptop', `${PLANT.machine}:5432`))).toBe(true);
  });

  it('ends an open connection when the access goes', { timeout: TEST_MS }, async () => {
    const connection = await it_.hold('laptop', `${PLANT.machine}:5432`);
    const heldAt = Date.now();
    expect(await until(async () => connection.lastAnswer() > heldAt)).toBe(true);
    const closedAt = Date.now();
    await terraform.removeAccess('Operators', 'machines');
    await sleep(END_MS + 2_000);
    expect(connection.lastAnswer() - closedAt).toBeLessThan(END_MS);
    expect(await answers('laptop', `${PLANT.machine}:5432`)).toBe(false);
    // Its address lies in the range that has gone; its own access stays.
    expect(await until(() => answers('laptop', `${PLANT.databaseName}:5432`))).toBe(true);
  });

  it('leaves nothing when everything is deleted', { timeout: TEST_MS }, async () => {
    await terraform.destroyConnectors();
    const peers = async (): Promise<string[]> =>
      ((await devices.get('laptop')?.peers()) ?? []).map(({ HostName }) => HostName);
    expect(await until(async () => !(await peers()).some((host) => host === 'near' || host === 'far'))).toBe(
      true,
    );
    expect(await it_.resolve('laptop', PLANT.databaseName)).toEqual([]);
    expect(await answers('laptop', `${PLANT.database}:5432`)).toBe(false);
    const network = terraform.id('Works');
    await terraform.destroyNetwork();
    expect(await terraform.readNetwork(network)).toBeNull();
    const { resources, groups } = await terraform.fillCache();
    expect(resources).toEqual([]);
    expect(groups.filter(({ name }) => name === 'Operators')).toEqual([]);
  });
});
