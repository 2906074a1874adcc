import { describe, expect, it } from 'vitest';
import { advanceClass, createClassState, deltaMembers, differenceFor, joinClass } from './class-state.ts';
import type { DeviceRender } from './device-render.ts';
import type { MapStream } from './map-stream.ts';
import type { NetworkView, PeerView } from './network-view.ts';

const stream = (device: number): MapStream => ({ device }) as unknown as MapStream;
const NO_PATCH = (): string => '';
const view = (address: string): PeerView => ({
  allowedIPs: [address],
  primaryRoutes: [],
  capMap: {},
  jailed: false,
});

/** Everybody sees the devices of `views` save itself. */
function network(views: Map<number, PeerView>): NetworkView {
  const peer = (viewer: number, id: number): PeerView | undefined =>
    viewer === id ? undefined : views.get(id);
  return {
    classOf: () => 1,
    peers: (viewer) => [...views.keys()].filter((id) => id !== viewer).sort((a, b) => a - b),
    peer,
    own: () => {
      throw new Error('not asked for');
    },
  };
}

describe('a class of viewers', () => {
  const world = (ids: readonly number[]) => {
    const views = new Map(ids.map((id) => [id, view(`100.64.0.${id}/32`)]));
    const net = network(views);
    const state = createClassState(net, 1, stream(ids[0] ?? 0));
    return { views, net, state };
  };

  it('knows its first stream as a peer only when a second one is there to see it', () => {
    const { net, state } = world([1, 2, 3]);
    expect([...state.views.keys()]).toEqual([2, 3]);
    joinClass(state, net, stream(2));
    expect([...state.views.keys()].sort()).toEqual([1, 2, 3]);
  });

  it('names devices that appeared or look different, in rising order, and those that vanished', () => {
    const { views, net, state } = world([1, 2, 3]);
    views.set(9, view('100.64.0.9/32'));
    views.set(2, view('100.64.0.22/32'));
    views.delete(3);
    const delta = advanceClass(state, net, [9, 3, 2], NO_PATCH);
    expect(delta).toEqual({ changed: [2, 9], removed: [3], patches: [] });
    expect(state.list.has(3)).toBe(false);
    expect(state.list.has(9)).toBe(true);
  });

  it('says nothing twice', () => {
    const { views, net, state } = world([1, 2]);
    views.set(3, view('100.64.0.3/32'));
    advanceClass(state, net, [3], NO_PATCH);
    expect(advanceClass(state, net, [3], NO_PATCH)).toEqual({ changed: [], removed: [], patches: [] });
    expect(advanceClass(state, net, [77], NO_PATCH).removed).toEqual([]);
  });

  it('sends a patch where one says the change, and the whole device where none does', () => {
    const { net, state } = world([1, 2, 3]);
    const delta = advanceClass(state, net, [2, 3], (id) => (id === 2 ? '{"NodeID":2}' : undefined));
    expect(delta).toEqual({ changed: [3], removed: [], patches: ['{"NodeID":2}'] });
  });

  it('leaves the device of the viewer out of its own message', () => {
    const { net, state } = world([1, 2, 3]);
    joinClass(state, net, stream(2));
    const render = (id: number): DeviceRender =>
      ({ id, users: [5], peer: () => `{"ID":${id}}` }) as unknown as DeviceRender;
    const renders = new Map([1, 2, 3].map((id) => [id, render(id)]));
    const delta = { changed: [1, 2], removed: [], patches: [] };
    const members = deltaMembers(state.views, delta, renders, () => '{"ID":5}', 2);
    expect(JSON.parse(`{${members}}`)).toEqual({ UserProfiles: [{ ID: 5 }], PeersChanged: [{ ID: 1 }] });
    expect(deltaMembers(state.views, { ...delta, changed: [2] }, renders, () => '', 2)).toBe('');
  });

  it('tells a device that comes from another class what it must learn and forget', () => {
    const { views, net } = world([1, 2, 3, 4]);
    const same = views.get(2);
    const had = new Map([
      [1, view('its own, which it never saw')],
      ...(same === undefined ? [] : ([[2, same]] as const)),
      [3, view('as another class saw it')],
      [8, view('seen no longer')],
    ]);
    const { delta } = differenceFor(net, 1, had, new Set());
    expect(delta).toEqual({ changed: [3, 4], removed: [8], patches: [] });
    expect(differenceFor(net, 1, had, new Set([2])).delta.changed).toEqual([2, 3, 4]);
  });
});
