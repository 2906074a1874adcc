// What `holdfast policy explain` says to a person: of routes, services, resources, SSH, and of what keeps packets off.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tx } from '../../src/domain/ports/store.ts';
import { commandLine, type Place } from '../support/command-line.ts';
import {
  addToGroup,
  insertEdge,
  insertGateway,
  insertGroup,
  insertNetwork,
  insertPolicy,
  insertResource,
  STAMP,
} from '../support/seeds.ts';
import { createPolicyPlace, insertDevice } from './policy-place.ts';

const TAGS = ['tag:web', 'tag:router', 'tag:exit'];
const POLICY = {
  tagOwners: Object.fromEntries(TAGS.map((tag) => [tag, []])),
  hosts: { lan: '10.7.0.0/16', press: '10.7.0.9' },
  ipsets: { 'ipset:some': ['add 10.7.1.0/24', 'remove 10.7.1.5'] },
  grants: [
    { src: ['autogroup:member'], dst: ['tag:web'], ip: ['tcp:443', 'tcp:8000-8010', 'icmp:*'] },
    { src: ['autogroup:member'], dst: ['autogroup:self'], ip: ['tcp:22'] },
    { src: ['autogroup:member'], dst: ['lan', 'svc:api'], ip: ['tcp:443'] },
    { src: ['autogroup:member'], dst: ['8.8.8.8'], ip: ['udp:53'] },
    { src: ['tag:web'], dst: ['autogroup:internet'], ip: ['*'] },
    { src: ['ipset:some'], dst: ['tag:web'], ip: ['udp:161'] },
  ],
  ssh: [
    { action: 'accept', src: ['autogroup:member'], dst: ['autogroup:self'], users: ['autogroup:nonroot'] },
    { action: 'check', src: ['autogroup:member'], dst: ['tag:web'], users: ['root'] },
  ],
  nodeAttrs: [{ target: ['100.64.0.3'], attr: ['disable-ipv4'] }],
};

async function carry(tx: Tx, org: number, device: number, prefix: string, network = 0): Promise<void> {
  const enabled = { advertised: true, manualAt: tx.now, manualBy: 0, auto: false };
  await tx.insert('route', { org, device, prefix, ...enabled });
  if (!prefix.endsWith('/0')) {
    await tx.insert('routePrimary', { org, network, prefix, device, since: tx.now });
  }
}

async function insertService(tx: Tx, org: number, name: string, ip: string, host: number): Promise<void> {
  const id = tx.newId();
  const texts = { displayName: '', comment: '', annotations: {}, ports: ['tcp:443'], tags: [] };
  await tx.insert('service', { org, id, name, ...texts, createdAt: tx.now, updatedAt: tx.now });
  await tx.insert('address', { org, ip, family: 4, holderKind: 'service', holder: id, claim: ip });
  const hosted = { approval: 'approved:auto', advertised: true } as const;
  await tx.insert('serviceHost', { org, service: id, device: host, ...hosted });
  await tx.insert('routePrimary', { org, network: 0, prefix: `${ip}/32`, device: host, since: tx.now });
}

/** A network with a gateway, a resource that Ada may use, one that nobody may, and one whose name nobody asked for yet. */
async function insertPlant(tx: Tx, org: number, ada: number): Promise<number> {
  const { id: network } = await insertNetwork(tx, org, { name: 'Plant' });
  const box = await insertDevice(tx, org, 'box', null, ada, '100.127.0.1', { class: 'edge-only' });
  const gateway = await insertGateway(tx, org, { network, name: 'plant-1', device: box });
  await tx.update('device', org, box, { ownerKind: 'gateway', owner: gateway.id });
  const group = await insertGroup(tx, org, { name: 'Operators' });
  await addToGroup(tx, org, group.id, [ada]);
  const at = (ip: string) => ({ addressText: ip, lowAddress: ip, highAddress: ip });
  const open = await insertResource(tx, org, { network, name: 'lathe', ...at('10.88.0.2') });
  await insertResource(tx, org, { network, name: 'drill', ...at('10.88.0.3') });
  const named = {
    addressText: 'db.plant.test',
    addressKind: 'dns',
    lowAddress: null,
    highAddress: null,
  } as const;
  await insertResource(tx, org, { network, name: 'database', ...named });
  await insertEdge(tx, org, { resource: open.id, principalKind: 'group', principal: group.id });
  const prefix = '10.88.0.2/32';
  await tx.insert('routePrimary', { org, network, prefix, device: box, since: tx.now });
  return gateway.id;
}

describe('what explain says', () => {
  let place: Place;
  beforeAll(async () => {
    place = await createPolicyPlace(async (tx, org, ada) => {
      await insertDevice(tx, org, 'laptop', null, ada, '100.64.0.1');
      const web = await insertDevice(tx, org, 'web', 'tag:web', ada, '100.64.0.2');
      await insertDevice(tx, org, 'mute', 'tag:web', ada, '100.64.0.3');
      const router = await insertDevice(tx, org, 'router', 'tag:router', ada, '100.64.0.4');
      await carry(tx, org, router, '10.7.0.0/16');
      const exit = await insertDevice(tx, org, 'exit', 'tag:exit', ada, '100.64.0.5');
      await carry(tx, org, exit, '0.0.0.0/0');
      await insertDevice(tx, org, 'old', null, ada, '100.64.0.6', { keyExpiresAt: tx.now - 1 });
      await insertDevice(tx, org, 'newcomer', null, ada, '100.64.0.7', { authorizedAt: null });
      await insertService(tx, org, 'svc:api', '100.80.0.1', web);
      const gateway = await insertPlant(tx, org, ada);
      const client = tx.newId();
      await tx.insert('extClient', {
        ...{ org, id: client, clientId: 'roadwarrior', gateway, ownerKind: 'membership', owner: ada },
        ...{ publicKey: 'x', privateKeySealed: null, presharedKeySealed: null, enabled: true },
        ...{ deviceId: null, racId: null, extraAllowedIps: [], dns: '' },
        ...{ createdAt: tx.now, updatedAt: tx.now, ...STAMP },
      });
      const ip = '198.18.0.2';
      await tx.insert('address', { org, ip, family: 4, holderKind: 'ext-client', holder: client, claim: ip });
      await insertPolicy(tx, org, JSON.stringify(POLICY, null, 2));
    });
  });
  afterAll(() => place.remove());

  const explain = async (source: string, target: string, protocol = 'tcp'): Promise<string> => {
    const question = ['--org', 'acme', '--src', source, '--dst', target, '--proto', protocol];
    const { code, out, err } = await commandLine('policy', 'explain', ...question, ...place.flags);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out;
  };

  const cases: readonly (readonly [string, string, string, readonly string[]])[] = [
    [
      'laptop',
      'web:22',
      'tcp',
      ['may NOT reach web on port 22', 'to tag:web over tcp 443, tcp 8000-8010, icmp; it does'],
    ],
    [
      'laptop',
      'web:22',
      'tcp',
      ['SSH rules let it log in as root after a fresh sign-in, once it gets there'],
    ],
    ['laptop', 'web', 'icmp', ['laptop may reach web by icmp']],
    [
      'ipset:some',
      'web:161',
      'udp',
      ['it stands for many addresses: ask about one of them, such as 10.7.1.0'],
    ],
    ['10.7.1.7', 'web:161', 'udp', ['may reach web on udp port 161', 'ipset:some to tag:web over udp 161']],
    ['10.7.1.5', 'web:161', 'udp', ['may NOT reach web']],
    [
      'laptop',
      'press:443',
      'tcp',
      ['may reach press on port 443', 'autogroup:member to lan, svc:api over tcp 443'],
    ],
    [
      'laptop',
      'svc:api:443',
      'tcp',
      ['may reach svc:api', 'taken by web.acme.holdfast.internal, which carries 100.80.0.1/32'],
    ],
    ['laptop', 'lan:443', 'tcp', ['stands for many addresses']],
    ['laptop', 'autogroup:internet:443', 'tcp', ['ask about an address there']],
    [
      'laptop',
      'old:22',
      'tcp',
      ['may NOT reach old', 'its key has expired', 'else it might, by grants[1]', 'to autogroup:self'],
    ],
    ['newcomer', 'web:443', 'tcp', ['may NOT reach web', 'the source is cut off: it is not authorized']],
    ['laptop', 'mute:443', 'tcp', ['may NOT reach mute', 'IPv4 is switched off for one of the two']],
    [
      'web',
      '8.8.8.8:443',
      'tcp',
      ['may reach 8.8.8.8', 'which carries 0.0.0.0/0 for whoever chose it as the exit node'],
    ],
    ['laptop', '8.8.8.8:53', 'udp', ['may NOT reach 8.8.8.8', 'the source is given no exit node for it']],
    ['router', '10.7.0.1:22', 'tcp', ['router leads to 10.7.0.1 itself, by its route 10.7.0.0/16']],
    [
      'laptop',
      'resource:lathe:80',
      'tcp',
      ['may reach resource:lathe', 'by access to lathe for Operators: Operators to 10.88.0.2'],
    ],
    [
      'laptop',
      'resource:drill:80',
      'tcp',
      ['may NOT reach resource:drill', 'no gateway of its network carries it: nobody has access'],
    ],
    ['laptop', 'db.plant.test:80', 'tcp', ['no gateway has found an address of this name yet']],
    [
      'roadwarrior',
      'web:443',
      'tcp',
      ['may NOT reach web', 'a plain client reaches its gateway, and what that routes, alone'],
    ],
    [
      'roadwarrior',
      '10.88.0.2:80',
      'tcp',
      ['roadwarrior may reach 10.88.0.2', 'taken by box.acme.holdfast.internal'],
    ],
    ['laptop', 'nothing:80', 'tcp', ['no device, user or host of the policy file is called that']],
    ['laptop', '100.64.0.99:80', 'tcp', ['may NOT reach']],
  ];
  test.each(cases)('of %s to %s by %s', async (source, target, protocol, sentences) => {
    const said = await explain(source, target, protocol);
    for (const sentence of sentences) expect(said).toContain(sentence);
  });

  test('names no rule that has nothing to do with the destination where others have', async () => {
    expect(await explain('router', 'web:443')).not.toContain('does not name the destination');
    expect((await explain('laptop', 'old:22')).match(/closest/gu)).toBeNull();
  });

  test('impact speaks of devices, services and the internet by their names', async () => {
    const [, directory = ''] = place.flags;
    const file = path.join(directory, 'next.hujson');
    const more = [
      { src: ['autogroup:member'], dst: ['tag:web', 'svc:api'], ip: ['tcp:25'] },
      { src: ['autogroup:member'], dst: ['autogroup:internet'], ip: ['*'] },
    ];
    const next = { ...POLICY, grants: [...POLICY.grants, ...more], ssh: POLICY.ssh.slice(0, 1) };
    writeFileSync(file, JSON.stringify(next));
    const { out } = await commandLine('policy', 'impact', file, '--org', 'acme', ...place.flags);
    expect(out).toContain('laptop to web\n  + tcp 25 at its own address, 100.80.0.1\n');
    expect(out).toContain('laptop to mute\n  + tcp 25\n');
    expect(out).toContain('laptop to exit\n  + tcp any port at autogroup:internet over IPv4\n');
    expect(out).toContain('  + icmp at autogroup:internet over IPv4\n');
    expect(out).toContain('SSH to web\n  - laptop as root (check)\n');
    expect(out).toContain('routes of exit for laptop\n  + 0.0.0.0/0\n');
  });
});
