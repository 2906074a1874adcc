/**
 * DNS filtering profiles: which names and categories of names a group's devices are to be refused. A group has one at most.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`, `taken` (name).
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { checkName, isDnsName } from '../../kernel/names.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { removeEach } from '../directory/each-row.ts';
import { requireRow, requireRows } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { DnsFilterProfile, FilterCategories, FilterLists } from '../model/configuration.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';

export interface DnsFilterChange {
  readonly name?: string;
  /** Profiles are tried in this order; several may have the same. */
  readonly priority?: number;
  /** Whether names resolve in clear when the filter cannot be reached. */
  readonly fallback?: DnsFilterProfile['fallback'];
  readonly lists?: Partial<FilterLists>;
  /** Switches that are not named stay as they are; of a category that was never set they are off. */
  readonly categories?: FilterCategories;
  /** All groups that have the profile. Those of another profile leave it. */
  readonly groups?: readonly number[];
}

export interface DnsFilterService {
  create(actor: Actor, name: string, origin: AuditOrigin): Promise<DnsFilterProfile>;
  update(actor: Actor, id: number, change: DnsFilterChange, origin: AuditOrigin): Promise<DnsFilterProfile>;
  /** Changes the oldest profile, which is made if there is none: clients that know of one alone mean that. */
  updateDefault(actor: Actor, change: DnsFilterChange, origin: AuditOrigin): Promise<DnsFilterProfile>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

const DEFAULT_NAME = 'Default Profile';
const MAX_DOMAINS = 5_000;
/** The whole list is shown at once. */
export const MAX_FILTER_PROFILES = 1_000;

function checkDomains(domains: readonly string[], field: string): string[] {
  if (domains.length > MAX_DOMAINS) throw invalid(`${field} has more than ${MAX_DOMAINS} names`, field);
  const names = domains.map((domain) => domain.trim());
  const bad = names.find((name) => !isDnsName(name.replace(/^\*\./u, '')));
  if (bad !== undefined) throw invalid(`'${bad.slice(0, 60)}' in ${field} is no DNS name`, field);
  return [...new Set(names)];
}

function checkPriority(priority: number): number {
  if (!Number.isFinite(priority)) throw invalid('priority must be a number', 'priority');
  return priority;
}

const mergedCategories = (present: FilterCategories, change: FilterCategories): FilterCategories =>
  Object.fromEntries(
    Object.entries({ ...present, ...change }).map(([category, switches]) => [
      category,
      { ...present[category as keyof FilterCategories], ...switches },
    ]),
  );

type Settings = Pick<DnsFilterProfile, 'name' | 'priority' | 'fallback' | 'lists' | 'categories'>;

function settingsAfter(present: Settings, change: DnsFilterChange): Settings {
  const { name, priority, fallback, lists = {}, categories = {} } = change;
  const { allowed, denied } = lists;
  return {
    name: name === undefined ? present.name : checkName(name),
    priority: priority === undefined ? present.priority : checkPriority(priority),
    fallback: fallback ?? present.fallback,
    lists: {
      allowed: allowed === undefined ? present.lists.allowed : checkDomains(allowed, 'allowedDomains'),
      denied: denied === undefined ? present.lists.denied : checkDomains(denied, 'deniedDomains'),
    },
    categories: mergedCategories(present.categories, categories),
  };
}

const PLAIN: Omit<Settings, 'name'> = {
  priority: 0,
  fallback: 'strict',
  lists: { allowed: [], denied: [] },
  categories: {},
};

export function createDnsFilterService({ store }: { readonly store: Store }): DnsFilterService {
  return {
    create: async (actor, text, origin) => {
      authorize(actor, 'dns:write');
      const name = checkName(text);
      return store.write(contextOf(actor, origin), (tx) => insert(tx, actor.org, name));
    },

    update: async (actor, id, change, origin) => {
      authorize(actor, 'dns:write');
      return store.write(contextOf(actor, origin), async (tx) =>
        apply(tx, await requireRow(tx, 'dnsFilterProfile', actor.org, id), change),
      );
    },

    updateDefault: async (actor, change, origin) => {
      authorize(actor, 'dns:write');
      return store.write(contextOf(actor, origin), async (tx) => {
        const [oldest] = await tx.list('dnsFilterProfile', actor.org, { limit: 1 });
        return apply(tx, oldest ?? (await insert(tx, actor.org, DEFAULT_NAME)), change);
      });
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'dns:write');
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const profile = await requireRow(tx, 'dnsFilterProfile', org, id);
        await removeEach(tx, 'dnsFilterGroup', org, { profile: id });
        await tx.remove('dnsFilterProfile', org, id);
        audit(tx, profile, 'delete');
      });
    },
  };
}

async function requireFree(tx: Tx, org: number, name: string, own?: number): Promise<void> {
  const [holder] = await tx.find('dnsFilterProfile', org, { name }, 1);
  if (holder !== undefined && holder.id !== own) {
    throw new AppError('taken', 'a profile with this name already exists', { field: 'name' });
  }
}

async function insert(tx: Tx, org: number, name: string): Promise<DnsFilterProfile> {
  await requireFree(tx, org, name);
  if ((await tx.count('dnsFilterProfile', org)) >= MAX_FILTER_PROFILES) {
    throw new AppError('too_large', `an organization has at most ${MAX_FILTER_PROFILES} profiles`);
  }
  const profile = await tx.insert('dnsFilterProfile', {
    org,
    id: tx.newId(),
    name,
    ...PLAIN,
    createdAt: tx.now,
    updatedAt: tx.now,
  });
  audit(tx, profile, 'create');
  return profile;
}

async function apply(tx: Tx, before: DnsFilterProfile, change: DnsFilterChange): Promise<DnsFilterProfile> {
  const { org, id } = before;
  const settings = settingsAfter(before, change);
  await requireFree(tx, org, settings.name, id);
  const after = await tx.update('dnsFilterProfile', org, id, settings);
  const { name, priority, fallback, lists, categories } = before;
  const changed = !isSameRow(before, after);
  if (changed) {
    audit(tx, after, 'update', { before: { name, priority, fallback, lists, categories }, after: settings });
  }
  const regrouped = change.groups !== undefined && (await writeGroups(tx, before, change.groups));
  if (!changed && !regrouped) return before;
  return tx.update('dnsFilterProfile', org, id, { updatedAt: tx.now });
}

async function writeGroups(tx: Tx, profile: DnsFilterProfile, groups: readonly number[]): Promise<boolean> {
  const { org, id } = profile;
  await requireRows(tx, 'group', org, groups);
  const present = (await tx.find('dnsFilterGroup', org, { profile: id })).map(({ group }) => group);
  const wanted = new Set(groups);
  const removed = present.filter((group) => !wanted.has(group));
  const added = [...wanted].filter((group) => !present.includes(group));
  for (const group of removed) await tx.remove('dnsFilterGroup', org, { group });
  for (const group of added) await tx.put('dnsFilterGroup', { org, group, profile: id });
  if (added.length === 0 && removed.length === 0) return false;
  audit(tx, profile, 'update', { field: 'groups', before: { removed }, after: { added } });
  return true;
}

const audit = (
  tx: Tx,
  profile: DnsFilterProfile,
  verb: 'create' | 'update' | 'delete',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void =>
  tx.audit(profile.org, {
    verb,
    objectKind: 'dnsFilterProfile',
    objectId: profile.id,
    objectName: profile.name,
    ...change,
  });
