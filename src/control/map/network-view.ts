/**
 * What the map needs to know of who reaches whom. Devices that see the network alike share a viewer class: for them the
 * map of every third device is the same, so it is made once.
 */
import type { CapMap, FilterRule, SshPolicy } from '../wire/index.ts';

/** What a viewer may use of a peer. Equal views of one peer are one object. */
export interface PeerView {
  readonly allowedIPs: readonly string[];
  readonly primaryRoutes: readonly string[];
  readonly capMap: CapMap;
  /** The peer may answer the viewer, and begin nothing: a device that others share. */
  readonly jailed: boolean;
}

/** What a device is told of itself. Equal filters and SSH policies are one object. */
export interface OwnView {
  readonly filter: readonly FilterRule[];
  readonly ssh: SshPolicy;
  readonly capMap: CapMap;
  readonly allowedIPs: readonly string[];
  readonly primaryRoutes: readonly string[];
}

/** Two devices of one class are told the same of every third device. Classes may change with every update. */
export type ViewerClass = number;

/** What a batch of changes did to what devices are told. */
export interface ViewEffects {
  /** Devices that some viewer is told something else of. */
  readonly peers: ReadonlySet<number>;
  /** Devices whose own filter, SSH policy or capabilities changed. */
  readonly own: ReadonlySet<number>;
  /** Devices whose view of any other may have changed. */
  readonly standing: ReadonlySet<number>;
}

export interface NetworkView {
  classOf(device: number): ViewerClass;
  /** The devices that a device sees, in rising order. */
  peers(viewer: number): readonly number[];
  /** Undefined when the viewer does not see the device. */
  peer(viewer: number, device: number): PeerView | undefined;
  own(device: number): OwnView;
}
