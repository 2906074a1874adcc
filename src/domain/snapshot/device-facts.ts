/** What a snapshot knows of each device of its organization, from the rows of six kinds that are about one device. */
import type { Address, Device, DeviceAttribute, DeviceLive, Presence, Route } from '../model/devices.ts';
import type { Change } from '../ports/store.ts';
import { replaceAddress } from './held-addresses.ts';

/** Everything about one device. The parts are replaced, never changed. */
export interface DeviceFacts {
  readonly device: Device;
  readonly live: DeviceLive | undefined;
  readonly presence: Presence | undefined;
  readonly addresses: readonly Address[];
  readonly tags: ReadonlySet<string>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly attributes: ReadonlyMap<string, DeviceAttribute>;
}

type MutableFacts = { -readonly [K in keyof DeviceFacts]: DeviceFacts[K] };

type DeviceChange = Change<
  'device' | 'deviceLive' | 'presence' | 'address' | 'deviceTag' | 'route' | 'deviceAttribute'
>;

export interface DeviceTable {
  readonly devices: ReadonlyMap<number, DeviceFacts>;
  /** The id of the device that the change is about; undefined when that is none that is known. */
  apply(change: DeviceChange): number | undefined;
}

function keyParts(key: string): [number, string] {
  const slash = key.indexOf('/');
  return [Number(key.slice(0, slash)), key.slice(slash + 1)];
}

function withRow<R>(map: ReadonlyMap<string, R>, key: string, row: R | null): Map<string, R> {
  const copy = new Map(map);
  if (row === null) copy.delete(key);
  else copy.set(key, row);
  return copy;
}

export function createDeviceTable(): DeviceTable {
  const devices = new Map<number, MutableFacts>();

  function edit(id: number, change: (facts: MutableFacts) => void): number | undefined {
    const facts = devices.get(id);
    if (facts === undefined) return undefined;
    change(facts);
    return id;
  }

  function applyDevice({ key, after }: Change<'device'>): number {
    const id = Number(key);
    const facts = devices.get(id);
    if (after === null) devices.delete(id);
    else if (facts !== undefined) facts.device = after;
    else {
      devices.set(id, {
        device: after,
        live: undefined,
        presence: undefined,
        addresses: [],
        tags: new Set(),
        routes: new Map(),
        attributes: new Map(),
      });
    }
    return id;
  }

  return {
    devices,
    apply: (change) => {
      switch (change.kind) {
        case 'device':
          return applyDevice(change);
        case 'deviceLive':
          return edit(Number(change.key), (facts) => {
            facts.live = change.after ?? undefined;
          });
        case 'presence':
          return edit(Number(change.key), (facts) => {
            facts.presence = change.after ?? undefined;
          });
        case 'address': {
          const row = change.after ?? change.before;
          if (row?.holderKind !== 'device') return undefined;
          return edit(row.holder, (facts) => {
            facts.addresses = replaceAddress(facts.addresses, row, change.after);
          });
        }
        case 'deviceTag': {
          const [id, tag] = keyParts(change.key);
          return edit(id, (facts) => {
            const tags = new Set(facts.tags);
            if (change.after === null) tags.delete(tag);
            else tags.add(tag);
            facts.tags = tags;
          });
        }
        case 'route': {
          const [id, prefix] = keyParts(change.key);
          return edit(id, (facts) => {
            facts.routes = withRow(facts.routes, prefix, change.after);
          });
        }
        case 'deviceAttribute': {
          const [id, name] = keyParts(change.key);
          return edit(id, (facts) => {
            facts.attributes = withRow(facts.attributes, name, change.after);
          });
        }
      }
    },
  };
}
