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
  insertMember,
  insertNetwork,
  insertPolicy,
  insertResource,
  insertServiceAccount,
  STAMP,
} from '../support/seeds.ts';
import { carry, createPolicyPlace, insertDevice, insertService } from './policy-place.ts';

const TAGS = ['tag:web', 'tag:router', 'tag:exit', 'tag:many', 'tag:other'];
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
    { src: ['autogroup:member'], dst: ['tag:router'], ip: ['tcp:22'], srcPosture: ['posture:linux'] },
    { src: ['autogroup:member'], dst: ['tag:exit'], ip: ['tcp:22'], srcPosture: ['posture:macos'] },
    { src: ['tag:other'], dst: ['*'], ip: ['tcp:9'] },
    { src: ['*'], dst: ['tag:router'], ip: ['tcp:9'] },
    // So many that not all are told.
    ...Array.from({ length: 12 }, (_, i) => ({
      ...{ src: ['autogroup:member'], dst: ['tag:many'], ip: [`tcp:20-${22 + i}`] },
    })),
    { src: ['autogroup:member'], dst: ['tag:other'], app: { 'acme.test/cap/x': [{}] } },
  ],
  postures: { 'posture:linux': ["node:os == 'linux'"], 'posture:macos': ["node:os == 'macos'"] },
  ssh: [
    { action: 'accept', src: ['autogroup:member'], dst: ['autogroup:self'], users: ['autogroup:nonroot'] },
    { action: 'check', src: ['autogroup:member'], dst: ['tag:web'], users: ['root'] },
    {
      ...{ action: 'accept', src: ['autogroup:member'], dst: ['tag:many'] },
      users: ['autogroup:nonroot', 'deploy'],
    },
  ],
  nodeAttrs: [{ target: ['100.64.0.3'], attr: ['disable-ipv4'] }],
};

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
  await insertResource(tx, org, { network, name: '45', ...at('10.88.0.5') });
  for (const name of ['copy', 'Copy']) await insertResource(tx, org, { network, name, ...at('10.88.0.6') });
  const asked = await insertResource(tx, org, { network, name: 'press', ...at('10.88.0.4') });
  await insertEdge(tx, org, {
    ...{ resource: asked.id, principalKind: 'group', principal: group.id, accessMode: 'access-request' },
  });
  const mills = await insertResource(tx, org, {
    network,
    name: 'mills',
    ...named,
    addressText: '*.plant.test',
  });
  await insertEdge(tx, org, { resource: mills.id, principalKind: 'group', principal: group.id });
  for (const [name, ip] of [
    ['mill.plant.test', '10.88.0.8'],
    ['saw.plant.test', '10.88.0.9'],
  ] as const) {
    await tx.put('resolvedName', { org, device: box, name, addresses: [ip] });
    await tx.insert('routePrimary', { org, network, prefix: `${ip}/32`, device: box, since: tx.now });
  }
  await insertGroup(tx, org, { name: 'Nobody' });
  await insertServiceAccount(tx, org, { name: 'robot' });
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
      await insertDevice(tx, org, 'many', 'tag:many', ada, '100.64.0.8');
      for (const [label, ip] of [
        ['twin-a', '100.64.0.9'],
        ['twin-b', '100.64.0.10'],
      ] as const)
        await insertDevice(tx, org, label, 'tag:other', ada, ip, { osHostname: 'twins' });
      const eve = await insertMember(tx, org, { username: 'eve', email: null });
      await insertDevice(tx, org, 'pad', null, eve.id, '100.64.0.17');
      // What a device says of itself makes it nothing else.
      for (const [label, osHostname, ip] of [
        ['fake-a', 'tag:web', '100.64.0.11'],
        ['fake-b', '10.7.0.1', '100.64.0.12'],
        ['fake-c', 'press', '100.64.0.13'],
        ['fake-d', '', '100.64.0.14'],
        ['fake-e', 'db.plant.test', '100.64.0.15'],
        ['fake-f', 'web', '100.64.0.16'],
        ['fake-g', 'eve', '100.64.0.18'],
      ] as const)
        await insertDevice(tx, org, label, 'tag:other', ada, ip, { osHostname });
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
    ['laptop', 'laptop:80', 'tcp', ['laptop is laptop itself: the network is not asked']],
    ['group:Operators', 'resource:lathe:80', 'tcp', ['may reach resource:lathe', 'to 10.88.0.2']],
    ['group:operators', 'resource:drill:80', 'tcp', ['may NOT reach', 'nobody has access to it']],
    ['group:Nobody', 'resource:lathe:80', 'tcp', ['group:Nobody: it has no device now', 'may NOT reach']],
    ['service-account:robot', 'web:443', 'tcp', ['service-account:robot: it has no device now', 'NOT reach']],
    [
      'laptop',
      'resource:press:22',
      'tcp',
      ['may NOT reach', 'open to those who were given it on request: nobody to 10.88.0.4'],
    ],
    ['laptop', 'mill.plant.test:22', 'tcp', ['may reach mill.plant.test', 'which carries 10.88.0.8/32']],
    ['laptop', 'saw.plant.test:22', 'tcp', ['may reach saw.plant.test', 'which carries 10.88.0.9/32']],
    ['laptop', 'other.plant.test:22', 'tcp', ['no gateway has found an address of this name yet']],
    ['laptop', 'twins:22', 'tcp', ['may NOT reach twin-a, twin-b on port 22']],
    ['laptop', 'press', 'gre', ['may NOT reach press by protocol 47']],
    ['laptop', 'resource:45', 'icmp', ['may NOT reach resource:45 by icmp']],
    ['laptop', 'tag:router:22', 'tcp', ['may reach router', "given node:os == 'linux' (it is linux)"]],
    [
      'laptop',
      'tag:exit:22',
      'tcp',
      ['may NOT reach exit', "does not have: node:os == 'macos' (it is linux)"],
    ],
    [
      'laptop',
      'tag:many:22',
      'tcp',
      ['laptop may reach many', 'by grants[10]', 'by grants[19]', 'and by 2 more'],
    ],
    [
      'laptop',
      '100.64.0.99:80',
      'tcp',
      ["100.64.0.99 is no device's address, and no device carries a route"],
    ],
    ['laptop', 'many:22', 'tcp', ['SSH rules let it log in as any user but root\n']],
    ['router', 'newcomer:9', 'tcp', ['the destination is cut off: it is not authorized\n']],
    ['twin-a', 'newcomer:9', 'tcp', ['else it might, by grants[8]']],
    [
      'laptop',
      'exit:23',
      'tcp',
      ['this protocol and port, and asks for a posture that the source does not have: node'],
    ],
    ['laptop', 'many', 'icmp', ['tcp 20-22; it does not open this protocol\n']],
    ['eve', 'web:443', 'tcp', ['pad may reach web on port 443']],
    ['laptop', 'resource:press:22', 'tcp', ['it is closed to ada@acme.test now, until access is asked for']],
    ['pad', 'resource:press:22', 'tcp', ['nobody to 10.88.0.4; it does not name the source']],
    ['laptop', 'resource:lathe:9', 'tcp', ['may reach resource:lathe']],
    [
      'fake-a',
      'resource:lathe:9',
      'tcp',
      ['tag:other to * over tcp 9; it says *, which covers no resources of networks'],
    ],
    [
      'fake-a',
      'box:9',
      'tcp',
      ['tag:other to * over tcp 9; it says *, which covers no resources of networks'],
    ],
    [
      'box',
      'router:9',
      'tcp',
      ['it says *, which stands for ordinary devices and approved routes, and not for the source'],
    ],
    ['laptop', '[100.64.0.2]:443', 'tcp', ['may reach web on port 443']],
    ['laptop', '[fd7a:115c:a1e0::99]:443', 'tcp', ['may NOT reach fd7a:115c:a1e0::99']],
    ['laptop', 'fd7a:115c:a1e0::99', 'icmp', ['may NOT reach fd7a:115c:a1e0::99 by icmp']],
    ['laptop', '*:443', 'tcp', ['laptop may reach web on port 443']],
    ['laptop', 'autogroup:tagged:443', 'tcp', ['laptop may reach web on port 443']],
    ['*', 'web:443', 'tcp', ['laptop, pad may reach web on port 443\n', '  laptop, pad are offline\n']],
    ['web', 'ada@acme.test:22', 'tcp', ['web may NOT reach laptop on port 22']],
  ];
  /** What is asked, the exit code, and what is said. */
  const refused: readonly (readonly [string, string, string, number, string])[] = [
    ['laptop', 'nothing:80', 'tcp', 1, '--dst nothing: no device, user, host'],
    ['nobody@acme.test', 'web:80', 'tcp', 1, '--src nobody@acme.test: no user has this login'],
    ['laptop', 'tag:no:80', 'tcp', 1, '--dst tag:no: the policy file knows no such tag'],
    ['group:no', 'web:80', 'tcp', 1, '--src group:no: no group of the policy file or of the organization'],
    ['group:no@acme.test', 'web:80', 'tcp', 1, '--src group:no@acme.test: no group of the policy file'],
    ['autogroup:no', 'web:80', 'tcp', 1, '--src autogroup:no: it is no autogroup'],
    ['laptop', 'svc:no:443', 'tcp', 1, '--dst svc:no: there is no such service'],
    ['laptop', 'ipset:no:443', 'tcp', 1, '--dst ipset:no: the policy file has no such IP set'],
    ['laptop', 'resource:no:443', 'tcp', 1, '--dst resource:no: no resource has this name or id'],
    ['service-account:no', 'web:443', 'tcp', 1, '--src service-account:no: no service account has this name'],
    ['laptop:22', 'web:443', 'tcp', 1, '--src laptop:22: no device, user, host'],
    [
      'laptop',
      'resource:copy:443',
      'tcp',
      2,
      '--dst resource:copy: 2 have this name: ask about one by its id',
    ],
    ['ipset:some', 'web:161', 'udp', 2, 'ask about one of them, such as 10.7.1.0'],
    ['laptop', 'lan:443', 'tcp', 2, '--dst lan: it stands for many addresses'],
    ['laptop', 'autogroup:internet:443', 'tcp', 2, 'ask about an address there'],
    ['laptop', 'autogroup:self:443', 'tcp', 2, "it stands for the source's own devices"],
    ['laptop', 'web', 'tcp', 2, '--dst web needs a port behind a colon, from 0 to 65535, such as web:443'],
    ['laptop', 'web:http', 'tcp', 2, '--dst web:http needs a port'],
    ['laptop', 'web:443-444', 'tcp', 2, '--dst web:443-444 needs a port'],
    ['laptop', 'web:*', 'tcp', 2, '--dst web:* needs a port'],
    ['laptop', 'web:-1', 'tcp', 2, '--dst web:-1 needs a port'],
    ['laptop', 'web:65536', 'tcp', 2, '--dst web:65536 needs a port'],
    ['laptop', 'resource:45', 'tcp', 2, '--dst resource:45 needs a port'],
    ['laptop', ':443', 'tcp', 2, '--dst :443 needs a name or address before the port'],
    ['laptop', '[]:443', 'udp', 2, '--dst []:443 needs a name or address before the port'],
    ['laptop', '', 'tcp', 2, '--dst it must say what is asked for'],
    ['laptop', ' ', 'icmp', 2, '--dst it must say what is asked for'],
    ['', 'web:443', 'tcp', 2, '--src it must say who asks'],
    [
      'laptop',
      'fd7a::1',
      'tcp',
      2,
      '--dst fd7a::1 needs a port behind a colon, from 0 to 65535, such as [fd7a::1]:443',
    ],
    [
      'laptop',
      'fd7a::2:1',
      'tcp',
      2,
      'may be an address, or one with a port: write [fd7a::2:1]:443 or [fd7a::2]:1',
    ],
    ['laptop', 'web:443', 'quic', 2, '--proto quic is none of tcp, udp, icmp, sctp'],
    ['laptop', 'web:443', 'constructor', 2, '--proto constructor is none of'],
    ['laptop', 'web:443', '', 2, '--proto an empty text is none of'],
    ['laptop', 'web:443', '999', 2, '--proto 999 is none of'],
    ['laptop', 'a\u001b[2J\nb:80', 'tcp', 1, '--dst a\\u{1b}[2J\\u{a}b: no device'],
  ];
  test.each(refused)(
    'a question of %j to %j by %j fails',
    async (source, target, protocol, code, sentence) => {
      const question = ['--org', 'acme', '--src', source, '--dst', target, '--proto', protocol];
      for (const more of [[], ['--json']]) {
        const outcome = await commandLine('policy', 'explain', ...question, ...more, ...place.flags);
        expect({ ...outcome, out: outcome.out }).toMatchObject({ code, out: '' });
        expect(outcome.err).toContain(sentence);
        expect(outcome.err.trim().split('\n')).toHaveLength(1);
      }
    },
  );

  test.each(cases)('of %s to %s by %s', async (source, target, protocol, sentences) => {
    const said = await explain(source, target, protocol);
    for (const sentence of sentences) expect(said).toContain(sentence);
  });

  test('names no rule that has nothing to do with the destination where others have', async () => {
    expect(await explain('router', 'web:443')).not.toContain('does not name the destination');
    expect((await explain('laptop', 'old:22')).match(/closest/gu)).toBeNull();
    // Capabilities let no packet pass.
    expect(await explain('laptop', 'twins:22')).not.toContain('autogroup:member to tag:other');
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
    expect(out).toContain('laptop, pad to web\n  + tcp 25 at its own address, svc:api (100.80.0.1)\n');
    expect(out).toContain('laptop, pad to mute\n  + tcp 25\n');
    // 8.8.8.8 too, which the filter took before: nobody was given the exit node.
    expect(out).toContain('laptop, pad through exit\n  + everything at the internet over IPv4\n');
    expect(out).toContain('SSH to web, mute\n  - laptop, pad as root (check)\n');
    expect(out).toContain('routes of exit for laptop, pad\n  + the internet, as an exit node\n');
  });
});
