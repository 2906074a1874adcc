/** Devices, with the networks that they are gateways of. */
import type { Actor } from '../access/actor.ts';
import type { Device } from '../model/devices.ts';
import type { Store } from '../ports/store.ts';
import { isBound } from './gateway-binding.ts';

export interface HostView {
  readonly device: Device;
  /** IPv4 first. */
  readonly addresses: readonly string[];
  readonly online: boolean;
  /** The gateways that it is. */
  readonly gateways: readonly number[];
}

export interface HostReads {
  /** All devices; to whoever may not read those, their own. Ordered by id. */
  list(actor: Actor): Promise<readonly HostView[]>;
}

const MANY = 100_000;

export function createHostReads({ store }: { readonly store: Store }): HostReads {
  return {
    list: async (actor) => {
      const { org } = actor;
      const all = actor.permissions.has('devices:read');
      if (!all && actor.kind !== 'member') return [];
      const own =
        actor.kind === 'member' ? { ownerKind: 'membership' as const, owner: actor.membership } : {};
      const devices = await store.find('device', org, all ? {} : own, MANY);
      const ids = devices.map(({ id }) => id);
      const [addresses, presence, gateways] = await Promise.all([
        store.find('address', org, { holderKind: 'device', holder: ids }, 2 * MANY),
        store.find('presence', org, { device: ids }, MANY),
        store.find('gateway', org, { device: ids }, MANY),
      ]);
      const addressesOf = Map.groupBy(addresses, ({ holder }) => holder);
      const online = new Map(presence.map((row) => [row.device, row.online]));
      const gatewaysOf = Map.groupBy(gateways.filter(isBound), ({ device }) => device);
      return devices.map((device) => ({
        device,
        addresses: [...(addressesOf.get(device.id) ?? [])]
          .sort((a, b) => a.family - b.family)
          .map(({ ip }) => ip),
        online: online.get(device.id) ?? false,
        gateways: (gatewaysOf.get(device.id) ?? []).map(({ id }) => id),
      }));
    },
  };
}
