// What is behind a device is reached only by those whose maps lead there through this one.
import { describe, expect, it } from 'vitest';
import { type Change, createPolicyEngine, DEFAULT_SETTINGS, impactOf, parsePolicy } from '../index.ts';

const [LAPTOP, FIRST, SECOND] = [1, 2, 3];

const device = (id: number, routes: readonly string[] = []): Change => ({
  kind: 'device',
  device: {
    ...{ id, owner: { kind: 'membership', id: 9 }, tags: [], addresses: [`100.64.0.${id}`] },
    ...{ advertised: routes, approved: routes, attributes: {}, class: 'normal', authorized: true },
  },
});
const primary = (prefix: string, id: number, network = 0): Change => ({
  kind: 'primary',
  primary: { network, prefix, device: id },
});
const policy = (...dst: string[]): Change => {
  const grants = dst.map((one) => ({ src: ['100.64.0.1'], dst: [one], ip: ['tcp:443'] }));
  return { kind: 'policy', policy: parsePolicy(JSON.stringify({ grants })) };
};

const engineWith = (...changes: Change[]) => {
  const engine = createPolicyEngine({ settings: { ...DEFAULT_SETTINGS, domains: ['a.test'] } });
  engine.applyAll([
    { kind: 'user', user: { id: 9, login: 'ann@a.test', role: 'owner' } },
    device(LAPTOP),
    ...changes,
  ]);
  return engine;
};
const told = (engine: ReturnType<typeof engineWith>, ...changes: Change[]): string[] =>
  impactOf(engine, changes).flows.flatMap(({ targets, gained, lost }) => [
    ...gained.map(({ behind }) => `${targets} + ${behind}`),
    ...lost.map(({ behind }) => `${targets} - ${behind}`),
  ]);

const LAN = '10.1.0.0/16';
const WEB = '10.1.2.0/24';

describe('impact through routers', () => {
  const pair = (...first: Change[]) =>
    engineWith(...first, device(FIRST, [LAN]), device(SECOND, [LAN]), primary(LAN, FIRST));

  it('tells of the one that carries the prefix, and not of the one that stands by', () => {
    expect(told(pair(policy()), policy(LAN))).toEqual([`${FIRST} + ${LAN}`]);
  });

  it('tells of both where the other takes over, though no filter is another', () => {
    const changes = told(pair(policy(LAN)), primary(LAN, SECOND));
    expect(changes.sort()).toEqual([`${FIRST} - ${LAN}`, `${SECOND} + ${LAN}`]);
  });

  it('leaves longer prefixes to their carriers', () => {
    const engine = engineWith(
      ...[policy(), device(FIRST, [LAN]), device(SECOND, [WEB])],
      ...[primary(LAN, FIRST), primary(WEB, SECOND)],
    );
    const rest = ['10.1.0.0/23', '10.1.3.0-10.1.255.255'];
    expect(told(engine, policy(LAN)).sort()).toEqual([`${FIRST} + ${rest}`, `${SECOND} + ${WEB}`]);
  });
});

describe('impact through exit nodes', () => {
  const engine = (...dst: string[]) =>
    engineWith(policy(...dst), device(FIRST, ['0.0.0.0/0', '8.8.8.0/24']), device(SECOND, ['0.0.0.0/0']));

  it('is nothing where nobody may choose the exit node, whatever its filter takes', () => {
    expect(told(engine(), policy('8.8.4.4'))).toEqual([]);
  });

  it('is what the filter took before, where the exit node is given', () => {
    const [first = '', ...more] = told(engine('8.8.4.4'), policy('8.8.4.4', 'autogroup:internet'));
    expect(more).toEqual([]);
    expect(first).toMatch(/^2,3 \+ .*\b0\.0\.0\.0-9\.255\.255\.255/u);
  });
});

it('impact tells of a prefix that another network takes away', () => {
  const [OLD, NEW] = [61, 62];
  const tcp = { icmp: false, tcp: 'all', udp: [] } as const;
  const at = (network: number, id: number): Change[] => [
    { kind: 'network', network: { id: network, slug: `dc-${network}`, active: true } },
    { kind: 'gateway', gateway: { id: network + 10, network, device: id } },
    {
      kind: 'resource',
      resource: {
        ...{ id: network + 20, network, active: true, address: '10.5.0.7', resolved: [] },
        ...{ protocols: tcp, networkWide: false },
      },
    },
    primary('10.5.0.7/32', id, network),
  ];
  const edge = (network: number): Change => ({
    kind: 'edge',
    edge: { id: network + 30, resource: network + 20, principal: { kind: 'group', id: 51 } },
  });
  const other = {
    ...edge(OLD),
    edge: { id: 99, resource: OLD + 20, principal: { kind: 'service-account', id: 81 } },
  };
  const engine = engineWith(
    ...[policy(), device(FIRST), device(SECOND), ...at(OLD, FIRST), ...at(NEW, SECOND)],
    { kind: 'group', group: { id: 51, key: 'ops', label: 'Ops', active: true, members: [9] } },
    ...[edge(NEW), other as Change],
  );
  const { routes } = impactOf(engine, [edge(OLD)]);
  const of = (carrier: number) =>
    routes.filter((one) => one.carrier === carrier && one.viewers.includes(LAPTOP));
  expect(of(FIRST)).toMatchObject([{ gained: ['10.5.0.7/32'], lost: [] }]);
  expect(of(SECOND)).toMatchObject([{ gained: [], lost: ['10.5.0.7/32'] }]);
});
