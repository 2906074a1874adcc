/** Devices as lists and single answers show them. */
import type { Clock } from '../../kernel/clock.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { managedRoutes } from '../networks/managed-routes.ts';
import type { DeviceFilter, DeviceRow } from '../ports/queries.ts';
import type { Store } from '../ports/store.ts';

export interface DeviceList {
  /** All devices that every filter fits, in order of their ids. */
  list(
    actor: Actor,
    query: { filters: readonly DeviceFilter[]; detailed: boolean },
  ): Promise<readonly DeviceRow[]>;
  /** Errors: `not_found`. */
  get(actor: Actor, id: number, query: { detailed: boolean }): Promise<DeviceRow>;
}

export function createDeviceList({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): DeviceList {
  /** Devices that joined for a network or a service account carry a tag that is computed from it. */
  const withComputedTags = async (org: number, rows: readonly DeviceRow[]): Promise<readonly DeviceRow[]> => {
    const gateways = [
      ...new Set(rows.filter((row) => row.ownerKind === 'gateway').map(({ owner }) => owner)),
    ];
    if (gateways.length === 0 && rows.every((row) => row.ownerKind !== 'service_account')) return rows;
    const found = gateways.length === 0 ? [] : await store.find('gateway', org, { id: gateways });
    const networkIds = [...new Set(found.map(({ network }) => network))];
    const networks = networkIds.length === 0 ? [] : await store.find('network', org, { id: networkIds });
    const slugs = new Map(networks.map(({ id, slug }) => [id, slug]));
    const slugOfGateway = new Map(found.map(({ id, network }) => [id, slugs.get(network)]));
    return rows.map((row) => {
      if (row.ownerKind === 'service_account')
        return { ...row, tags: [`tag:hf-sa-${row.owner}`, ...row.tags] };
      const slug = row.ownerKind === 'gateway' ? slugOfGateway.get(row.owner) : undefined;
      return slug === undefined ? row : { ...row, tags: [`tag:hf-net-${slug}`, ...row.tags] };
    });
  };

  const rowsOf: DeviceList['list'] = async (actor, { filters, detailed }) => {
    authorize(actor, 'devices:read');
    const rows = await store.queries.devices(actor.org, { filters, detailed, now: clock.now() });
    const tagged = await withComputedTags(actor.org, rows);
    const advertised = filters.flatMap((filter) => (filter.on === 'advertisedRoute' ? [filter.value] : []));
    if (!detailed && advertised.length === 0) return tagged;
    return withServed(actor.org, tagged, advertised);
  };

  /**
   * What devices serve for networks, where they are shown in detail; less those that advertise one of the prefixes only because
   * they were told to.
   */
  const withServed = async (
    org: number,
    rows: readonly DeviceRow[],
    advertised: readonly string[],
  ): Promise<readonly DeviceRow[]> => {
    const ids = rows.map(({ id }) => id);
    const served = await managedRoutes(store, org, ids, clock.now());
    if (served.size === 0) return rows;
    return rows.flatMap((row) => {
      const own = served.get(row.id);
      if (own === undefined) return [row];
      if (advertised.some((prefix) => own.pushed.has(prefix))) return [];
      return [row.details === undefined ? row : { ...row, details: { ...row.details, served: own } }];
    });
  };

  return {
    list: rowsOf,
    get: async (actor, id, { detailed }) => {
      const [row] = await rowsOf(actor, { filters: [{ on: 'id', value: id }], detailed });
      if (row === undefined) throw notFound('device');
      return row;
    },
  };
}
