import { beforeEach, describe, expect, it } from 'vitest';
import { createPolicyEngine, type PolicyEngine } from '../index.ts';

const NETWORK = 45;
const GATEWAY = 52;
const [OPS, DEV] = [49, 50];
const [ANN, BOB, CAT] = [1, 2, 3];
const OPEN = { icmp: true, tcp: 'all', udp: 'all' } as const;

let engine: PolicyEngine;
const edge = (id: number, resource: number, group: number) =>
  engine.apply({ kind: 'edge', edge: { id, resource, principal: { kind: 'group', id: group } } });
const resource = (id: number, address: string) =>
  engine.apply({
    kind: 'resource',
    resource: { id, network: NETWORK, active: true, address, protocols: OPEN, networkWide: false },
  });
const device = (id: number, owner: number) => ({
  kind: 'device' as const,
  device: {
    ...{ id, owner: { kind: 'membership' as const, id: owner }, tags: [], addresses: [`100.64.0.${id}`] },
    ...{ advertised: [], approved: [], attributes: {}, class: 'normal' as const, authorized: true },
  },
});
/** Ids of the devices that were settled anew by some work. */
function settledBy(work: () => void): number[] {
  const before = new Map(engine.core.devices);
  work();
  return [...engine.core.devices]
    .flatMap(([id, state]) => (before.get(id) === state ? [] : [id]))
    .sort((a, b) => a - b);
}
const sources = (): string[] => engine.filter(GATEWAY).rules.flatMap(({ SrcIPs }) => SrcIPs);

beforeEach(() => {
  engine = createPolicyEngine();
  engine.applyAll([
    ...[ANN, BOB, CAT].map((id) => ({
      kind: 'user' as const,
      user: { id, login: `${id}@acme.test`, role: 'member' as const },
    })),
    { kind: 'network', network: { id: NETWORK, slug: 'net', active: true } },
    { kind: 'gateway', gateway: { id: 46, network: NETWORK, device: GATEWAY } },
    { kind: 'group', group: { id: OPS, key: 'ops', label: 'Ops', active: true, members: [ANN] } },
    { kind: 'group', group: { id: DEV, key: 'dev', label: 'Dev', active: true, members: [BOB] } },
    ...[ANN, BOB, CAT].map((id) => device(id, id)),
    {
      kind: 'device',
      device: {
        ...device(GATEWAY, 0).device,
        owner: { kind: 'gateway', id: 46 },
        addresses: ['100.127.0.52'],
        class: 'edge-only',
      },
    },
  ]);
  resource(60, '10.0.0.5');
  resource(61, '10.0.0.6');
  edge(70, 60, OPS);
});

describe('a change of one access', () => {
  it('concerns the devices of its group and the gateways of its network alone', () => {
    expect(settledBy(() => edge(71, 61, OPS))).toEqual([ANN, GATEWAY]);
    expect(settledBy(() => edge(72, 61, DEV))).toEqual([BOB, GATEWAY]);
    expect(settledBy(() => engine.apply({ kind: 'edge-removed', id: 72 }))).toEqual([BOB, GATEWAY]);
    expect(sources()).toEqual(['100.64.0.1']);
  });

  it('that says nothing new concerns nobody', () => {
    expect(settledBy(() => edge(70, 60, OPS))).toEqual([]);
    expect(settledBy(() => engine.apply({ kind: 'edge-removed', id: 99 }))).toEqual([]);
  });

  it('lists who came to the group while no rule named it', () => {
    edge(71, 61, DEV);
    expect(sources()).toEqual(['100.64.0.1', '100.64.0.2']);
    engine.apply({ kind: 'edge-removed', id: 71 });
    const members = [BOB, CAT];
    engine.apply({ kind: 'group', group: { id: DEV, key: 'dev', label: 'Dev', active: true, members } });
    edge(71, 61, DEV);
    expect(sources()).toEqual(['100.64.0.1', '100.64.0.2', '100.64.0.3']);
  });

  it('leaves equal accesses of others in force', () => {
    edge(71, 60, OPS);
    engine.apply({ kind: 'edge-removed', id: 70 });
    expect(sources()).toEqual(['100.64.0.1']);
    expect(engine.opened(ANN)).toEqual([60]);
    engine.apply({ kind: 'edge-removed', id: 71 });
    expect(engine.filter(GATEWAY).rules).toEqual([]);
    expect(engine.sees(ANN, GATEWAY)).toBe(false);
  });

  it('puts the route of a resource on the gateways with its first access, and takes it with its last', () => {
    const routes = () => engine.self(GATEWAY).allowedIPs;
    expect(routes()).toEqual(['100.127.0.52/32', '10.0.0.5/32']);
    edge(71, 61, OPS);
    expect(routes()).toEqual(['100.127.0.52/32', '10.0.0.5/32', '10.0.0.6/32']);
    engine.apply({ kind: 'edge-removed', id: 70 });
    expect(routes()).toEqual(['100.127.0.52/32', '10.0.0.6/32']);
  });

  it('goes to another resource with the same address', () => {
    resource(62, '10.0.0.5');
    edge(70, 62, OPS);
    expect(engine.opened(ANN)).toEqual([62]);
  });

  it('holds after thousands of them as after one', () => {
    for (let round = 0; round < 3_000; round++) {
      edge(100 + round, 61, round % 2 === 0 ? OPS : DEV);
      if (round > 1) engine.apply({ kind: 'edge-removed', id: 98 + round });
      if (round % 500 === 0) resource(61, `10.1.${round / 500}.1`);
    }
    expect(sources()).toEqual(['100.64.0.1', '100.64.0.2']);
    expect(engine.self(GATEWAY).allowedIPs).toEqual(['100.127.0.52/32', '10.0.0.5/32', '10.1.5.1/32']);
    expect(settledBy(() => engine.apply({ kind: 'edge-removed', id: 3_099 }))).toEqual([BOB, GATEWAY]);
  });

  it('finds room for more rules at once than there was', () => {
    engine.applyAll(
      Array.from({ length: 2_000 }, (_, i) => ({
        kind: 'edge' as const,
        edge: { id: 100 + i, resource: 60 + (i % 2), principal: { kind: 'group' as const, id: DEV } },
      })),
    );
    expect(sources()).toEqual(['100.64.0.1', '100.64.0.2']);
    expect(engine.opened(BOB)).toEqual([60, 61]);
  });
});
