// A private network behind two connectors, and two people outside of it, with real clients:
//
//   inet 10.99.0.1 (server, relay) ─┬─ laptop (ada)      ─┬─ near (connector) ── 10.86.1.0/24 ─┬─ plant
//                                   └─ phone (bob)        └─ far (connector)  ── 10.86.2.0/24 ─┘
//
// The plant's addresses, 10.88.0.2 to .4 and its name server .53, are reached through either connector, and from nowhere else.
import path from 'node:path';
import { insertToken } from '../../src/domain/credentials/insert-token.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { openStore } from '../../src/store/open-store.ts';
import { initialise } from '../support/holdfast.ts';
import { createWorld, type World } from '../support/namespaces.ts';
import { untilLogged } from '../support/program.ts';
import { realClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import type { Rest } from '../support/rest.ts';
import { STAMP, seed } from '../support/seeds.ts';
import { addServerHost, attach, LOGIN_SERVER, startServerHost } from '../support/server-host.ts';

const SUPPORT = path.resolve(import.meta.dirname, '..', 'support');
const PROBE = path.join(SUPPORT, 'namespace-probe.ts');
const NAMES = path.join(SUPPORT, 'namespace-names.ts');
const PROBE_MS = '2000';
const START_MS = 30_000;

export const PLANT = {
  machine: '10.88.0.2',
  database: '10.88.0.3',
  /** A name of the plant's own server for the database. */
  databaseName: 'db.plant.test',
  other: '10.88.0.4',
  otherName: 'other.plant.test',
  /** A name below one that a pattern covers, and its address outside of every range. */
  deepName: 'a.deep.plant.test',
  deep: '10.88.0.9',
  resolver: '10.88.0.53',
} as const;
const PORTS = [22, 5432];

export interface PrivateNetworkWorld {
  readonly world: World;
  readonly rest: Rest;
  /** The owner's API key. */
  readonly apiKey: string;
  /** A Unix socket outside of the world that leads to the server's port. */
  readonly socketPath: string;
  /** A member who has joined, with an auth key. */
  person(email: string): Promise<{ readonly id: number; readonly authKey: string }>;
  join(host: string, authKey: string, ...flags: readonly string[]): Promise<RealDevice>;
  /** Whether each `address:port` answers from a host. */
  probe(from: string, targets: readonly string[]): Promise<boolean[]>;
  /** The addresses that a host's own resolver gives for a name. */
  resolve(from: string, name: string): Promise<string[]>;
  /** One connection that is kept busy; says when the last answer came. */
  hold(from: string, target: string): Promise<{ lastAnswer(): number }>;
  end(): Promise<void>;
}

async function buildHosts(world: World): Promise<void> {
  await addServerHost(world);
  for (const [index, host] of ['laptop', 'phone', 'near', 'far', 'robot'].entries()) {
    const network = `10.99.${index + 1}`;
    await world.addHost(host, { forwarding: host === 'near' || host === 'far' });
    await attach(world, host, 'inet', network);
  }
  await world.addHost('plant');
  for (const address of [PLANT.machine, PLANT.database, PLANT.other, PLANT.deep, PLANT.resolver]) {
    await world.run('plant', ['ip', 'address', 'add', `${address}/32`, 'dev', 'lo']);
  }
  for (const [index, host] of ['near', 'far'].entries()) {
    const network = `10.86.${index + 1}`;
    await world.link({ host, address: `${network}.1/24` }, { host: 'plant', address: `${network}.2/24` });
    await world.run(host, ['ip', 'route', 'add', '10.88.0.0/24', 'via', `${network}.2`]);
    await world.run(host, ['sh', '-c', `echo nameserver ${PLANT.resolver} >/etc/resolv.conf`]);
  }
  await world.start('plant', [process.execPath, PROBE, 'listen', ...PORTS.map(String)], { name: 'listen' });
  const pairs = [
    `${PLANT.databaseName}=${PLANT.database}`,
    `${PLANT.otherName}=${PLANT.other}`,
    `${PLANT.deepName}=${PLANT.deep}`,
  ];
  const names = await world.start('plant', [process.execPath, NAMES, PLANT.resolver, ...pairs], {
    name: 'names',
  });
  await untilLogged(names, /answering/u, START_MS);
}

export async function createPrivateNetworkWorld(): Promise<PrivateNetworkWorld> {
  const clients = await realClients();
  const world = await createWorld();
  try {
    await buildHosts(world);
    const server = await startServerHost(world, clients);

    const directory = path.join(world.directory, 'data');
    const { api_key: token } = await initialise(['--data', directory], 'acme');
    await server.serve(['--data', directory]);
    const rest = server.rest(token);

    return {
      world,
      rest,
      apiKey: token,
      socketPath: server.socketPath,
      person: (email) => joinedPerson(directory, email),
      join: async (host, authKey, ...flags) => {
        const device = await startDevice(world, clients, host);
        await device.up({ loginServer: LOGIN_SERVER, authKey, flags });
        return device;
      },
      probe: async (from, targets) =>
        JSON.parse(
          await world.run(from, [process.execPath, PROBE, 'probe', PROBE_MS, ...targets]),
        ) as boolean[],
      resolve: async (from, name) => {
        const output = await world.run(from, ['sh', '-c', `getent ahostsv4 ${name} || true`]);
        return [...new Set(output.split('\n').flatMap((line) => line.split(/\s+/u)[0] || []))];
      },
      hold: async (from, target) => {
        const program = await world.start(from, [process.execPath, PROBE, 'hold', '50', target], {
          name: 'hold',
        });
        await untilLogged(program, /answer \d+/u, START_MS);
        return { lastAnswer: () => Number([...program.log().matchAll(/answer (\d+)/gu)].at(-1)?.[1] ?? 0) };
      },
      end: world.end,
    };
  } catch (error) {
    await world.end();
    throw error;
  }
}

/** The member whom the admin API invited has accepted, and has a key for a device: people do that in a browser. */
async function joinedPerson(directory: string, email: string): Promise<{ id: number; authKey: string }> {
  const onError = (error: unknown): void => {
    throw error;
  };
  const store = await openStore({ location: { kind: 'sqlite', directory }, clock: systemClock, onError });
  try {
    const org = (await store.organizationBy('label', 'acme'))?.id ?? 0;
    const [member] = await store.find('membership', org, { emailKey: email });
    if (member === undefined) throw new Error(`there is no ${email}`);
    return await seed(store, org, async (tx) => {
      await tx.update('membership', org, member.id, { joinedAt: tx.now, approvedAt: tx.now });
      const { token } = await insertToken(tx, systemRandom, {
        org,
        kind: 'auth-key',
        ownerKind: 'membership',
        owner: member.id,
        name: 'private network',
        preauthorized: true,
        ...STAMP,
      });
      return { id: member.id, authKey: token };
    });
  } finally {
    await store.close();
  }
}
