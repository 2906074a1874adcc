/**
 * What the map needs to know of who reaches whom. Devices that see the network alike share a viewer class: for them the
 * map of every third device is the same, so it is made once.
 */
import type { CapMap, FilterRule, SshPolicy } from '../wire/index.ts';

/** What a class of viewers may use of a peer. Equal views are one object. */
export interface PeerView {
  readonly allowedIPs: readonly string[];
  readonly primaryRoutes: readonly string[];
  readonly capMap: CapMap | undefined;
}

/** What a device is told of itself. Equal ones are one object, whose JSON is made once. */
export interface OwnView {
  readonly filter: readonly FilterRule[];
  readonly ssh: SshPolicy | undefined;
  readonly capMap: CapMap;
  readonly allowedIPs: readonly string[];
  readonly primaryRoutes: readonly string[];
}

/** Devices of one class are told the same of every other device. Compared by identity. */
export type ViewerClass = object;

/** What a batch of changes did beyond the devices that it named. */
export interface ViewEffects {
  /** Classes whose view of other devices changed as a whole; `all` after a new policy. */
  readonly classes: 'all' | ReadonlySet<ViewerClass>;
  /** Pairs that changed one by one: devices whose visibility or view changed for some class. */
  readonly peers: ReadonlySet<number>;
  /** Devices whose own view (filter, SSH, capabilities, class) changed. */
  readonly own: 'all' | ReadonlySet<number>;
}

export interface NetworkView {
  classOf(device: number): ViewerClass;
  /** Devices that the class sees, in rising order. It may include the viewer, which is left out by whoever asks. */
  visible(viewers: ViewerClass): readonly number[];
  /** Undefined when the class does not see the device. */
  peer(viewers: ViewerClass, device: number): PeerView | undefined;
  own(device: number): OwnView;
}
