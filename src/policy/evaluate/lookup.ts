import {
  type Addr,
  formatAddr,
  type IpSet,
  parsePrefix,
  setContains,
  setOfPrefixes,
} from '../../kernel/netip/index.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';
import type { UserInput } from '../world.ts';

/** An engine's people and devices by what questions name; good until the next change. */
export interface Lookup {
  readonly core: Core;
  user(login: string): UserInput | undefined;
  /** The device that holds an address. */
  deviceAt(addr: Addr): DeviceState | undefined;
  /** Whether `*` lists a route that holds the address. */
  isRouted(addr: Addr): boolean;
}

/** One question is answered by looking at everybody; an index pays from some more on. */
const FEW = 4;

export function createLookup(core: Core): Lookup {
  let users: Map<string, UserInput> | undefined;
  let devices: Map<string, DeviceState> | undefined;
  let routed: IpSet | undefined;
  let asked = 0;
  return {
    core,
    user(login) {
      if (users === undefined && asked++ < FEW) {
        return [...core.world.users.values()].find((user) => user.login === login);
      }
      users ??= firsts([...core.world.users.values()].map((user) => [user.login, user]));
      return users.get(login);
    },
    deviceAt(addr) {
      if (devices === undefined && asked++ < FEW) {
        for (const device of core.devices.values())
          if (device.addresses.some((own) => equalAddrs(own.addr, addr))) return device;
        return undefined;
      }
      devices ??= firsts(
        [...core.devices.values()].flatMap((device) =>
          device.addresses.map((own) => [formatAddr(own.addr), device] as const),
        ),
      );
      return devices.get(formatAddr(addr));
    },
    isRouted(addr) {
      const { routes } = core.wild.current();
      routed ??= setOfPrefixes(routes.map(parsePrefix).filter((prefix) => prefix !== undefined));
      return setContains(routed, addr);
    },
  };
}

const equalAddrs = (a: Addr, b: Addr): boolean => a.family === b.family && a.value === b.value;

/** A map in which the first of several entries of one name stays. */
function firsts<T>(entries: readonly (readonly [string, T])[]): Map<string, T> {
  const out = new Map<string, T>();
  for (const [name, value] of entries) if (!out.has(name)) out.set(name, value);
  return out;
}
