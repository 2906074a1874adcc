/**
 * Who is in which group. Memberships are rows, save for `Everyone`: every member of the organization is in it, and no row
 * says so.
 */
import type { Actor } from '../access/actor.ts';
import { type Directory, EMPTY_PAGE, type PageOf, type PageRequest, toPage } from '../directory/directory.ts';
import type { Group, Membership } from '../model/people.ts';
import { type Condition, through } from '../ports/store.ts';

export const EVERYONE = 'everyone';
export const isEveryone = (group: Pick<Group, 'kind' | 'systemKey'>): boolean =>
  group.kind === 'system' && group.systemKey === EVERYONE;

const MEMBERS = through('groupMember', 'group', 'membership');
const GROUPS = through('groupMember', 'membership', 'group');

export interface GroupReads {
  /** A page of members for each group. */
  members(
    actor: Actor,
    groups: readonly Group[],
    request: PageRequest & { readonly condition?: Condition<'membership'> },
  ): Promise<ReadonlyMap<number, PageOf<Membership>>>;
  countMembers(
    actor: Actor,
    groups: readonly Group[],
    condition?: Condition<'membership'>,
  ): Promise<ReadonlyMap<number, number>>;
  /** A page of groups for each member, `Everyone` among them. */
  groups(
    actor: Actor,
    members: readonly number[],
    request: PageRequest & { readonly condition?: Condition<'group'> },
  ): Promise<ReadonlyMap<number, PageOf<Group>>>;
  countGroups(
    actor: Actor,
    members: readonly number[],
    condition?: Condition<'group'>,
  ): Promise<ReadonlyMap<number, number>>;
}

const narrowed = <C>(condition: C | undefined): { readonly condition?: C } =>
  condition === undefined ? {} : { condition };

export function createGroupReads({ directory }: { readonly directory: Directory }): GroupReads {
  /** The group `Everyone`, when the condition and the bounds let it through. */
  const everyone = async (
    actor: Actor,
    request: PageRequest & { readonly condition?: Condition<'group'> },
  ): Promise<Group | undefined> => {
    const isIt: Condition<'group'> = { column: 'systemKey', operator: '=', value: EVERYONE };
    const condition: Condition<'group'> =
      request.condition === undefined ? isIt : { allOf: [isIt, request.condition] };
    const { rows } = await directory.page(actor, 'group', { ...request, condition, limit: 1 });
    return rows[0];
  };

  return {
    members: async (actor, groups, request) => {
      const stored = groups.filter((group) => !isEveryone(group)).map(({ id }) => id);
      const pages = new Map(
        await directory.related(actor, 'membership', { relation: MEMBERS, parents: stored, ...request }),
      );
      const all = groups.find(isEveryone);
      if (all !== undefined) pages.set(all.id, await directory.page(actor, 'membership', request));
      return pages;
    },
    countMembers: async (actor, groups, condition) => {
      const stored = groups.filter((group) => !isEveryone(group)).map(({ id }) => id);
      const counts = new Map(
        await directory.countRelated(actor, 'membership', {
          relation: MEMBERS,
          parents: stored,
          ...narrowed(condition),
        }),
      );
      const all = groups.find(isEveryone);
      if (all !== undefined) counts.set(all.id, await directory.count(actor, 'membership', condition));
      return counts;
    },
    groups: async (actor, members, request) => {
      const stored = await directory.related(actor, 'group', {
        relation: GROUPS,
        parents: members,
        ...request,
      });
      const all = await everyone(actor, request);
      if (all === undefined) return stored;
      return new Map(
        members.map((member) => {
          const page = stored.get(member) ?? EMPTY_PAGE;
          const rows = [...page.rows, all].sort((a, b) => a.id - b.id);
          const merged = toPage(request.fromEnd === true ? rows.reverse() : rows, request);
          return [member, { rows: merged.rows, more: merged.more || page.more }];
        }),
      );
    },
    countGroups: async (actor, members, condition) => {
      const counts = await directory.countRelated(actor, 'group', {
        relation: GROUPS,
        parents: members,
        ...narrowed(condition),
      });
      const all = await everyone(actor, { limit: 1, ...narrowed(condition) });
      const own = all === undefined ? 0 : 1;
      return new Map(members.map((member) => [member, (counts.get(member) ?? 0) + own]));
    },
  };
}
