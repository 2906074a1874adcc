// What `holdfast policy impact` says to a person: of resources, hosts, routes, services and the internet, by their names.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tx } from '../../src/domain/ports/store.ts';
import type { NamedImpact } from '../../src/effective-policy/policy-impact.ts';
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
} from '../support/seeds.ts';
import { carry, createPolicyPlace, insertDevice, insertService } from './policy-place.ts';

const POLICY = {
  tagOwners: { 'tag:web': [], 'tag:router': [], 'tag:exit': [] },
  hosts: { lan: '10.7.0.0/16', press: '10.7.0.9', far: '10.9.0.1', docs: '8.8.4.4' },
  ipsets: { 'ipset:some': ['add 10.7.0.0/16', 'remove 10.7.0.9'] },
  grants: [] as object[],
};
const FROM = { src: ['ada@acme.test'], ip: ['tcp:443'] };

/** A network with two gateways, and resources with addresses and names, which Eve may use. */
async function insertPlant(tx: Tx, org: number, ada: number): Promise<void> {
  const { id: network } = await insertNetwork(tx, org, { name: 'Plant' });
  const boxes: number[] = [];
  for (const [label, ip] of [
    ['box-a', '100.127.0.1'],
    ['box-b', '100.127.0.2'],
  ] as const) {
    const box = await insertDevice(tx, org, label, null, ada, ip, { class: 'edge-only' });
    const gateway = await insertGateway(tx, org, { network, name: `${label}-gateway`, device: box });
    await tx.update('device', org, box, { ownerKind: 'gateway', owner: gateway.id });
    boxes.push(box);
  }
  const [first = 0] = boxes;
  const group = await insertGroup(tx, org, { name: 'Operators' });
  const eve = await insertMember(tx, org, { username: 'eve@acme.test' });
  await addToGroup(tx, org, group.id, [eve.id]);
  await insertDevice(tx, org, 'pad', null, eve.id, '100.64.0.9');
  const at = (from: string, to = from) => ({ lowAddress: from, highAddress: to });
  const named = { addressKind: 'dns', lowAddress: null, highAddress: null } as const;
  for (const resource of [
    { name: 'lathe', addressText: '10.88.0.2', ...at('10.88.0.2') },
    { name: 'drill', addressText: '10.88.0.3', ...at('10.88.0.3') },
    { name: 'hall', addressText: '10.88.4.0/24', addressKind: 'cidr', ...at('10.88.4.0', '10.88.4.255') },
    { name: 'database', addressText: 'db.plant.test', ...named },
  ] as const) {
    const { id } = await insertResource(tx, org, { network, ...resource });
    await insertEdge(tx, org, { resource: id, principalKind: 'group', principal: group.id });
  }
  await tx.put('resolvedName', { org, device: first, name: 'db.plant.test', addresses: ['10.88.0.8'] });
  for (const prefix of ['10.88.0.2/32', '10.88.0.3/32', '10.88.0.8/32', '10.88.4.0/24']) {
    await tx.insert('routePrimary', { org, network, prefix, device: first, since: tx.now });
  }
}

describe('what impact says', () => {
  let place: Place;
  beforeAll(async () => {
    place = await createPolicyPlace(async (tx, org, ada) => {
      const laptop = await insertDevice(tx, org, 'laptop', null, ada, '100.64.0.1');
      const web = await insertDevice(tx, org, 'web', 'tag:web', ada, '100.64.0.2');
      for (const [holder, ip] of [
        [laptop, 'fd7a:115c:a1e0::1'],
        [web, 'fd7a:115c:a1e0::2'],
      ] as const)
        await tx.insert('address', { org, ip, family: 6, holderKind: 'device', holder, claim: ip });
      const router = await insertDevice(tx, org, 'router', 'tag:router', ada, '100.64.0.4');
      await carry(tx, org, router, '10.7.0.0/16');
      await carry(tx, org, router, '10.9.0.0/24');
      const spare = await insertDevice(tx, org, 'spare', 'tag:router', ada, '100.64.0.6');
      const enabled = { advertised: true, manualAt: tx.now, manualBy: 0, auto: false };
      await tx.insert('route', { org, device: spare, prefix: '10.9.0.0/24', ...enabled });
      const exit = await insertDevice(tx, org, 'exit', 'tag:exit', ada, '100.64.0.5');
      for (const way of ['0.0.0.0/0', '::/0']) await carry(tx, org, exit, way);
      await insertService(tx, org, 'svc:api', '100.80.0.1', web);
      await insertPlant(tx, org, ada);
      await insertPolicy(tx, org, JSON.stringify(POLICY));
    });
  });
  afterAll(() => place.remove());

  const impact = (dst: string, ...more: string[]) => impactOf({ grants: [{ ...FROM, dst: [dst] }] }, ...more);
  const impactOf = async (next: object, ...more: string[]) => {
    const [, directory = ''] = place.flags;
    const file = path.join(directory, 'next.hujson');
    writeFileSync(file, JSON.stringify({ ...POLICY, ...next }));
    const args = ['policy', 'impact', file, '--org', 'acme', ...more];
    const { code, out, err, json } = await commandLine(...args, ...place.flags);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return { out, json: () => json<NamedImpact>() };
  };

  test.each([
    ['lan', 'laptop through router', 'tcp 443 at host lan (10.7.0.0/16)'],
    ['press', 'laptop through router', 'tcp 443 at host press (10.7.0.9, behind 10.7.0.0/16)'],
    ['10.7.3.4', 'laptop through router', 'tcp 443 at 10.7.3.4 in host lan'],
    ['far', 'laptop through router', 'tcp 443 at host far (10.9.0.1, behind 10.9.0.0/24)'],
    ['10.9.0.0/24', 'laptop through router', 'tcp 443 at the route 10.9.0.0/24'],
    ['10.9.0.7', 'laptop through router', 'tcp 443 at 10.9.0.7 behind the route 10.9.0.0/24'],
    ['ipset:some', 'laptop through router', 'tcp 443 at host lan but 10.7.0.9'],
    ['svc:api', 'laptop through web', 'tcp 443 at svc:api (100.80.0.1)'],
    ['autogroup:internet', 'laptop through exit', 'tcp 443 at the internet'],
    ['tag:exit', 'laptop to exit', 'tcp 443'],
    ['tag:web', 'laptop to web', 'tcp 443'],
    ['100.64.0.2', 'laptop to web', 'tcp 443 at its own IPv4 address'],
    ['10.88.0.2', 'laptop through box-a', 'tcp 443 at resource lathe of Plant (10.88.0.2)'],
    ['10.88.0.8', 'laptop through box-a', 'tcp 443 at resource database of Plant (db.plant.test, 10.88.0.8)'],
    ['10.88.4.7', 'laptop through box-a', 'tcp 443 at 10.88.4.7 in resource hall of Plant (10.88.4.0/24)'],
    [
      '10.88.0.0/16',
      'laptop through box-a',
      'tcp 443 at resource lathe of Plant (10.88.0.2), resource drill of Plant (10.88.0.3), resource database of Plant (db.plant.test, 10.88.0.8), resource hall of Plant (10.88.4.0/24)',
    ],
  ])('of %s', async (dst, between, opens) => {
    expect((await impact(dst)).out).toContain(`${between}\n  + ${opens}\n`);
  });

  test('names routes like what lies behind them', async () => {
    const { out } = await impact('*');
    expect(out).toContain('routes of web for laptop\n  + svc:api (100.80.0.1)\n');
    expect(out).toContain('routes of router for laptop\n  + host lan (10.7.0.0/16), the route 10.9.0.0/24\n');
    expect(out).toContain('routes of exit for laptop\n  + the internet, as an exit node\n');
    expect(out).toContain('laptop to exit\n  + tcp 443 at its own address, the internet\n');
  });

  test('tells of capabilities and attributes, though no packet fares differently', async () => {
    const app = { 'acme.test/cap/read': [{ limit: JSON.rawJSON('9007199254740993') }] };
    const { out } = await impactOf({
      grants: [{ src: ['ada@acme.test'], dst: ['tag:web', 'tag:router'], app }],
      nodeAttrs: [{ target: ['tag:web'], attr: ['randomize-client-port'] }],
    });
    expect(out).toBe(
      [
        'capability acme.test/cap/read at web, router, spare',
        '  + [{"limit":9007199254740993}] for laptop',
        'attributes of web',
        '  + randomize-client-port',
        'No packet between devices would fare differently; nothing has been saved.',
        '',
      ].join('\n'),
    );
  });

  test('tells once of a capability whose arguments change, and of all devices in a word', async () => {
    const app = { 'acme.test/cap/read': [{ x: 1 }] };
    const { out } = await impactOf({ grants: [{ src: ['*'], dst: ['tag:web'], app }] });
    expect(out).toMatch(/capability acme.test\/cap\/read at web\n {2}\+ \[\{"x":1\}\] for \*, 10/u);
  });

  test('tells programs the same beside the addresses', async () => {
    const found = (await impact('10.88.0.0/16', '--json')).json().traffic;
    expect(found).toMatchObject([{ sources: ['laptop'], targets: ['box-a'], closes: [] }]);
    const opens = found[0]?.opens ?? [];
    expect(opens.map(({ behind }) => behind)).toEqual([['10.88.0.2/31', '10.88.0.8', '10.88.4.0/24']]);
    const place = {
      kind: 'resource',
      part: false,
      network: 'Plant',
      carrier: 'box-a',
      except: [],
    };
    expect(opens[0]?.places).toEqual([
      {
        ...place,
        name: 'lathe',
        resourceAddress: '10.88.0.2',
        addresses: ['10.88.0.2'],
        route: '10.88.0.2/32',
      },
      {
        ...place,
        name: 'drill',
        resourceAddress: '10.88.0.3',
        addresses: ['10.88.0.3'],
        route: '10.88.0.3/32',
      },
      {
        ...place,
        name: 'database',
        resourceAddress: 'db.plant.test',
        addresses: ['10.88.0.8'],
        route: '10.88.0.8/32',
      },
      {
        ...place,
        name: 'hall',
        resourceAddress: '10.88.4.0/24',
        addresses: ['10.88.4.0/24'],
        route: '10.88.4.0/24',
      },
    ]);
  });
});
