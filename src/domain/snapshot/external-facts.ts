/** Which devices of other organizations an organization must know, and what they are to it. */
import { type EntityKind, keyTextOf, type Row } from '../model/entities.ts';
import type { Organization } from '../model/people.ts';
import { changeOf, type Store } from '../ports/store.ts';
import type { ExternalDevice, Snapshot } from './snapshot.ts';

/** What is wanted of one other organization, by id. */
export interface Wanted {
  /** Devices shared in. */
  readonly devices: ReadonlySet<number>;
  /** Members whose own devices are guests. */
  readonly members: ReadonlySet<number>;
  /** Members who shared something. */
  readonly sharers: ReadonlySet<number>;
}

/** The part of another organization that is known. */
export interface ExternalFacts {
  readonly home: Organization;
  readonly facts: Pick<Snapshot, 'devices' | 'memberships'>;
}

interface MutableWanted extends Wanted {
  readonly devices: Set<number>;
  readonly members: Set<number>;
  readonly sharers: Set<number>;
}

const MAX_ROWS = 100_000;

/** By organization: what was accepted by the organization's own members, and who accepted of it. */
export function wantedBy(
  sharedDevices: Iterable<Pick<Row<'sharedDevice'>, 'homeOrg' | 'device' | 'sharer'>>,
  accepts: Iterable<Pick<Row<'shareAccept'>, 'acceptorOrg' | 'membership'>>,
): Map<number, Wanted> {
  const wanted = new Map<number, MutableWanted>();
  const of = (org: number): MutableWanted => {
    const known = wanted.get(org) ?? { devices: new Set(), members: new Set(), sharers: new Set() };
    wanted.set(org, known);
    return known;
  };
  for (const { homeOrg, device, sharer } of sharedDevices) {
    of(homeOrg).devices.add(device);
    of(homeOrg).sharers.add(sharer);
  }
  for (const { acceptorOrg, membership } of accepts) of(acceptorOrg).members.add(membership);
  return wanted;
}

/** What a device of another organization is to this one; undefined where they do not meet. */
export function externalOf(
  snapshot: Snapshot,
  { home, facts: known }: ExternalFacts,
  id: number,
): ExternalDevice | undefined {
  const facts = known.devices.get(id);
  if (facts === undefined) return undefined;
  const { device } = facts;
  const person = device.ownerKind === 'membership' ? known.memberships.get(device.owner) : undefined;
  const [shared] = snapshot.sharedIn(home.id, id);
  // What is tagged is nobody's own.
  const isGuest = person !== undefined && facts.tags.size === 0 && snapshot.hasAccepted(person.id);
  const sharer = shared && known.memberships.get(shared.sharer);
  const common = { facts: { ...facts }, home, person, sharer };
  if (shared !== undefined) return { kind: isGuest ? 'both' : 'shared-in', ...common };
  return isGuest ? { kind: 'guest', ...common } : undefined;
}

/** Reads the rows of what is wanted. */
export async function fillWanted(
  store: Store,
  facts: Snapshot,
  { devices, members, sharers }: Wanted,
): Promise<void> {
  const org = facts.organization.id;
  const put = <K extends EntityKind>(kind: K, rows: readonly Row<K>[]): void => {
    for (const row of rows) {
      const key = keyTextOf(kind, row);
      facts.apply(changeOf({ org, seq: 0, kind, key, before: null, after: row, at: 0 }));
    }
  };
  const shared = await store.find('device', org, { id: [...devices] }, MAX_ROWS);
  const owner = [...members];
  const guests = await store.find('device', org, { ownerKind: 'membership', owner }, MAX_ROWS);
  const owners = shared.filter(({ ownerKind }) => ownerKind === 'membership').map((device) => device.owner);
  const people = [...new Set([...members, ...sharers, ...owners])];
  put('membership', await store.find('membership', org, { id: people }, MAX_ROWS));
  put('device', shared);
  put('device', guests);
  const ids = [...facts.devices.keys()];
  put('deviceLive', await store.find('deviceLive', org, { device: ids }, MAX_ROWS));
  put('presence', await store.find('presence', org, { device: ids }, MAX_ROWS));
  put('route', await store.find('route', org, { device: ids }, MAX_ROWS));
  put('address', await store.find('address', org, { holderKind: 'device', holder: ids }, MAX_ROWS));
}
