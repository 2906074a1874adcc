/** Groups as a dialect names them that knows one id for those of people and a literal name for those of the system. */
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { SHOWN } from '../directory/shown.ts';
import type { Group } from '../model/people.ts';
import type { Store } from '../ports/store.ts';
import { isEveryone } from './group-reads.ts';

export interface GroupLookup {
  /** All that are shown, in order of their ids. */
  all(actor: Actor): Promise<readonly Group[]>;
  /** The ids of those that exist, by the names they were asked for. `Everyone` is nobody's to be put into. */
  byIdOrSystemKey(
    actor: Actor,
    wanted: readonly { readonly name: string; readonly id: number | undefined }[],
  ): Promise<ReadonlyMap<string, number>>;
}

const MAX_GROUPS = 10_000;

export function createGroupLookup({ store }: { readonly store: Store }): GroupLookup {
  return {
    all: async (actor) => {
      authorize(actor, 'groups:read');
      const condition = SHOWN.group;
      return store.list('group', actor.org, {
        ...(condition === undefined ? {} : { condition }),
        limit: MAX_GROUPS,
      });
    },
    byIdOrSystemKey: async (actor, wanted) => {
      const ids = wanted.flatMap(({ id }) => id ?? []);
      const keys = wanted.flatMap(({ id, name }) => (id === undefined ? [name] : []));
      const found = [
        ...(await store.find('group', actor.org, { id: ids })),
        ...(await store.find('group', actor.org, { systemKey: keys })),
      ].filter((group) => !isEveryone(group));
      const byId = new Map(found.map((group) => [group.id, group.id]));
      const byKey = new Map(found.map((group) => [group.systemKey, group.id]));
      return new Map(
        wanted.flatMap(({ name, id }) => {
          const group = id === undefined ? byKey.get(name) : byId.get(id);
          return group === undefined ? [] : [[name, group] as const];
        }),
      );
    },
  };
}
