// What explain says of accesses to resources that time has ended: they expired, they locked, their time on request is over.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessEdge, Resource } from '../../src/domain/model/networks.ts';
import { expireEdge } from '../../src/domain/networks/edges.ts';
import type { Tx } from '../../src/domain/ports/store.ts';
import type { AccessExplanation } from '../../src/effective-policy/explain-access.ts';
import { HOUR } from '../../src/kernel/clock.ts';
import { commandLine, type Place } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
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
} from '../support/seeds.ts';
import { createPolicyPlace, insertDevice } from './policy-place.ts';

const NOW = Date.now();
const at = (ago: number): number => Math.floor(NOW - ago);
const text = (ago: number): string => new Date(at(ago)).toISOString();
const HTTPS = [{ start: 443, end: 443 }];
const NARROW = {
  allowIcmp: false,
  tcp: { policy: 'restricted', ports: HTTPS },
  udp: { policy: 'restricted', ports: [] },
} as const;

async function insertPlant(tx: Tx, org: number, ada: number): Promise<void> {
  const { id: network } = await insertNetwork(tx, org, { name: 'Plant' });
  const box = await insertDevice(tx, org, 'box', null, ada, '100.127.0.1', { class: 'edge-only' });
  const gateway = await insertGateway(tx, org, { network, name: 'plant-1', device: box });
  await tx.update('device', org, box, { ownerKind: 'gateway', owner: gateway.id });
  const group = await insertGroup(tx, org, { name: 'Operators' });
  await addToGroup(tx, org, group.id, [ada]);
  const others = await insertGroup(tx, org, { name: 'Others' });
  const eve = await insertMember(tx, org, { username: 'eve@acme.test' });
  await addToGroup(tx, org, others.id, [eve.id]);
  const { id: robot } = await insertServiceAccount(tx, org, { name: 'robot' });

  let last = 1;
  const resource = async (name: string, more: Partial<Resource> = {}): Promise<number> => {
    last += 1;
    const ip = `10.88.0.${last}`;
    const place = { addressText: ip, lowAddress: ip, highAddress: ip };
    return (await insertResource(tx, org, { network, name, ...place, ...more })).id;
  };
  const edge = (of: number, more: Partial<AccessEdge> = {}): Promise<AccessEdge> =>
    insertEdge(tx, org, { resource: of, principalKind: 'group', principal: group.id, ...more });
  const cleared = async (of: number, ago: number, more: Partial<AccessEdge> = {}): Promise<void> =>
    expireEdge(tx, await edge(of, { expiresAt: at(ago), ...more }));
  const request = (of: number, status: 'approved' | 'expired' | 'pending' | 'rejected', until?: number) =>
    tx.insert('accessRequest', {
      ...{ org, id: tx.newId(), membership: ada, resource: of, reason: '', seconds: null, status },
      ...{ requestedAt: at(2 * HOUR), decidedAt: null, decidedBy: null, accessUntil: until ?? null },
    });
  const lock = (of: AccessEdge, state: { lockedAt?: number; openUntil?: number }) =>
    tx.put('accessLock', {
      ...{ org, edge: of.id, membership: ada, lastUsed: null },
      ...{ lockedAt: state.lockedAt ?? null, openUntil: state.openUntil ?? null },
    });

  await cleared(await resource('lathe'), HOUR);
  await edge(await resource('drill'), { expiresAt: at(2 * HOUR) });
  await cleared(await resource('narrow', { protocols: NARROW }), HOUR);
  await cleared(await resource('theirs'), HOUR, { principal: others.id });
  await cleared(await resource('machine'), HOUR, { principalKind: 'service_account', principal: robot });
  const again = await resource('again', { protocols: NARROW });
  await cleared(again, HOUR);
  await edge(again);

  const name = { addressKind: 'dns', lowAddress: null, highAddress: null } as const;
  await edge(await resource('erp', { ...name, addressText: 'erp.plant.test', protocols: NARROW }));
  await cleared(await resource('crm', { ...name, addressText: 'crm.plant.test' }), HOUR);
  await lock(await edge(await resource('press'), { accessMode: 'auto-lock' }), { lockedAt: at(HOUR) });
  const bySelf = await edge(await resource('shear'), { accessMode: 'auto-lock' });
  await lock(bySelf, { openUntil: at(HOUR) });
  for (const [name, status, until] of [
    ['saw', 'expired', at(HOUR)],
    ['mill', 'pending', undefined],
    ['vice', 'rejected', undefined],
    ['anvil', 'expired', undefined],
    ['forge', undefined, undefined],
  ] as const) {
    const id = await resource(name);
    await edge(id, { accessMode: 'access-request' });
    if (status !== undefined) await request(id, status, until);
  }
}

describe.each(ENGINES)('what explain says of accesses that ended, on %s', (engine) => {
  let place: Place;
  beforeAll(async () => {
    place = await createPolicyPlace(async (tx, org, ada) => {
      await insertDevice(tx, org, 'laptop', null, ada, '100.64.0.1');
      await insertPolicy(tx, org, '{"grants": []}');
      await insertPlant(tx, org, ada);
    }, engine);
  });
  afterAll(() => place.remove());

  const explain = async (source: string, target: string, ...more: string[]) => {
    const question = ['--org', 'acme', '--src', source, '--dst', target, ...more];
    const outcome = await commandLine('policy', 'explain', ...question, ...place.flags);
    expect({ code: outcome.code, err: outcome.err }).toEqual({ code: 0, err: '' });
    return outcome;
  };

  test.each([
    ['resource:lathe', `access to lathe for Operators: Operators to 10.88.0.2; it expired at ${text(HOUR)}`],
    ['10.88.0.2', `access to lathe for Operators: Operators to 10.88.0.2; it expired at ${text(HOUR)}`],
    [
      'resource:drill',
      `access to drill for Operators: Operators to 10.88.0.3; it expired at ${text(2 * HOUR)}`,
    ],
    ['resource:narrow', `it expired at ${text(HOUR)}, and does not open this protocol and port`],
    ['resource:press', `it has been locked for ada@acme.test since ${text(HOUR)}, until access is asked for`],
    [
      'resource:shear',
      `it was open to ada@acme.test until ${text(HOUR)}, and is closed until access is asked for`,
    ],
    [
      'resource:saw',
      `it was open to ada@acme.test until ${text(HOUR)}, and is closed until access is asked for`,
    ],
    [
      'resource:mill',
      `it is closed to ada@acme.test now, and the request of ${text(2 * HOUR)} waits for an answer`,
    ],
    ['resource:vice', `it is closed to ada@acme.test now, and the request of ${text(2 * HOUR)} was rejected`],
    [
      'resource:anvil',
      `it is closed to ada@acme.test now, and the request of ${text(2 * HOUR)} was never answered`,
    ],
    ['resource:forge', 'it is closed to ada@acme.test now, until access is asked for and given'],
  ])('from a device to %s', async (target, told) => {
    const { out } = await explain('laptop', `${target}:80`);
    expect(out).toContain(`laptop may NOT reach ${target} on port 80\n`);
    expect(out).toContain(told);
  });

  test.each([
    [
      'eve@acme.test',
      'resource:theirs',
      `access to theirs for Others: Others to 10.88.0.5; it expired at ${text(HOUR)}`,
    ],
    [
      'service-account:robot',
      'resource:machine',
      `access to machine for robot: service-account:robot to 10.88.0.6; it expired`,
    ],
    ['group:Operators', 'resource:lathe', `it expired at ${text(HOUR)}`],
  ])('from %s to %s', async (source, target, told) => {
    expect((await explain(source, `${target}:80`)).out).toContain(told);
  });

  test.each([
    ['those of others', 'resource:theirs'],
    ['one that was given again', 'resource:again'],
  ])('and nothing of %s', async (_, target) => {
    expect((await explain('laptop', `${target}:80`)).out).not.toContain('expired');
  });

  const NO_ADDRESS =
    'no gateway has found an address of this name yet: it does when somebody with access asks';
  test.each([
    [
      'laptop',
      'erp.plant.test:443',
      ['else it might, by access to erp for Operators: Operators to erp.plant.test over tcp 443\n'],
    ],
    [
      'laptop',
      'erp.plant.test:80',
      ['closest: access to erp for Operators: Operators to erp.plant.test over tcp 443; it does not open'],
    ],
    [
      'eve@acme.test',
      'resource:erp:443',
      ['closest: access to erp for Operators', '; it does not name the source\n'],
    ],
    [
      'laptop',
      'crm.plant.test:443',
      [`access to crm for Operators: Operators to crm.plant.test; it expired at`],
    ],
  ])('of a name without an address who may use it: from %s to %s', async (source, target, told) => {
    const { out } = await explain(source, target);
    expect(out.split(NO_ADDRESS)).toHaveLength(2);
    for (const text of told) expect(out).toContain(text);
    const { allowed, verdicts } = (await explain(source, target, '--json')).json<AccessExplanation>();
    expect([allowed, verdicts.some((one) => one.allowed || one.path !== null)]).toEqual([false, false]);
    expect(JSON.stringify(verdicts)).not.toContain('2001:db8');
  });

  test('programs get the instants apart', async () => {
    const closest = async (target: string) =>
      (await explain('laptop', target, '--json')).json<AccessExplanation>().verdicts[0]?.closest;
    expect(await closest('resource:lathe:80')).toMatchObject([
      { lacks: ['time'], closedTo: null, ended: { how: 'expired', at: text(HOUR) }, request: null },
    ]);
    expect(await closest('resource:press:80')).toMatchObject([
      {
        lacks: ['source'],
        closedTo: 'ada@acme.test',
        ended: { how: 'locked', at: text(HOUR) },
        request: null,
      },
    ]);
    expect(await closest('resource:mill:80')).toMatchObject([
      { ended: null, request: { status: 'pending', requestedAt: text(2 * HOUR) } },
    ]);
  });
});
