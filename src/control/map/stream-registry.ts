/** The open streams of an organization in this process, by device and by class of viewers. */
import { type ClassState, createClassState, joinClass } from './class-state.ts';
import type { MapStream } from './map-stream.ts';
import type { NetworkView, ViewerClass } from './network-view.ts';

export interface StreamRegistry {
  streams(): IterableIterator<MapStream>;
  readonly size: number;
  of(device: number): MapStream | undefined;
  /** A copy: classes come and go while streams are told. */
  classes(): readonly ClassState[];
  classOf(stream: MapStream): ClassState | undefined;
  /** Puts a stream into the class of its device. An older stream of the device must have been removed. */
  add(stream: MapStream): ClassState;
  remove(stream: MapStream): void;
  /** Moves a stream to the class that its device belongs to now. */
  reclassify(stream: MapStream): void;
  clear(): void;
}

export function createStreamRegistry(network: NetworkView): StreamRegistry {
  const byDevice = new Map<number, MapStream>();
  const byClass = new Map<ViewerClass, ClassState>();

  const enter = (stream: MapStream): ClassState => {
    stream.viewers = network.classOf(stream.device);
    let state = byClass.get(stream.viewers);
    if (state === undefined) {
      state = createClassState(network, stream.viewers, stream);
      byClass.set(stream.viewers, state);
    } else joinClass(state, network, stream);
    return state;
  };
  const leave = (stream: MapStream): void => {
    const state = byClass.get(stream.viewers);
    if (state === undefined || !state.streams.delete(stream)) return;
    if (state.streams.size === 0) byClass.delete(stream.viewers);
  };

  return {
    streams: () => byDevice.values(),
    get size() {
      return byDevice.size;
    },
    of: (device) => byDevice.get(device),
    classes: () => [...byClass.values()],
    classOf: (stream) => {
      const state = byClass.get(stream.viewers);
      return state?.streams.has(stream) ? state : undefined;
    },
    add: (stream) => {
      byDevice.set(stream.device, stream);
      return enter(stream);
    },
    remove: (stream) => {
      if (byDevice.get(stream.device) === stream) byDevice.delete(stream.device);
      leave(stream);
    },
    reclassify: (stream) => {
      leave(stream);
      enter(stream);
    },
    clear: () => {
      byDevice.clear();
      byClass.clear();
    },
  };
}
