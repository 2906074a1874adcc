import { describe, expect, it } from 'vitest';
import { createPolicyEngine, type DeviceInput, type PolicyEngine, parsePolicy, runTests } from '../index.ts';

const [SERVER, ROUTER, GATEWAY, LAPTOP] = [1, 2, 3, 4];

const device = (id: number, parts: Partial<DeviceInput>) => ({
  kind: 'device' as const,
  device: {
    ...{ id, owner: { kind: 'tags' as const }, tags: [], addresses: [`100.64.0.${id}`], advertised: [] },
    ...{ approved: [], attributes: {}, class: 'normal' as const, authorized: true },
    ...parts,
  },
});

/** A server that everybody may reach, a router of a network, and a device that the file's wildcards leave out. */
function engineWith(grant: object, rest: object = {}): PolicyEngine {
  const policy = parsePolicy(
    JSON.stringify({
      tagOwners: { 'tag:server': [], 'tag:router': [] },
      grants: [{ src: ['autogroup:danger-all'], dst: ['tag:server'], ip: ['tcp:22'], ...grant }],
      ...rest,
    }),
  );
  const routes = ['10.1.0.0/16', '0.0.0.0/0', '::/0'];
  const attributes = { 'node:os': 'linux' };
  const engine = createPolicyEngine({ policy });
  engine.applyAll([
    { kind: 'user', user: { id: 9, login: 'ann@a.test', role: 'member' } },
    device(SERVER, { tags: ['tag:server'] }),
    device(ROUTER, { tags: ['tag:router'], advertised: routes, approved: routes, attributes }),
    device(GATEWAY, { owner: { kind: 'gateway', id: 7 }, class: 'edge-only', addresses: ['100.127.0.3'] }),
    device(LAPTOP, { owner: { kind: 'membership', id: 9 }, attributes }),
    { kind: 'primary', primary: { network: 0, prefix: '10.1.0.0/16', device: ROUTER } },
  ]);
  return engine;
}

const postures = { postures: { 'posture:linux': ["node:os == 'linux'"] } };
const srcPosture = ['posture:linux'];

describe('autogroup:danger-all', () => {
  it('is spelled as every address', () => {
    expect(engineWith({}).filter(SERVER).rules).toEqual([
      {
        SrcIPs: ['*'],
        DstPorts: [{ IP: '100.64.0.1', Ports: { First: 22, Last: 22 } }],
        IPProto: [6],
      },
    ]);
  });

  it('takes in what is behind routers, so their networks are routed back, and the internet is not', () => {
    const view = engineWith({}).view(SERVER, ROUTER);
    expect(view?.allowedIPs).toEqual(['100.64.0.2/32', '10.1.0.0/16']);
    expect(view?.primaryRoutes).toEqual(['10.1.0.0/16']);
  });

  it('takes in devices outside of wildcards, as its spelling does', () => {
    expect(engineWith({}).peers(SERVER)).toEqual([ROUTER, GATEWAY, LAPTOP]);
    expect(engineWith({ src: ['*'] }).peers(SERVER)).toEqual([ROUTER, LAPTOP]);
  });

  it('with conditions leaves out the devices that fail them', () => {
    const engine = engineWith({ srcPosture }, postures);
    expect(engine.peers(SERVER)).toEqual([ROUTER, LAPTOP]);
    expect(engine.view(SERVER, ROUTER)?.allowedIPs).toContain('10.1.0.0/16');
    const [rule] = engine.filter(SERVER).rules;
    expect(rule?.SrcIPs).toContain('100.64.0.2-100.127.0.2');
  });

  it('with conditions is what the policy’s own tests take a person for who meets them', () => {
    const asked = (os: string, accept: boolean) => ({
      src: 'ann@a.test',
      srcPostureAttrs: { 'node:os': os },
      [accept ? 'accept' : 'deny']: ['tag:server:22'],
    });
    const tests = [asked('linux', true), asked('macOS', false)];
    expect(runTests(engineWith({ srcPosture }, { ...postures, tests }).core)).toEqual([]);
  });
});
