import { beforeEach, describe, expect, it } from 'vitest';
import { createPolicyEngine, type DeviceInput, explain, type PolicyEngine, parsePolicy } from '../index.ts';

const NET = '10.1.0.0/16';
const [WEST, EAST, SOUTH, NORTH] = [1, 2, 3, 4];
/** Routers by age; the first is the ordinary carrier. */
const [R_WEST, R_EAST, R_EAST_2] = [11, 12, 13];
const [V_WEST, V_EAST, V_SOUTH, V_NORTH, V_LOST] = [21, 22, 23, 24, 25];

const device = (id: number, regions: readonly number[] | undefined, parts: Partial<DeviceInput> = {}) =>
  ({
    kind: 'device',
    device: {
      id,
      owner: { kind: 'tags' },
      tags: ['tag:x'],
      addresses: [`100.64.0.${id}`],
      advertised: [],
      approved: [],
      attributes: {},
      class: 'normal',
      authorized: true,
      ...(regions === undefined ? {} : { regions }),
      ...parts,
    },
  }) as const;
const router = (id: number, region: number, parts: Partial<DeviceInput> = {}) =>
  device(id, [region], { advertised: [NET], approved: [NET], online: true, ...parts });
const primary = (id: number) =>
  ({ kind: 'primary', primary: { network: 0, prefix: NET, device: id } }) as const;

const world = () => [
  router(R_WEST, WEST),
  router(R_EAST, EAST),
  router(R_EAST_2, EAST),
  primary(R_WEST),
  device(V_WEST, [WEST, EAST]),
  device(V_EAST, [EAST, WEST]),
  // Nobody carries anything in the south; it is nearer to the east.
  device(V_SOUTH, [SOUTH, EAST, WEST]),
  // What is nearest to the north is not known.
  device(V_NORTH, [NORTH]),
  device(V_LOST, undefined),
];

let engine: PolicyEngine;
const carriersOf = (viewer: number, of = engine): number[] =>
  of.peers(viewer).filter((peer) => of.view(viewer, peer).primaryRoutes.includes(NET));
const carriers = (of = engine): Record<number, number[]> =>
  Object.fromEntries(
    [V_WEST, V_EAST, V_SOUTH, V_NORTH, V_LOST].map((viewer) => [viewer, carriersOf(viewer, of)]),
  );

beforeEach(() => {
  engine = createPolicyEngine();
  engine.applyAll(world());
});

describe('routes that follow regions', () => {
  it('go through the carrier in the home region, else the nearest one, else the ordinary one', () => {
    expect(carriers()).toEqual({
      [V_WEST]: [R_WEST],
      [V_EAST]: [R_EAST],
      [V_SOUTH]: [R_EAST],
      [V_NORTH]: [R_WEST],
      [V_LOST]: [R_WEST],
    });
  });

  it('prefer the ordinary carrier within its region', () => {
    engine.apply(primary(R_EAST_2));
    expect(carriersOf(V_EAST)).toEqual([R_EAST_2]);
    expect(carriersOf(V_WEST)).toEqual([R_WEST]);
  });

  it('fail over within the region, then to the next one, and come back', () => {
    engine.apply(router(R_EAST, EAST, { online: false }));
    expect(carriersOf(V_EAST)).toEqual([R_EAST_2]);
    engine.apply(router(R_EAST_2, EAST, { online: false }));
    expect(carriersOf(V_EAST)).toEqual([R_WEST]);
    expect(carriersOf(V_SOUTH)).toEqual([R_WEST]);
    engine.apply(router(R_EAST, EAST));
    expect(carriersOf(V_EAST)).toEqual([R_EAST]);
  });

  it('go through the ordinary carrier when none is connected anywhere', () => {
    for (const [id, region] of [
      [R_WEST, WEST],
      [R_EAST, EAST],
      [R_EAST_2, EAST],
    ] as const)
      engine.apply(router(id, region, { online: false }));
    expect(new Set(Object.values(carriers()).flat())).toEqual(new Set([R_WEST]));
  });

  it('follow a device to its new home, and a carrier to its own', () => {
    const told = engine.apply(device(V_WEST, [EAST, WEST]));
    expect([...told.viewers]).toEqual([V_WEST]);
    expect([...told.subjects()]).toEqual([]);
    expect(carriersOf(V_WEST)).toEqual([R_EAST]);
    engine.apply(router(R_WEST, NORTH));
    expect(carriersOf(V_NORTH)).toEqual([R_WEST]);
  });

  it('tell those alone who get another carrier', () => {
    const told = engine.apply(router(R_EAST, EAST, { online: false }));
    const subjects = [...told.subjects()].map(({ subject, viewers }) => [subject, [...viewers].sort()]);
    const eastern = expect.arrayContaining([V_EAST, V_SOUTH]);
    expect(subjects).toEqual([
      [R_EAST, eastern],
      [R_EAST_2, eastern],
    ]);
    const viewers = new Set(subjects.flatMap(([, ids]) => ids as number[]));
    expect([V_WEST, V_NORTH, V_LOST].filter((id) => viewers.has(id))).toEqual([]);
  });

  it('say to a carrier what it carries for its region', () => {
    expect([R_WEST, R_EAST, R_EAST_2].map((id) => engine.self(id).primaryRoutes)).toEqual([[NET], [NET], []]);
  });

  it('let a rule with `via` choose among its own carriers', () => {
    const text =
      '{"tagOwners":{"tag:x":[],"tag:v":[]},"grants":[{"src":["*"],"dst":["10.1.0.0/16"],"ip":["*"],"via":["tag:v"]}]}';
    engine.apply({ kind: 'policy', policy: parsePolicy(text) });
    engine.apply(router(R_WEST, WEST, { tags: ['tag:v'] }));
    engine.apply(router(R_EAST_2, EAST, { tags: ['tag:v'] }));
    expect([carriersOf(V_WEST), carriersOf(V_EAST)]).toEqual([[R_WEST], [R_EAST_2]]);
    engine.apply(router(R_EAST_2, EAST, { tags: ['tag:v'], online: false }));
    expect(carriersOf(V_EAST)).toEqual([R_WEST]);
  });

  it('tell who loses a carrier of a rule with `via` to one that also gives the loser another order of regions', () => {
    const text =
      '{"tagOwners":{"tag:v":[]},"grants":[{"src":["*"],"dst":["10.1.0.0/16"],"ip":["*"],"via":["tag:v"]}]}';
    const small = createPolicyEngine({ policy: parsePolicy(text) });
    small.applyAll([
      router(R_EAST, EAST, { tags: ['tag:v'], regions: [EAST, WEST] }),
      device(V_LOST, undefined),
    ]);
    expect(small.routes(V_LOST, R_EAST)).toEqual([NET]);
    const told = small.apply(router(R_WEST, WEST, { tags: ['tag:v'] }));
    expect(small.routes(V_LOST, R_EAST)).toEqual([]);
    const loser = [...told.subjects()].find(({ subject }) => subject === R_EAST);
    expect(loser?.viewers.has(V_LOST)).toBe(true);
  });

  it('are explained by the gateway that the source has', () => {
    const receiver = (source: number): number | undefined =>
      explain(engine, {
        source: { kind: 'device', id: source },
        target: { kind: 'selector', text: '10.1.2.3' },
        protocol: 6,
        port: 443,
      }).verdicts[0]?.path?.receiver;
    expect([V_WEST, V_EAST, V_NORTH].map(receiver)).toEqual([R_WEST, R_EAST, R_WEST]);
    engine.apply({ kind: 'policy', policy: parsePolicy('{"grants":[]}') });
    expect([V_WEST, V_EAST].map(receiver)).toEqual([R_WEST, R_EAST]);
  });

  it('are the same in a fork and in an engine that got everything in another order', () => {
    const other = createPolicyEngine();
    for (const change of world().reverse()) other.apply(change);
    expect(carriers(other)).toEqual(carriers());
    expect(carriers(engine.fork([]))).toEqual(carriers());
  });

  it('keep devices of one region in one class, wherever nobody carries anything', () => {
    engine.apply(device(31, [EAST, 7, 9, WEST]));
    engine.apply(device(32, [EAST, WEST, 8]));
    expect(new Set([31, 32, V_EAST].map(engine.viewerClass)).size).toBe(1);
    expect(engine.viewerClass(V_WEST)).not.toBe(engine.viewerClass(V_EAST));
  });

  it('recompile nothing when a gateway comes or goes whose routes a network role opens', () => {
    engine.applyAll([
      { kind: 'network', network: { id: 45, slug: 'dc', active: true } },
      { kind: 'gateway', gateway: { id: 46, network: 45, device: R_EAST } },
      { kind: 'group', group: { id: 49, key: 'ops', label: 'Ops', active: true, members: [] } },
      { kind: 'role', role: { id: 1, group: 49, network: 45 } },
    ]);
    const program = engine.core.program();
    engine.apply(router(R_EAST, EAST, { online: false }));
    expect(engine.core.program()).toBe(program);
    engine.apply(router(R_EAST, EAST, { approved: [] }));
    expect(engine.core.program()).not.toBe(program);
  });
});
