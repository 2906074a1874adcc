/** What things are called before a change and after it. */
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { deviceName } from './names.ts';

export interface NamedThing {
  readonly name: string;
  /** Of a resource: its address or name in DNS, as it was given; else empty. */
  readonly address: string;
}

/** Devices, resources, networks and gateways by their ids; resources and the others never share one. */
export interface Names {
  device(id: number): string | undefined;
  /** The device that has an address. */
  at(address: string): string | undefined;
  thing(id: number): NamedThing | undefined;
}

export const nameOf = (names: Names, device: number): string => names.device(device) ?? `device ${device}`;

/** As they are now, also when the snapshot goes on. */
export function namesNow(snapshot: Snapshot): Names {
  const clients = [...snapshot.table('extClient').values()].map(({ id }) => id);
  const ids = [...snapshot.devices.keys(), ...snapshot.external.keys(), ...clients];
  const devices = new Map(ids.map((id) => [id, deviceName(snapshot, id)]));
  const holders = new Map<string, string>();
  for (const [id, name] of devices) {
    const facts = snapshot.devices.get(id) ?? snapshot.external.get(id)?.facts;
    const held = facts?.addresses.map(({ ip }) => ip) ?? snapshot.clientAddresses(id);
    for (const ip of held) holders.set(ip, name);
  }
  const things = new Map<number, NamedThing>();
  for (const kind of ['network', 'gateway'] as const)
    for (const { id, name } of snapshot.table(kind).values()) things.set(id, { name, address: '' });
  for (const { id, name, addressText } of snapshot.table('resource').values())
    things.set(id, { name, address: addressText });
  return {
    device: (id) => devices.get(id),
    at: (address) => holders.get(address),
    thing: (id) => things.get(id),
  };
}

/** What the first knows, and else what the second does. */
export const namesOfEither = (first: Names, second: Names): Names => ({
  device: (id) => first.device(id) ?? second.device(id),
  at: (address) => first.at(address) ?? second.at(address),
  thing: (id) => first.thing(id) ?? second.thing(id),
});
