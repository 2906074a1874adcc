/** Whom changes concern beside the devices that they are of themselves. */
import type { Row } from '../domain/model/entities.ts';
import type { Change } from '../domain/ports/store.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { followsRegions } from './device-place.ts';

export interface ConcernedDevices {
  devices(changes: readonly Change[]): Iterable<number>;
  /** Plain WireGuard clients. */
  clients(changes: readonly Change[]): ReadonlySet<number>;
}

export function createConcernedDevices(snapshot: Snapshot): ConcernedDevices {
  /** Devices with routes that one of these members enabled. */
  const routersOf = (changes: readonly Change[]): number[] => {
    const members = new Set(
      changes.filter(({ kind }) => kind === 'membership').map(({ key }) => Number(key)),
    );
    if (members.size === 0) return [];
    return [...snapshot.devices].flatMap(([id, { routes }]) =>
      [...routes.values()].some(({ manualBy }) => members.has(manualBy)) ? [id] : [],
    );
  };

  /** Devices with a serial number that came to the list of trusted ones, or left it. */
  const holdersOf = (changes: readonly Change[]): number[] => {
    const serials = new Set(
      changes.flatMap((change) => {
        const row = change.kind === 'serialNumber' ? (change.after ?? change.before) : null;
        return row === null ? [] : [row.serial];
      }),
    );
    if (serials.size === 0) return [];
    return [...snapshot.devices].flatMap(([id, { device }]) =>
      device.serials.some((serial) => serials.has(serial)) ? [id] : [],
    );
  };

  /** Devices that meet others, or do not any more, because of what was accepted or taken back. */
  const sharersOf = (changes: readonly Change[]): number[] =>
    changes.flatMap((change) => {
      if (change.kind !== 'shareAccept' && change.kind !== 'sharedDevice') return [];
      const row = change.after ?? change.before;
      if (row === null) return [];
      if (change.kind === 'shareAccept') return [row.device];
      const { device: shared, membership } = row;
      const own = [...snapshot.devices.values()].filter(
        ({ device }) => device.ownerKind === 'membership' && device.owner === membership,
      );
      return [shared, ...own.map(({ device }) => device.id)];
    });

  /** Where devices are matters only while routes follow regions; what serves a service then is asked whether it is there. */
  const movedOf = (changes: readonly Change[]): Iterable<number> => {
    if (changes.some(({ kind, key }) => kind === 'setting' && key === 'regional_routing'))
      return snapshot.devices.keys();
    if (!followsRegions(snapshot)) return [];
    return changes.flatMap(({ kind, key, before, after }) => {
      if (kind === 'serviceHost') return [Number(key.slice(key.indexOf('/') + 1))];
      const rows = kind === 'gateway' ? ([before, after] as (Row<'gateway'> | null)[]) : [];
      return rows.flatMap((row) => row?.device ?? []);
    });
  };

  /** Plain clients that these changes may concern. */
  const clientsOf = (changes: readonly Change[]): ReadonlySet<number> => {
    const out = new Set<number>();
    const [owners, gateways] = [new Set<number>(), new Set<number>()];
    for (const { kind, key, before, after } of changes) {
      if (kind === 'extClient') out.add(Number(key));
      else if (kind === 'membership') owners.add(Number(key));
      else if (kind === 'gateway') gateways.add(Number(key));
      else if (kind === 'address') {
        const row = after ?? before;
        if (row?.holderKind === 'ext-client') out.add(row.holder);
      }
    }
    if (owners.size + gateways.size === 0) return out;
    for (const client of snapshot.table('extClient').values()) {
      const isOwned = client.ownerKind === 'membership' && owners.has(client.owner);
      if (isOwned || gateways.has(client.gateway)) out.add(client.id);
    }
    return out;
  };
  return {
    *devices(changes) {
      yield* routersOf(changes);
      yield* holdersOf(changes);
      yield* sharersOf(changes);
      yield* movedOf(changes);
    },
    clients: clientsOf,
  };
}
