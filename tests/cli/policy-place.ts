// An installation with a policy and devices that never joined, for questions at a prompt.
import type { Device } from '../../src/domain/model/devices.ts';
import type { Store, Tx } from '../../src/domain/ports/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore, type StoreLocation } from '../../src/store/open-store.ts';
import { commandLine, newPlace, type Place } from '../support/command-line.ts';
import type { EngineName } from '../support/engines.ts';
import { STAMP, seed } from '../support/seeds.ts';

/** The organization `acme` with what `fill` puts there; `ada` is its owner's membership. */
export async function createPolicyPlace(
  fill: (tx: Tx, org: number, ada: number) => Promise<void>,
  engine: EngineName = 'sqlite',
): Promise<Place> {
  const place = await newPlace(engine);
  const about = ['--org', 'acme', '--domain', 'acme.test', '--owner', 'ada@acme.test'];
  await commandLine('init', ...about, ...place.flags);
  const [flag, value = ''] = place.flags;
  const onError = (error: unknown): void => {
    throw error;
  };
  const location: StoreLocation =
    flag === '--data' ? { kind: 'sqlite', directory: value } : { kind: 'postgres', url: value };
  const store: Store = await openStore({ location, clock: systemClock, onError });
  const org = (await store.organizationBy('label', 'acme'))?.id ?? 0;
  const [ada] = await store.find('membership', org, { role: 'owner' });
  await seed(store, org, (tx) => fill(tx, org, ada?.id ?? 0));
  await store.close();
  return place;
}

export async function insertDevice(
  tx: Tx,
  org: number,
  label: string,
  tag: string | null,
  owner: number,
  ip: string,
  patch: Partial<Device> = {},
): Promise<number> {
  const id = tx.newId();
  await tx.insert('device', {
    org,
    id,
    machineKey: `mkey:${label}`,
    nodeKey: `nodekey:${label}`,
    ownerKind: tag === null ? 'membership' : 'tags',
    owner: tag === null ? owner : 0,
    registeredBy: owner,
    class: 'normal',
    osHostname: label,
    givenName: null,
    label,
    os: 'linux',
    clientVersion: '1.102.5',
    capver: 142,
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
    ...STAMP,
    ...patch,
  });
  if (tag !== null) await tx.insert('deviceTag', { org, device: id, tag, source: 'key' });
  await tx.insert('address', { org, ip, family: 4, holderKind: 'device', holder: id, claim: ip });
  return id;
}

/** Enables a route of a device; unless it is the way out, the device is its carrier. */
export async function carry(tx: Tx, org: number, device: number, prefix: string, network = 0): Promise<void> {
  const enabled = { advertised: true, manualAt: tx.now, manualBy: 0, auto: false };
  await tx.insert('route', { org, device, prefix, ...enabled });
  if (!prefix.endsWith('/0')) {
    await tx.insert('routePrimary', { org, network, prefix, device, since: tx.now });
  }
}

/** A service that a device hosts. */
export async function insertService(
  tx: Tx,
  org: number,
  name: string,
  ip: string,
  host: number,
): Promise<void> {
  const id = tx.newId();
  const texts = { displayName: '', comment: '', annotations: {}, ports: ['tcp:443'], tags: [] };
  await tx.insert('service', { org, id, name, ...texts, createdAt: tx.now, updatedAt: tx.now });
  await tx.insert('address', { org, ip, family: 4, holderKind: 'service', holder: id, claim: ip });
  const hosted = { approval: 'approved:auto', advertised: true } as const;
  await tx.insert('serviceHost', { org, service: id, device: host, ...hosted });
  await tx.insert('routePrimary', { org, network: 0, prefix: `${ip}/32`, device: host, since: tx.now });
}
