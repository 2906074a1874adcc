/**
 * Networks: named segments reached through gateways. The slug is made once, from the first name: ids of other systems hold
 * it, so it outlives every new name.
 *
 * Errors of all: `forbidden`, `not_found`, `invalid`, `taken` (name), `conflict` (a network that still has resources).
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { checkName } from '../../kernel/names.ts';
import { normalizeKey, toDnsLabel } from '../../kernel/text.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { removeEach } from '../directory/each-row.ts';
import { requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import { checkPool, choosePools } from '../ext-clients/client-pools.ts';
import { removeNetworkGroups } from '../groups/network-groups.ts';
import type { Network } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { removeGateway } from './gateway-removal.ts';

export interface NetworkSettings {
  readonly name: string;
  readonly active: boolean;
  /** Where it stands, in the words of the dialect that has the word. */
  readonly location: string;
}

export interface NewNetwork extends Partial<NetworkSettings> {
  readonly name: string;
  readonly kind?: Network['kind'];
  /** The slug is to be the name itself: `taken` or `invalid` where it cannot be. */
  readonly exactSlug?: boolean;
  /** Ranges for plain clients; free ones where they are not given. */
  readonly pools?: { readonly pool4?: string; readonly pool6?: string };
}

export interface NetworkService {
  create(actor: Actor, input: NewNetwork, origin: AuditOrigin): Promise<Network>;
  /** A name that is the present one changes nothing. */
  update(actor: Actor, id: number, change: Partial<NetworkSettings>, origin: AuditOrigin): Promise<Network>;
  /** With its gateways and their devices. */
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

const MAX_SLUG = 32;
const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/u;
const FALLBACK_SLUG = 'network';
/** `global` begins ids that stand for all networks. */
const RESERVED_SLUGS: ReadonlySet<string> = new Set(['global', 'all_networks']);
const MAX_NETWORKS = 10_000;

const NO_POOLS = { clientPool4: null, clientPool6: null };

function checkExactSlug(name: string): void {
  if (!SLUG.test(name) || RESERVED_SLUGS.has(name)) {
    throw invalid(`netid must be 1 to ${MAX_SLUG} of a-z, 0-9 and -, and not a reserved word`, 'netid');
  }
}

const takenName = (): AppError =>
  new AppError('taken', 'a network with this name already exists', { field: 'name' });

export function createNetworkService({ store }: { readonly store: Store }): NetworkService {
  const requireFree = async (tx: Tx, org: number, nameKey: string, own?: number): Promise<void> => {
    const [holder] = await tx.find('network', org, { nameKey }, 1);
    if (holder !== undefined && holder.id !== own) throw takenName();
  };

  return {
    create: async (actor, input, origin) => {
      authorize(actor, 'networks:write');
      const name = checkName(input.name);
      if (input.exactSlug === true) checkExactSlug(name);
      const chosen = {
        ...(input.pools?.pool4 === undefined
          ? {}
          : { pool4: checkPool(input.pools.pool4, 4, 'addressrange') }),
        ...(input.pools?.pool6 === undefined
          ? {}
          : { pool6: checkPool(input.pools.pool6, 6, 'addressrange6') }),
      };
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        await requireFree(tx, org, normalizeKey(name));
        const slug = await freeSlug(tx, org, name);
        if (input.exactSlug === true && slug !== name) throw takenName();
        const id = tx.newId();
        const pools = input.pools === undefined ? NO_POOLS : await choosePools(tx, org, id, chosen);
        const network = await tx.insert('network', {
          org,
          id,
          name,
          nameKey: normalizeKey(name),
          slug,
          kind: input.kind ?? 'regular',
          active: input.active ?? true,
          ...pools,
          createdAt: tx.now,
          updatedAt: tx.now,
          ...byColumnsOf(actor),
        });
        if (input.location !== undefined) {
          await tx.insert('networkTwingate', { org, network: network.id, location: input.location });
        }
        audit(tx, network, 'create', { after: { name, slug: network.slug, kind: network.kind } });
        return network;
      });
    },

    update: async (actor, id, change, origin) => {
      authorize(actor, 'networks:write');
      const name = change.name === undefined ? undefined : checkName(change.name);
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const network = await requireRow(tx, 'network', org, id);
        if (name !== undefined) await requireFree(tx, org, normalizeKey(name), id);
        const [place] = await tx.find('networkTwingate', org, { network: id }, 1);
        const moved = change.location !== undefined && change.location !== (place?.location ?? 'OTHER');
        const wanted = {
          ...(name === undefined ? {} : { name, nameKey: normalizeKey(name) }),
          ...(change.active === undefined ? {} : { active: change.active }),
        };
        const changed = await tx.update('network', org, id, wanted);
        if (isSameRow(network, changed) && !moved) return network;
        if (moved && change.location !== undefined) {
          await tx.put('networkTwingate', { org, network: id, location: change.location });
        }
        audit(tx, network, 'update', {
          before: { name: network.name, active: network.active, location: place?.location },
          after: change,
        });
        return tx.update('network', org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'networks:write');
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const network = await requireRow(tx, 'network', org, id);
        const inUse = async (kind: 'resource' | 'proxy'): Promise<boolean> =>
          (await tx.find(kind, org, { network: id }, 1_000_000)).length > 0;
        if (await inUse('resource')) throw new AppError('conflict', 'the network has resources');
        if (await inUse('proxy')) throw new AppError('conflict', 'the network has proxies');
        for (const gateway of await tx.find('gateway', org, { network: id }))
          await removeGateway(tx, gateway);
        await removeNetworkGroups(tx, network);
        await removeEach(tx, 'routePrimary', org, { network: id });
        await tx.remove('networkTwingate', org, { network: id });
        await tx.remove('networkNetmaker', org, { network: id });
        await tx.remove('network', org, id);
        audit(tx, network, 'delete');
      });
    },
  };
}

async function freeSlug(tx: Tx, org: number, name: string): Promise<string> {
  const base = toDnsLabel(name).slice(0, MAX_SLUG).replace(/-+$/u, '') || FALLBACK_SLUG;
  const taken = new Set((await tx.find('network', org, {}, MAX_NETWORKS)).map(({ slug }) => slug));
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '' : `-${number}`;
    const slug = `${base.slice(0, MAX_SLUG - suffix.length)}${suffix}`;
    if (!taken.has(slug) && !RESERVED_SLUGS.has(slug)) return slug;
  }
}

function audit(
  tx: Tx,
  network: Network,
  verb: 'create' | 'update' | 'delete',
  change: { readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(network.org, {
    verb,
    objectKind: 'network',
    objectId: network.id,
    objectName: network.name,
    network: network.id,
    ...change,
  });
}
