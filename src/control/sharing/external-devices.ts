/**
 * Devices of other organizations in an organization's snapshot. Which, its own rows say (what its members accepted, and who
 * accepted of it); what they are, the other organizations' feeds.
 */
import type { EntityKind } from '../../domain/model/entities.ts';
import type { Follower } from '../../domain/ports/follower.ts';
import type { Change, Store } from '../../domain/ports/store.ts';
import { externalOf, type Wanted, wantedBy } from '../../domain/snapshot/external-facts.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { createExternalLink, type ExternalLink } from './external-link.ts';
import { tidyShares } from './tidy-shares.ts';

export interface ExternalDevices {
  /** Resolves when everything that is shared now is in the snapshot. */
  load(): Promise<void>;
  /** After changes of the organization itself are in the snapshot. */
  applied(changes: readonly Change[]): void;
  stop(): void;
}

export interface ExternalDevicesParts {
  readonly store: Store;
  readonly follower: Follower;
  readonly snapshot: Snapshot;
  /** External devices that are others in the snapshot now. */
  readonly onChanged: (devices: ReadonlySet<number>) => void;
  readonly onError: (error: unknown) => void;
}

const SHARE_KINDS: ReadonlySet<EntityKind> = new Set(['shareAccept', 'sharedDevice']);

export function createExternalDevices(parts: ExternalDevicesParts): ExternalDevices {
  const { store, follower, snapshot, onChanged, onError } = parts;
  const links = new Map<number, ExternalLink>();
  /** What each link was made for, to tell when it has to be made anew. */
  const madeFor = new Map<number, string>();
  const loading = new Map<number, Promise<void>>();
  let stopped = false;

  const wantedOf = (): Map<number, Wanted> =>
    wantedBy(snapshot.table('sharedDevice').values(), snapshot.table('shareAccept').values());
  const textOf = ({ devices, members, sharers }: Wanted): string =>
    [devices, members, sharers].map((ids) => [...ids].sort((a, b) => a - b).join()).join('/');

  /** Brings devices of a link into the snapshot, or out of it. */
  const install = (org: number, ids: Iterable<number>): void => {
    const link = links.get(org);
    const touched = new Set<number>();
    for (const id of ids) {
      const external = link && externalOf(snapshot, link, id);
      if (external === undefined && !snapshot.external.has(id)) continue;
      snapshot.setExternal(id, external);
      touched.add(id);
    }
    if (touched.size > 0) onChanged(touched);
  };
  const idsOf = (org: number): number[] =>
    [...snapshot.external].flatMap(([id, { home }]) => (home.id === org ? [id] : []));

  const tidy = (org: number): void => {
    tidyShares({ store, snapshot, org, link: links.get(org) }).catch(onError);
  };

  /** Another link in place of the one before, which serves until then. */
  const make = async (org: number): Promise<void> => {
    for (let text = ''; !stopped; ) {
      const wanted = wantedOf().get(org);
      if (wanted === undefined || text === textOf(wanted)) return;
      text = textOf(wanted);
      const link = await createExternalLink({
        store,
        follower,
        org,
        wanted,
        onChanged: (ids) => {
          if (links.get(org) !== link) return;
          install(org, ids);
          if ([...ids].some((id) => !snapshot.external.has(id))) tidy(org);
        },
        onStale: () => {
          if (links.get(org) === link) remake(org).catch(onError);
        },
      });
      const before = new Set(idsOf(org));
      links.get(org)?.stop();
      links.delete(org);
      if (stopped) return link?.stop();
      if (link !== undefined) links.set(org, link);
      madeFor.set(org, text);
      install(org, new Set([...before, ...(link?.facts.devices.keys() ?? [])]));
      tidy(org);
    }
  };
  /** One at a time for each organization: whoever asks meanwhile is served by the next. */
  const remake = (org: number): Promise<void> => {
    const next = (loading.get(org) ?? Promise.resolve()).catch(() => undefined).then(() => make(org));
    const kept = next.finally(() => {
      if (loading.get(org) === kept) loading.delete(org);
    });
    loading.set(org, kept);
    return kept;
  };
  const drop = (org: number): void => {
    const ids = idsOf(org);
    links.get(org)?.stop();
    links.delete(org);
    madeFor.delete(org);
    install(org, ids);
  };

  return {
    load: async () => {
      await Promise.all([...wantedOf().keys()].map(remake));
    },
    applied: (changes) => {
      if (!changes.some(({ kind }) => SHARE_KINDS.has(kind))) return;
      const wanted = wantedOf();
      for (const org of [...links.keys()]) if (!wanted.has(org)) drop(org);
      for (const [org, what] of wanted) {
        // What is not shared any more goes at once; what is new comes when it has been read.
        const link = links.get(org);
        if (link !== undefined) install(org, new Set([...idsOf(org), ...link.facts.devices.keys()]));
        if (madeFor.get(org) !== textOf(what)) remake(org).catch(onError);
      }
    },
    stop: () => {
      stopped = true;
      for (const link of links.values()) link.stop();
      links.clear();
    },
  };
}
