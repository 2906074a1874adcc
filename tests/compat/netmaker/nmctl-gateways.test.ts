// The vendor's own command line against a whole server: its commands of networks, hosts, nodes, gateways and external clients.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../../support/installation.ts';
import { whyNoNmctl } from '../../support/nmctl.ts';
import { unless } from '../../support/requirements.ts';
import { uuidOf, type Wire } from './calls.ts';
import { DEVICE_KIND, seedDevice } from './gateway-world.ts';
import { createNmctlWorld, type NmctlWorld, OWNER } from './nmctl-world.ts';

const POOL = '10.77.0.0/24';
const GATEWAY_KEY = randomBytes(32).toString('base64');

describe('nmctl', unless(whyNoNmctl(), { optional: true }), () => {
  let world: NmctlWorld;
  let nmctl: NmctlWorld['nmctl'];
  let files: string;
  const hosts: string[] = [];
  let node: string;
  beforeAll(async () => {
    world = await createNmctlWorld(async (store, org) => {
      for (const label of ['gate', 'spare']) {
        hosts.push(uuidOf(DEVICE_KIND, await seedDevice({ store }, org, label)));
      }
    });
    nmctl = world.nmctl;
    files = mkdtempSync(path.join(tmpdir(), 'holdfast-nmctl-files-'));
  });
  afterAll(async () => {
    await world?.end();
    if (files !== undefined) rmSync(files, { recursive: true, force: true });
  });
  /** What it asks for, whether or not it can read the answer: of what is printed there it knows no form. */
  const unread = (...args: readonly string[]): Promise<unknown> => nmctl.run(...args).catch(() => undefined);
  const read = async (...args: readonly string[]): Promise<Wire> =>
    JSON.parse(await nmctl.run(...args)) as Wire;
  const file = (name: string, content: unknown): string => {
    const place = path.join(files, name);
    writeFileSync(place, JSON.stringify(content));
    return place;
  };
  const clients = () => nmctl.json<Wire[]>('ext_client', 'list', '--network', 'office');
  /** The gateway's agent comes by, as `holdfast gateway up` does. */
  const agentComes = async (): Promise<void> => {
    const route = `${world.url}/app/api/gateways/${node}/agent-token`;
    const made = await ask(route, world.apiKey, { method: 'POST' });
    const { token } = JSON.parse(made.text) as { token: string };
    const hello = {
      public_key: GATEWAY_KEY,
      endpoint: '203.0.113.7',
      listen_port: 51820,
      mtu: 1400,
      version: 'x',
    };
    const answer = await ask(`${world.url}/app/api/gateway-agent/hello`, token, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(hello),
    });
    expect(answer.status, answer.text).toBe(200);
  };

  test('network: create by flags and by a file, list, get, delete', async () => {
    const made = await read(
      'network',
      'create',
      '--name',
      'office',
      '--ipv4_addr',
      POOL,
      '--ipv6_addr',
      'fd77::/64',
    );
    expect(made).toMatchObject({ netid: 'office', addressrange: POOL, addressrange6: 'fd77::/64' });
    const definition = file('network.json', { netid: 'lab', addressrange: '10.78.0.0/24' });
    expect(await read('network', 'create', '--file', definition)).toMatchObject({ netid: 'lab' });
    expect((await nmctl.json<Wire[]>('network', 'list')).map(({ netid }) => netid)).toEqual([
      'lab',
      'office',
    ]);
    expect(await read('network', 'get', 'lab')).toMatchObject({ netid: 'lab', addressrange: '10.78.0.0/24' });
    await unread('network', 'delete', 'lab');
    expect((await nmctl.json<Wire[]>('network', 'list')).map(({ netid }) => netid)).toEqual(['office']);
    expect(await nmctl.fail('network', 'get', 'lab')).toContain('Error Status');
    expect(await nmctl.fail('network', 'create', '--name', 'office')).toContain('Error Status: 400');
  });

  test('device and node: into a network, list, get, out of it', async () => {
    const listed = await nmctl.json<Wire[]>('device', 'list');
    expect(listed.map(({ name }) => name)).toEqual(['gate', 'spare']);
    for (const host of hosts) await unread('device', 'add_network', host, 'office');
    const nodes = await nmctl.json<Wire[]>('node', 'list', '--network', 'office');
    expect(nodes).toHaveLength(2);
    expect(await nmctl.json<Wire[]>('node', 'list')).toHaveLength(2);
    const ofHost = (host: string | undefined) => nodes.find(({ hostid }) => hostid === host);
    node = String(ofHost(hosts[0])?.id);
    const spare = String(ofHost(hosts[1])?.id);
    expect(await read('node', 'get', 'office', node)).toMatchObject({
      node: { id: node, network: 'office', is_gw: true, isingressgateway: true },
      host: { name: 'gate' },
    });
    expect(await read('node', 'delete', 'office', spare)).toMatchObject({ Code: 200 });
    expect(await nmctl.json<Wire[]>('node', 'list', '--network', 'office')).toHaveLength(1);
    expect(await nmctl.fail('node', 'get', 'office', spare)).toContain('no result found');
  });

  test('gateway: create says how it looks', async () => {
    // It puts its first two arguments into the path the wrong way round: the node comes first, whatever its help says.
    const looks = ['--note', 'by nmctl', '--mtu', '1380', '--dns', '10.77.0.1'];
    expect(await read('gateway', 'create', node, 'office', '', ...looks)).toMatchObject({
      id: node,
      is_gw: true,
      metadata: 'by nmctl',
      ingressmtu: 1380,
      ingressdns: '10.77.0.1',
    });
    expect(await nmctl.fail('gateway', 'create', 'office', node, '')).toContain('Error Status');
  });

  test('ext_client: create, list, get, config, update, delete', async () => {
    await agentComes();
    expect(await nmctl.run('ext_client', 'create', 'office', node, '--id', 'laptop')).toContain('Success');
    const key = randomBytes(32).toString('base64');
    const more = ['--public_key', key, '--dns', '9.9.9.9', '--allowedips', '192.168.44.0/24'];
    await nmctl.run('ext_client', 'create', 'office', node, '--id', 'router', ...more);
    expect(await nmctl.fail('ext_client', 'create', 'office', node, '--id', 'router')).toContain(
      'duplicate client name',
    );

    const listed = await clients();
    expect(listed.map(({ clientid, privatekey }) => [clientid, privatekey])).toEqual([
      ['laptop', ''],
      ['router', ''],
    ]);
    expect(await nmctl.json('ext_client', 'list')).toEqual(listed);
    const router = await read('ext_client', 'get', 'office', 'router');
    expect(router).toMatchObject({
      clientid: 'router',
      network: 'office',
      publickey: key,
      privatekey: '[ENTER PRIVATE KEY]',
      dns: '9.9.9.9',
      extraallowedips: ['192.168.44.0/24'],
      ingressgatewayid: node,
      ingressgatewayendpoint: '203.0.113.7:51820',
      ownerid: OWNER,
      enabled: true,
    });
    const laptop = await read('ext_client', 'get', 'office', 'laptop');
    expect(laptop.privatekey).toMatch(/^[A-Za-z0-9+/]{43}=$/u);

    const lines = (await nmctl.run('ext_client', 'config', 'office', 'laptop')).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        '[Interface]',
        `Address = ${String(laptop.address)}/32,${String(laptop.address6)}/128`,
        `PrivateKey = ${String(laptop.privatekey)}`,
        'MTU = 1380',
        'DNS = 10.77.0.1',
        '[Peer]',
        `PublicKey = ${GATEWAY_KEY}`,
        'Endpoint = 203.0.113.7:51820',
        'PersistentKeepalive = 20',
      ]),
    );
    expect(lines.find((line) => line.startsWith('AllowedIPs'))).toContain(POOL);

    // By flags it cannot say that a client stays enabled: the vendor's server switches it off as well.
    expect(await read('ext_client', 'update', 'office', 'laptop', '--dns', '1.1.1.1')).toMatchObject({
      clientid: 'laptop',
      dns: '1.1.1.1',
      enabled: false,
      privatekey: laptop.privatekey,
    });
    const change = file('client.json', { clientid: 'tablet', dns: '1.0.0.1', enabled: true });
    expect(await read('ext_client', 'update', 'office', 'laptop', '--file', change)).toMatchObject({
      clientid: 'tablet',
      dns: '1.0.0.1',
      enabled: true,
      address: laptop.address,
    });
    expect((await clients()).map(({ clientid }) => clientid).sort()).toEqual(['router', 'tablet']);

    for (const id of ['tablet', 'router']) {
      expect(await read('ext_client', 'delete', 'office', id)).toMatchObject({
        Code: 200,
        Message: `${id} deleted.`,
      });
    }
    expect(await clients()).toEqual([]);
    expect(await nmctl.fail('ext_client', 'get', 'office', 'tablet')).toContain('no result found');
  });

  test('gateway: delete takes its clients along', async () => {
    await nmctl.run('ext_client', 'create', 'office', node, '--id', 'phone1');
    expect(await read('gateway', 'delete', 'office', node)).toMatchObject({ id: node, is_gw: false });
    expect(await clients()).toEqual([]);
    expect(await nmctl.json<Wire[]>('node', 'list', '--network', 'office')).toEqual([]);
  });
});
