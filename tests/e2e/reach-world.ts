// A network in which much is allowed and more is not, with real clients:
//
//   inet 10.99.0.1 (server, relay) ─┬─ laptop (ada)      ─┬─ router (tag:router) ── lan 10.77.0.2, 10.77.0.3
//                                   ├─ phone (bob)        └─ connector           ── plant 10.88.0.2, 10.88.0.3
//                                   ├─ web (tag:web)
//                                   └─ db (tag:db)
//
// The hosts of lan and plant run no client. Routes lead to lan by the policy, to plant by access edges.
import path from 'node:path';
import { initialise } from '../support/holdfast.ts';
import { createWorld, type World } from '../support/namespaces.ts';
import { realClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import type { Rest } from '../support/rest.ts';
import { addServerHost, attach, LOGIN_SERVER, startServerHost } from '../support/server-host.ts';
import { RESOURCES, seedReach } from './reach-seed.ts';
import { DeviceList } from './wire.ts';

const PROBE = path.resolve(import.meta.dirname, '..', 'support', 'namespace-probe.ts');

export const PORTS = [22, 80, 443, 3000, 5432, 6379, 8080, 9090];
export const LAN_HOSTS = ['10.77.0.2', '10.77.0.3'];
export const SOURCES = ['laptop', 'phone', 'web', 'db'] as const;
export type Source = (typeof SOURCES)[number];
/** Ports that only a device of the right tier may use. */
export const POSTURE_PORTS = [3000, 6379, 9090];

export const POLICY = {
  tagOwners: { 'tag:web': [], 'tag:db': [], 'tag:router': [] },
  autoApprovers: { routes: { '10.77.0.0/24': ['tag:router'] } },
  postures: { 'posture:production': ["custom:tier == 'production'"] },
  grants: [
    { src: ['autogroup:member'], dst: ['tag:web'], ip: ['tcp:80', 'tcp:443'] },
    { src: ['bob@acme.test'], dst: ['tag:db'], ip: ['tcp:5432'] },
    { src: ['tag:web'], dst: ['tag:db'], ip: ['tcp:5432', 'tcp:6379'] },
    { src: ['autogroup:member'], dst: ['10.77.0.0/24'], ip: ['tcp:22', 'tcp:8080'] },
    {
      src: ['autogroup:member'],
      srcPosture: ['posture:production'],
      dst: ['tag:web', 'tag:db', '10.77.0.0/24'],
      ip: POSTURE_PORTS.map((port) => `tcp:${port}`),
    },
  ],
};

export interface ReachWorld {
  readonly directory: string;
  readonly rest: Rest;
  readonly devices: ReadonlyMap<string, RealDevice>;
  /** The IPv4 address of each device. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Whether each `address:port` answers to a TCP connection from a host. */
  probe(from: string, targets: readonly string[]): Promise<boolean[]>;
  end(): Promise<void>;
}

async function buildHosts(world: World): Promise<void> {
  await addServerHost(world);
  for (const [index, host] of ['laptop', 'phone', 'web', 'db', 'router', 'connector'].entries()) {
    await world.addHost(host, { forwarding: host === 'router' || host === 'connector' });
    await attach(world, host, 'inet', `10.99.${index + 1}`);
  }
  await world.addHost('lan');
  await world.addHost('plant');
  await attach(world, 'lan', 'router', '10.77.0');
  await attach(world, 'plant', 'connector', '10.88.0');
  const addSecond = async (host: string, address: string): Promise<void> => {
    const [device] = (await world.run(host, ['sh', '-c', 'ls /sys/class/net | grep -v lo']))
      .trim()
      .split('\n');
    await world.run(host, ['ip', 'address', 'add', `${address}/24`, 'dev', device ?? '']);
  };
  await addSecond('lan', '10.77.0.3');
  await addSecond('plant', '10.88.0.3');
  for (const host of ['laptop', 'phone', 'web', 'db', 'lan', 'plant']) {
    await world.start(host, [process.execPath, PROBE, 'listen', ...PORTS.map(String)], { name: 'listen' });
  }
}

export async function createReachWorld(): Promise<ReachWorld> {
  const clients = await realClients();
  const world = await createWorld();
  try {
    await buildHosts(world);
    const server = await startServerHost(world, clients);

    const directory = path.join(world.directory, 'data');
    const { api_key: token } = await initialise(['--data', directory], 'acme');
    const keys = await seedReach(directory);
    await server.serve(['--data', directory]);
    const rest = server.rest(token);
    await rest.ask('POST', '/api/v2/tailnet/-/acl', POLICY);

    const devices = new Map<string, RealDevice>();
    const addresses = new Map<string, string>();
    const join = async (host: string, authKey: string, ...more: string[]): Promise<void> => {
      const device = await startDevice(world, clients, host);
      await device.up({ loginServer: LOGIN_SERVER, authKey, flags: more });
      devices.set(host, device);
      addresses.set(host, await device.address());
    };
    await join('laptop', keys.ada, '--accept-routes');
    await join('phone', keys.bob, '--accept-routes');
    await join('web', keys.tagged('tag:web'), '--accept-routes');
    await join('db', keys.tagged('tag:db'), '--accept-routes');
    await join('router', keys.tagged('tag:router'), '--advertise-routes=10.77.0.0/24');
    const routes = RESOURCES.map((address) => `${address}/32`).join();
    await join('connector', keys.connector, `--advertise-routes=${routes}`);

    const { devices: listed } = DeviceList.parse(
      await rest.ask('GET', '/api/v2/tailnet/-/devices?fields=all'),
    );
    const laptop = listed.find(({ hostname }) => hostname === 'laptop');
    await rest.ask('POST', `/api/v2/device/${laptop?.id}/attributes/custom:tier`, { value: 'production' });
    return {
      directory,
      rest,
      devices,
      addresses,
      probe: async (from, targets) => {
        const TIMEOUT_MS = '3000';
        const output = await world.run(from, [process.execPath, PROBE, 'probe', TIMEOUT_MS, ...targets]);
        return JSON.parse(output) as boolean[];
      },
      end: world.end,
    };
  } catch (error) {
    await world.end();
    throw error;
  }
}
