// An installation with a policy and devices that never joined, for questions at a prompt.
import type { Device } from '../../src/domain/model/devices.ts';
import type { Store, Tx } from '../../src/domain/ports/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore } from '../../src/store/open-store.ts';
import { commandLine, newPlace, type Place } from '../support/command-line.ts';
import { STAMP, seed } from '../support/seeds.ts';

/** The organization `acme` with what `fill` puts there; `ada` is its owner's membership. */
export async function createPolicyPlace(
  fill: (tx: Tx, org: number, ada: number) => Promise<void>,
): Promise<Place> {
  const place = await newPlace('sqlite');
  const about = ['--org', 'acme', '--domain', 'acme.test', '--owner', 'ada@acme.test'];
  await commandLine('init', ...about, ...place.flags);
  const [, directory = ''] = place.flags;
  const onError = (error: unknown): void => {
    throw error;
  };
  const location = { kind: 'sqlite', directory } as const;
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
