/** Devices of other organizations, as the organization sees them in which somebody accepted them. */
import type { Clock } from '../../kernel/clock.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { SharedDevice } from '../model/devices.ts';
import { magicDnsSuffix } from '../organizations/names.ts';
import type { DeviceRow } from '../ports/queries.ts';
import { INSTALLATION, type Store } from '../ports/store.ts';

export interface ExternalDevice {
  readonly row: DeviceRow;
  /** The domain under which its own organization names it. */
  readonly suffix: string;
}

export interface ExternalDevices {
  /** In order of their ids; each once, whoever accepted it. */
  list(actor: Actor, query: { readonly detailed: boolean }): Promise<readonly ExternalDevice[]>;
  /** Errors: `not_found`, also for a device of the organization itself. */
  get(actor: Actor, id: number, query: { readonly detailed: boolean }): Promise<ExternalDevice>;
  /** Whether this is a device of another organization that somebody here accepted. */
  has(actor: Actor, id: number): Promise<boolean>;
}

const MAX_LISTED = 100_000;

/** What stays hidden of a device that belongs to others. */
const HIDDEN = { clientVersion: '', machineKey: '', keyExpiresAt: null, createdAt: null, tags: [] } as const;
const NO_DETAILS = {
  serials: [],
  endpoints: [],
  homeDerp: 0,
  hostinfo: {},
  netInfo: null,
  routes: [],
} as const;

export function createExternalDevices({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): ExternalDevices {
  const shownOf = async (rows: readonly SharedDevice[], detailed: boolean): Promise<ExternalDevice[]> => {
    const details = detailed ? NO_DETAILS : undefined;
    const byHome = Map.groupBy(rows, ({ homeOrg }) => homeOrg);
    const shown: ExternalDevice[] = [];
    for (const [homeOrg, shared] of byHome) {
      const home = await store.get('organization', INSTALLATION, homeOrg);
      if (home === undefined) continue;
      const ids = [...new Set(shared.map(({ device }) => device))];
      const filters = [{ on: 'ids', value: ids }] as const;
      const found = await store.queries.devices(homeOrg, { filters, detailed: false, now: clock.now() });
      const suffix = magicDnsSuffix(home);
      for (const row of found) {
        // Who brought a device in that is nobody's own any more is its organization's business, as in a map.
        const person = row.ownerKind === 'membership' ? row.person : null;
        shown.push({ row: { ...row, ...HIDDEN, person, details }, suffix });
      }
    }
    return shown.sort((a, b) => a.row.id - b.row.id);
  };

  return {
    list: async (actor, { detailed }) => {
      authorize(actor, 'devices:read');
      return shownOf(await store.find('sharedDevice', actor.org, {}, MAX_LISTED), detailed);
    },
    get: async (actor, id, { detailed }) => {
      authorize(actor, 'devices:read');
      const rows = await store.find('sharedDevice', actor.org, { device: id }, MAX_LISTED);
      const [device] = await shownOf(rows, detailed);
      if (device === undefined) throw notFound('device');
      return device;
    },
    has: async (actor, id) => (await store.count('sharedDevice', actor.org, { where: { device: id } })) > 0,
  };
}
