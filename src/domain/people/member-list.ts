/** People of an organization as administrators see them. */
import type { Clock } from '../../kernel/clock.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Role } from '../model/people.ts';
import type { MemberRow } from '../ports/queries.ts';
import type { Store } from '../ports/store.ts';

export interface MemberList {
  /** Everybody who has joined, in order of their ids; `roles` narrows it. */
  list(actor: Actor, roles?: readonly Role[]): Promise<readonly MemberRow[]>;
  /** Errors: `not_found`, also for whoever has not joined yet. */
  get(actor: Actor, id: number): Promise<MemberRow>;
}

export function createMemberList({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): MemberList {
  return {
    list: (actor, roles) => {
      authorize(actor, 'members:read');
      return store.queries.members(actor.org, {
        now: clock.now(),
        ...(roles === undefined ? {} : { roles }),
      });
    },
    get: async (actor, id) => {
      authorize(actor, 'members:read');
      const [member] = await store.queries.members(actor.org, { ids: [id], now: clock.now() });
      if (member === undefined) throw notFound('user');
      return member;
    },
  };
}
