import { beforeEach, describe, expect, it } from 'vitest';
import {
  createPolicyEngine,
  type DeviceInput,
  explain,
  type PolicyEngine,
  parsePolicy,
  type ResourceInput,
} from '../index.ts';

/** The worked example of the model: a gateway of a network, a group with an edge to one resource behind it. */
const ANN = 1;
const BOB = 2;
const NETWORK = 45;
const GATEWAY = 46;
const OPS = 49;
const RESOURCE = 50;
const EDGE = 51;

const device = (id: number, parts: Partial<DeviceInput>): DeviceInput => ({
  id,
  owner: { kind: 'membership', id: ANN },
  tags: [],
  addresses: [`100.64.0.${id}`],
  advertised: [],
  approved: [],
  attributes: {},
  class: 'normal',
  authorized: true,
  ...parts,
});
const ofAnn = device(11, {});
const ofBob = device(12, { owner: { kind: 'membership', id: BOB } });
const connector = device(52, {
  owner: { kind: 'gateway', id: GATEWAY },
  addresses: ['100.127.0.52'],
  class: 'edge-only',
});
const resource: ResourceInput = {
  id: RESOURCE,
  network: NETWORK,
  active: true,
  address: '10.0.0.5',
  protocols: { icmp: false, tcp: [{ start: 5432, end: 5432 }], udp: [] },
  networkWide: false,
};

let engine: PolicyEngine;
beforeEach(() => {
  engine = createPolicyEngine();
  engine.applyAll([
    { kind: 'user', user: { id: ANN, login: 'ann@acme.test', role: 'owner' } },
    { kind: 'user', user: { id: BOB, login: 'bob@acme.test', role: 'member' } },
    { kind: 'network', network: { id: NETWORK, slug: 'prod-dc', active: true } },
    { kind: 'gateway', gateway: { id: GATEWAY, network: NETWORK, device: 52 } },
    { kind: 'group', group: { id: OPS, key: 'ops', label: 'Ops', active: true, members: [BOB] } },
    { kind: 'resource', resource },
    { kind: 'device', device: ofAnn },
    { kind: 'device', device: ofBob },
    { kind: 'device', device: connector },
    { kind: 'primary', primary: { network: NETWORK, prefix: '10.0.0.5/32', device: 52 } },
  ]);
});
const addEdge = () =>
  engine.apply({
    kind: 'edge',
    edge: { id: EDGE, resource: RESOURCE, principal: { kind: 'group', id: OPS } },
  });

describe('an exit network', () => {
  const EXITS = ['0.0.0.0/0', '::/0'];
  const WIDE = { id: NETWORK, slug: 'prod-dc', active: true, exit: true };
  const isExit = (viewer: number): boolean =>
    engine.sees(viewer, 52) && 'suggest-exit-node' in engine.view(viewer, 52).capMap;
  beforeEach(() => {
    engine.apply({ kind: 'network', network: WIDE });
    engine.apply({
      kind: 'resource',
      resource: { ...resource, address: '0.0.0.0/0', protocols: { icmp: true, tcp: 'all', udp: 'all' } },
    });
  });

  it('lets those out through its gateways to whom something of it is open, without anybody approving', () => {
    addEdge();
    expect(isExit(12)).toBe(false);
    engine.apply({ kind: 'device', device: { ...connector, advertised: EXITS } });
    expect(engine.view(12, 52)).toMatchObject({
      allowedIPs: ['100.127.0.52/32', ...EXITS],
      primaryRoutes: [],
      capMap: { 'suggest-exit-node': null },
    });
    expect(engine.self(52).allowedIPs).toEqual(['100.127.0.52/32', ...EXITS]);
    expect(engine.sees(11, 52)).toBe(false);
    const { rules } = engine.filter(52);
    expect(rules.every(({ SrcIPs }) => SrcIPs.join() === '100.64.0.12')).toBe(true);
    const opened = rules.flatMap(({ DstPorts = [] }) => DstPorts.map(({ IP }) => IP));
    expect(opened).toContain('11.0.0.0-100.63.255.255');
    // The gateway's resolver answers for whoever goes out there.
    expect(opened).toContain('0.0.0.0');
    engine.apply({ kind: 'edge-removed', id: EDGE });
    expect(engine.sees(12, 52)).toBe(false);
    expect(engine.filter(52).rules).toEqual([]);
  });

  it('lets nobody out while it is switched off, by a wildcard, or where it is no exit network', () => {
    engine.apply({ kind: 'device', device: { ...connector, class: 'normal', advertised: EXITS } });
    expect(isExit(11)).toBe(false);
    expect(JSON.stringify(engine.filter(52).rules)).not.toContain('11.0.0.0');
    addEdge();
    expect(isExit(12)).toBe(true);
    expect(isExit(11)).toBe(false);
    engine.apply({ kind: 'network', network: { ...WIDE, active: false } });
    expect(isExit(12)).toBe(false);
    engine.apply({ kind: 'network', network: { ...WIDE, exit: false } });
    expect(isExit(12)).toBe(false);
  });

  it('lets out on those ports alone that are open', () => {
    engine.apply({
      kind: 'resource',
      resource: {
        ...resource,
        address: '0.0.0.0/0',
        protocols: { icmp: false, tcp: [{ start: 443, end: 443 }], udp: [] },
      },
    });
    engine.apply({ kind: 'device', device: { ...connector, advertised: EXITS } });
    addEdge();
    const ports = engine.filter(52).rules.flatMap(({ DstPorts = [] }) => DstPorts);
    expect(new Set(ports.filter(({ IP }) => IP !== '0.0.0.0').map(({ Ports }) => Ports.First))).toEqual(
      new Set([443]),
    );
    expect(ports.filter(({ IP }) => IP === '0.0.0.0')).toEqual([
      { IP: '0.0.0.0', Ports: { First: 53, Last: 53 } },
    ]);
  });

  it('is open to the holders of a role on it', () => {
    engine.apply({ kind: 'device', device: { ...connector, advertised: EXITS } });
    engine.apply({ kind: 'role', role: { id: 1, group: OPS, network: NETWORK } });
    expect(isExit(12)).toBe(true);
    expect(isExit(11)).toBe(false);
  });
});

describe('an access edge', () => {
  it('gives its members the gateway with the one address, and the gateway one rule; nobody else gets anything', () => {
    expect(engine.peers(12)).toEqual([11]);
    const changes = addEdge();
    expect(engine.peers(12)).toEqual([11, 52]);
    expect(engine.view(12, 52)).toMatchObject({
      allowedIPs: ['100.127.0.52/32', '10.0.0.5/32'],
      primaryRoutes: ['10.0.0.5/32'],
    });
    expect(engine.filter(52).rules).toEqual([
      {
        SrcIPs: ['100.64.0.12'],
        DstPorts: [{ IP: '10.0.0.5', Ports: { First: 5432, Last: 5432 } }],
        IPProto: [6],
      },
    ]);
    expect(engine.peers(11)).toEqual([12]);
    expect([...changes.filters]).toEqual([52]);
    expect(new Set(changes.viewers)).toEqual(new Set([12, 52]));
  });

  it('takes the gateway away again when it goes, when its group is off, or when its member is suspended', () => {
    addEdge();
    engine.apply({ kind: 'edge-removed', id: EDGE });
    expect(engine.peers(12)).toEqual([11]);
    addEdge();
    engine.apply({
      kind: 'group',
      group: { id: OPS, key: 'ops', label: 'Ops', active: false, members: [BOB] },
    });
    expect(engine.peers(12)).toEqual([11]);
    engine.apply({
      kind: 'group',
      group: { id: OPS, key: 'ops', label: 'Ops', active: true, members: [BOB] },
    });
    expect(engine.peers(12)).toEqual([11, 52]);
    engine.apply({
      kind: 'user',
      user: { id: BOB, login: 'bob@acme.test', role: 'member', suspended: true },
    });
    expect(engine.peers(12)).toEqual([]);
    expect(engine.peers(52)).toEqual([]);
  });

  it('opens person by person where it names members', () => {
    engine.apply({
      kind: 'edge',
      edge: { id: EDGE, resource: RESOURCE, principal: { kind: 'group', id: OPS }, members: [] },
    });
    expect(engine.peers(12)).toEqual([11]);
  });

  it('asks for its conditions', () => {
    const edge = {
      id: EDGE,
      resource: RESOURCE,
      principal: { kind: 'group' as const, id: OPS },
      conditions: ["node:os == 'linux'"],
    };
    engine.apply({ kind: 'edge', edge });
    expect(engine.sees(12, 52)).toBe(false);
    engine.apply({ kind: 'device', device: { ...ofBob, attributes: { 'node:os': 'linux' } } });
    expect(engine.sees(12, 52)).toBe(true);
  });

  it('is explained by its id, and a refusal by what the closest rule lacks', () => {
    addEdge();
    const ask = (id: number, port: number) =>
      explain(engine, {
        source: { kind: 'device', id },
        target: { kind: 'resource', id: RESOURCE, text: 'a resource' },
        protocol: 6,
        port,
      }).verdicts[0]!;
    expect(ask(12, 5432)).toMatchObject({
      allowed: true,
      by: [{ origin: { kind: 'edge', edge: EDGE, resource: RESOURCE } }],
      path: { receiver: 52, route: '10.0.0.5/32', network: NETWORK, gateways: [GATEWAY] },
    });
    expect(ask(12, 22)).toMatchObject({ allowed: false, closest: [{ lacks: ['protocol-or-port'] }, {}] });
    expect(ask(11, 5432)).toMatchObject({ allowed: false });
    expect(ask(11, 5432).closest).toContainEqual(
      expect.objectContaining({
        lacks: ['source'],
        origin: { kind: 'edge', edge: EDGE, resource: RESOURCE },
      }),
    );
  });
});

describe('a network role', () => {
  it('reaches the network-wide resources of its network and the plain clients behind its gateways', () => {
    engine.applyAll([
      { kind: 'role', role: { id: 60, group: OPS, network: NETWORK } },
      {
        kind: 'gateway',
        gateway: { id: GATEWAY, network: NETWORK, device: 52, clientAddresses: ['10.9.0.2'] },
      },
      { kind: 'resource', resource: { ...resource, networkWide: true } },
      { kind: 'primary', primary: { network: NETWORK, prefix: '10.9.0.2/32', device: 52 } },
    ]);
    expect([...engine.view(12, 52).allowedIPs].sort()).toEqual([
      '10.0.0.5/32',
      '10.9.0.2/32',
      '100.127.0.52/32',
    ]);
    expect(engine.peers(11)).toEqual([12]);
  });

  it('does not reach a resource whose access needs more than membership', () => {
    engine.applyAll([
      { kind: 'role', role: { id: 60, group: OPS, network: undefined } },
      { kind: 'resource', resource: { ...resource, networkWide: true, accessMode: 'access-request' } },
    ]);
    expect(engine.peers(12)).toEqual([11]);
  });
});

describe('a plain client behind a gateway', () => {
  const client = (parts: Partial<DeviceInput> = {}) =>
    device(90, {
      owner: { kind: 'membership', id: BOB },
      addresses: ['198.18.0.2', 'fd48:4f44::2'],
      class: 'edge-only',
      behind: 52,
      ...parts,
    });
  const sources = () => engine.filter(52).rules.flatMap(({ SrcIPs }) => SrcIPs);

  it('reaches what its owner reaches through the gateway, as a source of the gateway’s filter', () => {
    addEdge();
    const changes = engine.apply({ kind: 'device', device: client() });
    expect([...changes.filters]).toEqual([52]);
    expect(sources()).toEqual(['100.64.0.12', '198.18.0.2', 'fd48:4f44::2']);
    engine.apply({ kind: 'edge-removed', id: EDGE });
    expect(sources()).toEqual([]);
  });

  it('is nobody’s peer, and nothing of the file’s wildcards', () => {
    engine.apply({ kind: 'device', device: client() });
    for (const id of [11, 12, 52]) expect(engine.peers(id)).not.toContain(90);
    expect(engine.peers(90)).toEqual([]);
    expect(engine.filter(11).rules.flatMap(({ SrcIPs }) => SrcIPs)).not.toContain('198.18.0.2');
    engine.apply({
      kind: 'settings',
      settings: { domains: [], resourceOpening: 'as-file', edgeOnlyBlocks: [], httpsEnabled: false },
    });
    expect(engine.filter(11).rules.flatMap(({ SrcIPs }) => SrcIPs)).not.toContain('198.18.0.2');
  });

  it('fails conditions on the device, of which nothing is known', () => {
    const conditions = ["node:os == 'linux'"];
    engine.apply({
      kind: 'edge',
      edge: { id: EDGE, resource: RESOURCE, principal: { kind: 'group', id: OPS }, conditions },
    });
    engine.apply({ kind: 'device', device: client() });
    expect(sources()).toEqual([]);
  });

  it('goes on while its owner is suspended only as long as it is said to', () => {
    addEdge();
    engine.apply({ kind: 'device', device: client() });
    engine.apply({
      kind: 'user',
      user: { id: BOB, login: 'bob@acme.test', role: 'member', suspended: true },
    });
    expect(sources()).toEqual(['198.18.0.2', 'fd48:4f44::2']);
    engine.apply({ kind: 'device', device: client({ authorized: false }) });
    expect(sources()).toEqual([]);
  });
});

describe('the wildcards of the file', () => {
  it('cover neither edge-only devices nor resources, and leave the addresses of such devices out', () => {
    addEdge();
    expect(engine.sees(11, 52)).toBe(false);
    expect(engine.filter(11).rules[0]?.SrcIPs).not.toContain('100.115.94.0-100.127.255.255');
    expect(engine.filter(11).rules[0]?.SrcIPs).toContain('100.115.94.0-100.126.255.255');
  });

  it('cover them where the file is to decide alone', () => {
    engine.apply({
      kind: 'settings',
      settings: { domains: [], resourceOpening: 'as-file', edgeOnlyBlocks: [], httpsEnabled: false },
    });
    addEdge();
    expect(engine.sees(11, 52)).toBe(true);
    expect(engine.view(11, 52).allowedIPs).toContain('10.0.0.5/32');
  });

  it('leave a computed tag that the file names in force', () => {
    engine.apply({
      kind: 'policy',
      policy: parsePolicy(
        '{"grants": [{"src": ["ann@acme.test"], "dst": ["tag:hf-net-prod-dc"], "ip": ["22"]}]}',
      ),
    });
    expect(engine.peers(11)).toEqual([52]);
    expect(engine.filter(52).rules).toEqual([
      { SrcIPs: ['100.64.0.11'], DstPorts: [{ IP: '100.127.0.52', Ports: { First: 22, Last: 22 } }] },
    ]);
  });
});
