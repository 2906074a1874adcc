import { describe, expect, it } from 'vitest';
import { brokenDenials, createPolicyEngine, type EdgeInput, parsePolicy } from '../index.ts';

/** An edge from a group of one person to the one resource, and tests of a file that opens nothing. */
function broken(tests: object[], edge: Partial<EdgeInput> = {}) {
  const engine = createPolicyEngine({ policy: parsePolicy(JSON.stringify({ acls: [], tests })) });
  engine.applyAll([
    { kind: 'user', user: { id: 1, login: 'ann@a.test', role: 'owner' } },
    { kind: 'user', user: { id: 2, login: 'bob@a.test', role: 'member' } },
    { kind: 'group', group: { id: 3, key: 'ops', label: 'Ops', active: true, members: [1] } },
    { kind: 'network', network: { id: 4, slug: 'dc', active: true } },
    {
      kind: 'resource',
      resource: {
        ...{ id: 5, network: 4, active: true, address: '10.0.0.5', networkWide: false },
        protocols: { icmp: false, tcp: [{ start: 22, end: 22 }], udp: [] },
      },
    },
    { kind: 'edge', edge: { id: 6, resource: 5, principal: { kind: 'group', id: 3 }, ...edge } },
  ]);
  return brokenDenials(engine.core);
}
const found = { edge: 6, dst: '10.0.0.5:22' };
const deny = ['10.0.0.5:22'];

describe('denials of a policy that an edge breaks', () => {
  it('are those of whom it lets in, at its addresses and ports', () => {
    expect(broken([{ src: 'ann@a.test', deny }])).toEqual([{ ...found, src: 'ann@a.test' }]);
    expect(broken([{ src: 'autogroup:member', deny }])).toEqual([{ ...found, src: 'autogroup:member' }]);
    expect(broken([{ src: 'bob@a.test', deny }])).toEqual([]);
    expect(broken([{ src: 'ann@a.test', deny: ['10.0.0.5:23', '10.0.0.6:22'] }])).toEqual([]);
    expect(broken([{ src: 'ann@a.test', proto: 'udp', deny }])).toEqual([]);
  });

  it('are held against conditions with the attributes that the test gives', () => {
    const edge = { conditions: ["node:os == 'linux'"] };
    const asked = (os: string) => ({ src: 'ann@a.test', srcPostureAttrs: { 'node:os': os }, deny });
    expect(broken([{ src: 'ann@a.test', deny }], edge)).toEqual([]);
    expect(broken([asked('macOS')], edge)).toEqual([]);
    expect(broken([asked('linux')], edge)).toEqual([{ ...found, src: 'ann@a.test' }]);
  });
});
