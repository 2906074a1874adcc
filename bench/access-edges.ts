/**
 * What a change of one access costs a server that holds 2,000 resources with 10 accesses each in memory: 400 people with a
 * device each, 300 groups of 20, 20 networks with a gateway each. Prints the CPU of each kind of change, with the filters and
 * peers of the devices that it concerns. `node bench/access-edges.ts [resources] [rounds]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Device } from '../src/domain/model/devices.ts';
import type { Row } from '../src/domain/model/entities.ts';
import type { Change, Store, Tx } from '../src/domain/ports/store.ts';
import { INSTALLATION } from '../src/domain/ports/store.ts';
import { loadSnapshot } from '../src/domain/snapshot/load.ts';
import type { Snapshot } from '../src/domain/snapshot/snapshot.ts';
import type { TableKind } from '../src/domain/snapshot/table-kinds.ts';
import { createEffectivePolicy, type EffectivePolicy } from '../src/effective-policy/effective-policy.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { openStore } from '../src/store/open-store.ts';
import {
  addToGroup,
  insertEdge,
  insertGateway,
  insertGroup,
  insertMember,
  insertNetwork,
  insertResource,
  STAMP,
  seed,
} from '../tests/support/seeds.ts';

const DEFAULT_RESOURCES = 2_000;
const DEFAULT_ROUNDS = 50;
const EDGES = 10;
const GROUPS = 300;
const PEOPLE = 400;
const MEMBERS = 20;
const NETWORKS = 20;
const PER_WRITE = 250;
const HOUR = 3_600_000;

async function insertDevice(
  tx: Tx,
  org: number,
  owner: Pick<Device, 'ownerKind' | 'owner' | 'class'>,
  at: number,
) {
  const id = tx.newId();
  await tx.insert('device', {
    ...{ org, id, ...owner, machineKey: `mkey:${id}`, nodeKey: `nodekey:${id}`, registeredBy: 0 },
    ...{
      osHostname: `host-${id}`,
      givenName: null,
      label: `host-${id}`,
      os: 'linux',
      clientVersion: '1.90.0',
    },
    ...{ capver: 130, createdAt: tx.now, keyExpiresAt: null, expiryDisabled: false, authorizedAt: tx.now },
    ...{ blockedAt: null, archivedAt: null, trustedAt: null, ephemeral: false, serials: [], credential: 0 },
    ...STAMP,
  });
  const block = owner.class === 'edge-only' ? '100.127' : '100.64';
  const ip = `${block}.${at >> 8}.${at & 0xff}`;
  await tx.insert('address', { org, ip, family: 4, holderKind: 'device', holder: id, claim: ip });
  return id;
}

async function fill(store: Store, org: number, resources: number): Promise<void> {
  const [people, groups] = await seed(store, org, async (tx) => {
    const members: number[] = [];
    for (let index = 0; index < PEOPLE; index += 1) {
      const { id } = await insertMember(tx, org, { username: `person-${index}@acme.test` });
      await insertDevice(tx, org, { ownerKind: 'membership', owner: id, class: 'normal' }, index + 1);
      members.push(id);
    }
    const made: number[] = [];
    for (let index = 0; index < GROUPS; index += 1) {
      const { id } = await insertGroup(tx, org, { name: `group ${index}` });
      const own = Array.from({ length: MEMBERS }, (_, at) => members[(index * 7 + at) % PEOPLE] ?? 0);
      await addToGroup(tx, org, id, own);
      made.push(id);
    }
    // Nobody has given this one anything.
    const { id } = await insertGroup(tx, org, { name: 'nothing yet' });
    await addToGroup(tx, org, id, members.slice(0, MEMBERS));
    return [members, made] as const;
  });
  if (people.length !== PEOPLE) throw new Error('not everybody is there');
  const networks = await seed(store, org, async (tx) => {
    const made: number[] = [];
    for (let index = 0; index < NETWORKS; index += 1) {
      const { id } = await insertNetwork(tx, org, { name: `network ${index}` });
      const gateway = await insertGateway(tx, org, { network: id, name: `gateway ${index}` });
      const owner = { ownerKind: 'gateway', owner: gateway.id, class: 'edge-only' } as const;
      const device = await insertDevice(tx, org, owner, index + 1);
      await tx.update('gateway', org, gateway.id, { device });
      made.push(id);
    }
    return made;
  });
  for (let from = 0; from < resources; from += PER_WRITE) {
    await seed(store, org, async (tx) => {
      for (let index = from; index < Math.min(resources, from + PER_WRITE); index += 1) {
        const address = `10.${index >> 16}.${(index >> 8) & 0xff}.${index & 0xff}`;
        const { id } = await insertResource(tx, org, {
          network: networks[index % NETWORKS] ?? 0,
          name: `resource ${index}`,
          addressText: address,
          addressKind: 'ip',
        });
        for (let edge = 0; edge < EDGES; edge += 1) {
          const principal = groups[(index * 3 + edge) % GROUPS] ?? 0;
          const parts = { principalKind: 'group', principal, accessMode: 'manual' } as const;
          await insertEdge(tx, org, { resource: id, ...parts });
        }
      }
    });
  }
}

interface World {
  readonly snapshot: Snapshot;
  readonly policy: EffectivePolicy;
}

/** Applies a change and reads what it means for whom it concerns. */
function apply<K extends TableKind>(
  { snapshot, policy }: World,
  kind: K,
  id: number,
  after: Row<K> | null,
): void {
  const key = String(id);
  const before = snapshot.table(kind).get(key) ?? null;
  const change = { org: 0, seq: 0, kind, key, at: 0, before, after } as unknown as Change;
  snapshot.apply(change);
  const changes = policy.apply([change], new Set());
  for (const device of changes.filters) policy.engine.filter(device);
  for (const device of changes.viewers) policy.engine.opened(device);
  for (const { subject, viewers } of changes.subjects())
    for (const viewer of viewers)
      if (policy.engine.sees(viewer, subject)) policy.engine.view(viewer, subject);
}

function timed(name: string, rounds: number, work: (round: number) => void): void {
  const start = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) work(round);
  const { user, system } = process.cpuUsage(start);
  console.log(`${name.padEnd(60)} ${((user + system) / 1_000 / rounds).toFixed(2)} ms of CPU`);
}

const resources = Number(process.argv[2] ?? DEFAULT_RESOURCES);
const rounds = Number(process.argv[3] ?? DEFAULT_ROUNDS);
const directory = mkdtempSync(path.join(tmpdir(), 'access-edges-'));
const fail = (error: unknown): void => {
  throw error;
};
const store = await openStore({ location: { kind: 'sqlite', directory }, clock: systemClock, onError: fail });
try {
  const org = await store.write(
    { orgs: [INSTALLATION], by: { kind: 'system', id: '', name: 'bench' }, origin: 'cli' },
    async (tx) => tx.newId(),
  );
  const organization = { id: org, label: 'acme', tailnetName: 'acme.test', domains: [] } as never;
  await fill(store, org, resources);
  const snapshot = await loadSnapshot(store, organization);
  let now = systemClock.now();
  let policy: EffectivePolicy | undefined;
  timed('the policy of the organization is made', 1, () => {
    policy = createEffectivePolicy({ snapshot, now: () => now, onError: fail });
    for (const id of snapshot.devices.keys()) policy.engine.filter(id);
  });
  if (policy === undefined) throw new Error('no policy');
  const world: World = { snapshot, policy };
  const edges = [...snapshot.table('accessEdge').values()];
  const pick = (round: number) => edges[(round * 397) % edges.length] ?? fail('no edge');
  const own = [...snapshot.table('group').values()].find(({ name }) => name === 'nothing yet')?.id ?? 0;

  timed('an access ends and comes back (each)', rounds, (round) => {
    const edge = pick(round);
    if (edge === undefined) return;
    apply(world, 'accessEdge', edge.id, null);
    apply(world, 'accessEdge', edge.id, edge);
  });
  timed('a group gets its first access, and loses it (each)', rounds, (round) => {
    const edge = pick(round);
    if (edge === undefined) return;
    const fresh = { ...edge, id: 1_000_000 + round, principal: own };
    apply(world, 'accessEdge', fresh.id, fresh);
    apply(world, 'accessEdge', fresh.id, null);
  });
  timed('a resource has other ports, and the old ones again (each)', rounds, (round) => {
    const row = snapshot.table('resource').get(String(pick(round)?.resource));
    if (row === undefined) return;
    const tcp = { policy: 'restricted', ports: [{ start: 22, end: 22 }] } as const;
    apply(world, 'resource', row.id, { ...row, protocols: { ...row.protocols, tcp } });
    apply(world, 'resource', row.id, row);
  });
  timed('an access gets an end, and comes to it (each)', rounds, (round) => {
    const edge = pick(round);
    if (edge === undefined) return;
    apply(world, 'accessEdge', edge.id, { ...edge, expiresAt: now + HOUR });
    now += HOUR;
    world.policy.expire(now);
  });
  timed('time passes, and nothing ends', rounds, () => {
    now += 1;
    world.policy.expire(now);
  });
} finally {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
}
