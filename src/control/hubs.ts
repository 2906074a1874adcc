/** The organizations that have devices connected to this process, and the way from a node key to its organization. */
import type { ToldClients } from '../domain/flow-logs/flow-log-consent.ts';
import type { FlowLogIds } from '../domain/flow-logs/flow-log-ids.ts';
import type { Follower } from '../domain/ports/follower.ts';
import { type Change, INSTALLATION, type Store } from '../domain/ports/store.ts';
import type { DeviceFacts } from '../domain/snapshot/device-facts.ts';
import { loadSnapshot } from '../domain/snapshot/load.ts';
import { type Clock, MINUTE } from '../kernel/clock.ts';
import type { ClientFacts } from './c2n/client-facts.ts';
import { createOrganizationHub, type OrganizationHub } from './map/organization-hub.ts';
import { createPolicyView } from './map/policy-view.ts';
import { createRouteElections, type Election } from './map/route-elections.ts';
import { createExternalDevices } from './sharing/external-devices.ts';
import type { LiveWriter } from './state/live-writer.ts';
import type { DerpMap } from './wire/index.ts';

/** How long an organization without any stream stays in memory. */
const IDLE_MS = 10 * MINUTE;

export interface Found {
  readonly hub: OrganizationHub;
  readonly facts: DeviceFacts;
}

export interface Hubs {
  /** The device with this node key; undefined when there is none. */
  find(nodeKey: string): Promise<Found | undefined>;
  /** The hub of an organization, loaded if it is not there yet; undefined when there is no such organization. */
  of(org: number): Promise<OrganizationHub | undefined>;
  all(): Iterable<OrganizationHub>;
  /** Lets go of what has been without streams for a while. */
  sweep(): void;
  stop(): void;
}

export interface HubsParts {
  readonly store: Store;
  readonly follower: Follower;
  readonly clock: Clock;
  readonly writer: LiveWriter;
  /** This process, as presence names it. */
  readonly replica: string;
  /** A device counts as connected elsewhere, and is connected here since. */
  readonly onReturned: (org: number, device: number) => void;
  readonly derpMap: (localAddress: string) => DerpMap;
  readonly clientFacts: Pick<ClientFacts, 'applied'>;
  readonly flowLogIds: FlowLogIds;
  readonly told: ToldClients;
  /** The domain for whose names devices can get certificates now. */
  readonly certificateDomain: () => string | undefined;
  readonly onError: (error: unknown) => void;
}

interface Entry {
  readonly hub: OrganizationHub;
  readonly unfollow: () => void;
  lastUsed: number;
}

export function createHubs(parts: HubsParts): Hubs {
  const { store, follower, clock, writer, replica, onReturned, derpMap, clientFacts, onError } = parts;
  const { flowLogIds, told, certificateDomain } = parts;
  const entries = new Map<number, Promise<Entry | undefined>>();
  const ready = new Map<number, Entry>();
  const nodes = new Map<string, { readonly org: number; readonly device: number }>();

  const index = (org: number, changes: readonly Change[]): void => {
    for (const change of changes) {
      if (change.kind !== 'device') continue;
      const { before, after } = change;
      if (before !== null && before.nodeKey !== after?.nodeKey) nodes.delete(before.nodeKey);
      if (after !== null) nodes.set(after.nodeKey, { org, device: after.id });
    }
  };

  /** A device that is connected elsewhere now has left its stream here behind, even if that does not show yet. */
  const supersede = (org: number, hub: OrganizationHub, changes: readonly Change[]): void => {
    for (const change of changes) {
      if (change.kind !== 'presence') continue;
      const { after } = change;
      if (!after?.online || after.replica === replica) continue;
      if (hub.supersede(after.device, after.since)) onReturned(org, after.device);
    }
  };

  const install = (org: number, elections: readonly Election[]): void => {
    for (const { network, prefix, device } of elections) {
      const row = device === undefined ? null : { org, network, prefix, device, since: clock.now() };
      writer.primary(org, network, prefix, row);
    }
  };

  /** Its devices come again and find the organization loaded anew. */
  const letGo = (org: number, entry: Entry): void => {
    entry.unfollow();
    entry.hub.stop();
    for (const { device } of entry.hub.snapshot.devices.values()) nodes.delete(device.nodeKey);
    ready.delete(org);
    entries.delete(org);
    writer.forget(org);
  };

  const isAbout = (org: number, change: Change): boolean =>
    change.kind === 'organization' && Number(change.key) === org;

  const load = async (org: number): Promise<Entry | undefined> => {
    // The sequences are read first: what is committed while the snapshot loads arrives again from the feeds.
    const heads = await store.feed.heads([INSTALLATION, org]);
    const organization = await store.get('organization', INSTALLATION, org);
    if (organization === undefined) return undefined;
    const snapshot = await loadSnapshot(store, organization);
    const elections = createRouteElections(snapshot);
    let live: OrganizationHub | undefined;
    const external = createExternalDevices({
      store,
      follower,
      snapshot,
      onChanged: (devices) => {
        try {
          live?.external(devices);
        } catch (error) {
          onError(error);
          const entry = ready.get(org);
          if (entry?.hub === live && entry !== undefined) letGo(org, entry);
        }
      },
      onError,
    });
    await external.load();
    const hub = createOrganizationHub({
      snapshot,
      network: createPolicyView({ snapshot, now: clock.now, certificateDomain, onError }),
      certificateDomain,
      clock,
      derpMap,
      flowLogIds,
      told,
      onBroken: () => letGo(org, entry),
      onApplied: (changes, touched) => {
        install(org, elections.after(changes, touched));
        clientFacts.applied(hub, changes, touched);
      },
      onError,
    });
    live = hub;
    for (const { device } of snapshot.devices.values()) nodes.set(device.nodeKey, { org, device: device.id });
    install(org, elections.all());
    const pruned = (): void => {
      onError(new Error(`the feed of organization ${org} was pruned before it was read: loading it anew`));
      letGo(org, entry);
    };
    const unfollow = follower.follow(
      org,
      heads.get(org) ?? 0,
      (changes) => {
        // What follows a gap in the feed says nothing to a snapshot that was let go of.
        if (ready.get(org) !== entry) return;
        try {
          index(org, changes);
          hub.apply(changes);
          external.applied(changes);
          writer.seen(org, changes);
          supersede(org, hub, changes);
        } catch (error) {
          // Half a change must not stay: what is in memory is made anew from the store.
          onError(error);
          letGo(org, entry);
        }
      },
      pruned,
    );
    // The organization's own row is one of the installation.
    const unfollowRow = follower.follow(
      INSTALLATION,
      heads.get(INSTALLATION) ?? 0,
      (changes) => {
        const own = changes.filter((change) => isAbout(org, change));
        if (own.length === 0 || ready.get(org) !== entry) return;
        try {
          hub.apply(own);
        } catch (error) {
          onError(error);
          letGo(org, entry);
        }
      },
      pruned,
    );
    const stop = (): void => {
      unfollow();
      unfollowRow();
      external.stop();
    };
    const entry: Entry = { hub, unfollow: stop, lastUsed: clock.now() };
    ready.set(org, entry);
    return entry;
  };

  const entryOf = (org: number): Promise<Entry | undefined> => {
    let entry = entries.get(org);
    if (entry === undefined) {
      entry = load(org);
      entries.set(org, entry);
      entry.then(
        (loaded) => {
          if (loaded === undefined) entries.delete(org);
        },
        () => entries.delete(org),
      );
    }
    return entry;
  };

  const within = (entry: Entry, device: number, nodeKey: string): Found | undefined => {
    entry.lastUsed = clock.now();
    const facts = entry.hub.snapshot.devices.get(device);
    return facts?.device.nodeKey === nodeKey ? { hub: entry.hub, facts } : undefined;
  };

  return {
    find: async (nodeKey) => {
      const known = nodes.get(nodeKey);
      const entry = known && ready.get(known.org);
      const found = known && entry && within(entry, known.device, nodeKey);
      if (found) return found;
      const device = await store.lookup('device', 'nodeKey', nodeKey);
      if (device === undefined) return undefined;
      const loaded = await entryOf(device.org);
      if (loaded === undefined) return undefined;
      const present = within(loaded, device.id, nodeKey);
      if (present !== undefined) return present;
      // Registered, or given a new key, through another process a moment ago: what it wrote is on its way here.
      await follower.settled(device.org);
      return within(loaded, device.id, nodeKey);
    },
    of: async (org) => {
      const entry = await entryOf(org);
      if (entry === undefined) return undefined;
      entry.lastUsed = clock.now();
      // What was written a moment ago through another process is on its way here.
      await follower.settled(org);
      return entry.hub;
    },
    all: () => [...ready.values()].map(({ hub }) => hub),
    sweep: () => {
      for (const [org, entry] of ready) {
        if (entry.hub.streamCount + entry.hub.watcherCount > 0) entry.lastUsed = clock.now();
        else if (clock.now() - entry.lastUsed > IDLE_MS) letGo(org, entry);
      }
    },
    stop: () => {
      for (const { hub, unfollow } of ready.values()) {
        unfollow();
        hub.stop();
      }
      ready.clear();
      entries.clear();
      nodes.clear();
    },
  };
}
