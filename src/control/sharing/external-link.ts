/**
 * What a hub knows of one other organization: the devices of it that are shared in, and those of its people with whom a
 * device is shared. Nothing else of that organization is read. It follows the other's change feed like its own.
 */
import type { Device } from '../../domain/model/devices.ts';
import type { EntityKind } from '../../domain/model/entities.ts';
import type { Follower } from '../../domain/ports/follower.ts';
import { type Change, INSTALLATION, type Store } from '../../domain/ports/store.ts';
import { type ExternalFacts, fillWanted, type Wanted } from '../../domain/snapshot/external-facts.ts';
import { createSnapshot } from '../../domain/snapshot/snapshot.ts';

export interface ExternalLink extends ExternalFacts {
  stop(): void;
}

export interface ExternalLinkParts {
  readonly store: Store;
  readonly follower: Follower;
  readonly org: number;
  readonly wanted: Wanted;
  /** Devices whose facts changed, came or went. */
  readonly onChanged: (devices: ReadonlySet<number>) => void;
  /** It must be made anew: the feed has a gap, or something came in whose facts are not at hand. */
  readonly onStale: () => void;
}

const DEVICE_KINDS: ReadonlySet<EntityKind> = new Set(['deviceLive', 'presence', 'route']);

/** Undefined when there is no such organization any more. */
export async function createExternalLink(parts: ExternalLinkParts): Promise<ExternalLink | undefined> {
  const { store, follower, org, wanted, onChanged, onStale } = parts;
  // Read first: what is committed while the rows are read arrives again from the feeds.
  const heads = await store.feed.heads([INSTALLATION, org]);
  const home = await store.get('organization', INSTALLATION, org);
  if (home === undefined) return undefined;
  const facts = createSnapshot(home);
  await fillWanted(store, facts, wanted);

  const isWanted = (device: Device): boolean =>
    wanted.devices.has(device.id) || (device.ownerKind === 'membership' && wanted.members.has(device.owner));
  const knowsOwner = ({ ownerKind, owner }: Device): boolean =>
    ownerKind !== 'membership' || facts.memberships.has(owner);

  const absorbDevice = (change: Change<'device'>): number | undefined => {
    const id = Number(change.key);
    const held = facts.devices.has(id);
    const { after } = change;
    if (after === null || !isWanted(after)) {
      return held ? facts.apply({ ...change, after: null }) : undefined;
    }
    // One that is new comes with its other rows; of one that was there before, they must be read.
    if ((!held && change.before !== null) || !knowsOwner(after)) onStale();
    return facts.apply(change);
  };
  const absorb = (change: Change): readonly (number | undefined)[] => {
    if (change.kind === 'device') return [absorbDevice(change)];
    if (DEVICE_KINDS.has(change.kind)) return [facts.apply(change)];
    if (change.kind === 'address') {
      const { before, after } = change;
      return (after ?? before)?.holderKind === 'device' ? [facts.apply(change)] : [];
    }
    if (change.kind !== 'membership' || !facts.memberships.has(Number(change.key))) return [];
    facts.apply(change);
    return [...facts.devices.values()].map(({ device }) => device.id);
  };

  const unfollow = follower.follow(
    org,
    heads.get(org) ?? 0,
    (changes) => {
      const touched = new Set(changes.flatMap(absorb).filter((id) => id !== undefined));
      if (touched.size > 0) onChanged(touched);
    },
    onStale,
  );
  // The other's own row, by which its devices are named, is one of the installation.
  const unfollowRow = follower.follow(
    INSTALLATION,
    heads.get(INSTALLATION) ?? 0,
    (changes) => {
      if (changes.some(({ kind, key }) => kind === 'organization' && Number(key) === org)) onStale();
    },
    onStale,
  );
  const stop = (): void => {
    unfollow();
    unfollowRow();
  };
  return { home, facts, stop };
}
