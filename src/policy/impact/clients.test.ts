// Plain clients behind a gateway: they reach that gateway and what it routes, and are reached as one of its routes.
import { describe, expect, it } from 'vitest';
import {
  type Change,
  createPolicyEngine,
  DEFAULT_SETTINGS,
  type DeviceInput,
  impactOf,
  parsePolicy,
} from '../index.ts';

const [GATEWAY, OTHER, CLIENT, SECOND] = [1, 2, 3, 4];

const device = (id: number, address: string, patch: Partial<DeviceInput> = {}): Change => ({
  kind: 'device',
  device: {
    ...{ id, owner: { kind: 'membership', id: 9 }, tags: [], addresses: [address] },
    ...{ advertised: [], approved: [], attributes: {}, class: 'normal', authorized: true, ...patch },
  },
});

function engineWith(grants: readonly object[]) {
  const engine = createPolicyEngine({ settings: { ...DEFAULT_SETTINGS, domains: ['a.test'] } });
  engine.applyAll([
    { kind: 'policy', policy: parsePolicy(JSON.stringify({ grants })) },
    { kind: 'user', user: { id: 9, login: 'ann@a.test', role: 'owner' } },
    device(GATEWAY, '100.64.0.1'),
    device(OTHER, '100.64.0.2'),
    device(CLIENT, '198.18.0.2', { behind: GATEWAY }),
    device(SECOND, '198.18.4.2', { behind: OTHER }),
    { kind: 'network', network: { id: 61, slug: 'plant', active: true } },
    { kind: 'gateway', gateway: { id: 71, network: 61, device: GATEWAY, clientAddresses: ['198.18.0.2'] } },
  ]);
  return engine;
}

const closed: Change = { kind: 'policy', policy: parsePolicy('{"grants": []}') };
const pairsOf = (grants: readonly object[]): string[] =>
  impactOf(engineWith(grants), [closed])
    .flows.flatMap(({ sources, targets }) =>
      sources.flatMap((from) => targets.map((to) => `${from} to ${to}`)),
    )
    .sort();

describe('the impact on plain clients behind gateways', () => {
  it('is on what each has of its own gateway, and of no other device', () => {
    const open = { src: ['ann@a.test'], dst: ['*'], ip: ['tcp:80'] };
    expect(pairsOf([open])).toEqual(['1 to 2', '2 to 1', '3 to 1', '4 to 2']);
  });

  it("is not on rules between a person's own devices, which lead to no client", () => {
    const own = { src: ['autogroup:member'], dst: ['autogroup:self'], ip: ['tcp:22'] };
    expect(pairsOf([own])).toEqual(['1 to 2', '2 to 1']);
  });

  it('names no client as one to log in to over SSH', () => {
    const ssh = [
      { action: 'accept', src: ['autogroup:member'], dst: ['autogroup:self'], users: ['autogroup:nonroot'] },
    ];
    const opened: Change = { kind: 'policy', policy: parsePolicy(JSON.stringify({ grants: [], ssh })) };
    expect(impactOf(engineWith([]), [opened]).ssh.map(({ target }) => target)).toEqual([GATEWAY, OTHER]);
  });
});
