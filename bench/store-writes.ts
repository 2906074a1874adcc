/**
 * What a write costs: a device joins (device, two addresses, one audit event), from 16 callers at once.
 * Prints one line an engine and case. `node bench/store-writes.ts [sqlite|postgres] [seconds]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../src/domain/ports/store.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { openStore, type StoreLocation } from '../src/store/open-store.ts';
import { startPostgres } from '../tests/support/postgres-cluster.ts';

const CALLERS = 16;
const WARM_UP_MS = 1_500;
const DEFAULT_SECONDS = 5;
const by = { kind: 'system', id: '', name: 'bench' } as const;

async function joinDevice(store: Store, org: number, host: number): Promise<void> {
  await store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
    const id = tx.newId();
    await tx.insert('device', {
      org,
      id,
      machineKey: `mkey:${id.toString(16).padStart(64, '0')}`,
      nodeKey: `nodekey:${id.toString(16).padStart(64, '0')}`,
      ownerKind: 'membership',
      owner: 3,
      registeredBy: 3,
      class: 'normal',
      osHostname: `host-${id}`,
      givenName: null,
      label: `host-${id}`,
      os: 'linux',
      clientVersion: '1.90.0',
      capver: 130,
      createdAt: tx.now,
      keyExpiresAt: null,
      expiryDisabled: false,
      authorizedAt: tx.now,
      blockedAt: null,
      archivedAt: null,
      trustedAt: null,
      ephemeral: false,
      serials: [],
      credential: 0,
      byKind: 'system',
      byId: '',
      byName: 'bench',
    });
    await tx.insertAll('address', [
      { org, ip: `100.64.${host}.${id}`, family: 4, holderKind: 'device', holder: id, claim: null },
      { org, ip: `fd7a::${host}:${id}`, family: 6, holderKind: 'device', holder: id, claim: null },
    ]);
    tx.audit(org, { verb: 'join', objectKind: 'device', objectId: id, objectName: `host-${id}` });
  });
}

async function measure(store: Store, orgOf: (caller: number) => number, ms: number) {
  let writes = 0;
  let waited = 0;
  const end = performance.now() + ms;
  const cpu = process.cpuUsage();
  const start = performance.now();
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      while (performance.now() < end) {
        const began = performance.now();
        await joinDevice(store, orgOf(caller), caller);
        waited += performance.now() - began;
        writes += 1;
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: Math.round(writes / seconds),
    cpuMs: Number(((user + system) / 1000 / writes).toFixed(3)),
    meanMs: Number((waited / writes).toFixed(2)),
  };
}

async function bench(location: StoreLocation, ms: number): Promise<void> {
  const store = await openStore({ location, clock: systemClock, onError: console.error });
  const cases: readonly (readonly [string, (caller: number) => number])[] = [
    ['one organization', () => 1],
    ['16 organizations', (caller) => 100 + caller],
  ];
  for (const [name, orgOf] of cases) {
    await measure(store, orgOf, WARM_UP_MS);
    const result = await measure(store, orgOf, ms);
    console.log(
      `${location.kind}, ${name}: ${result.perSecond} writes/s, ${result.cpuMs} ms CPU a write, ${result.meanMs} ms mean latency`,
    );
  }
  await store.close();
}

const [engine, seconds] = process.argv.slice(2);
const ms = Number(seconds ?? DEFAULT_SECONDS) * 1000;
if (engine !== 'postgres') {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  await bench({ kind: 'sqlite', directory }, ms);
  rmSync(directory, { recursive: true, force: true });
}
if (engine !== 'sqlite') {
  const postgres = await startPostgres({ fsync: true });
  await bench({ kind: 'postgres', url: await postgres.createDatabase() }, ms);
  await postgres.stop();
}
