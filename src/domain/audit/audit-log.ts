/** Who did what, for a stretch of time. */
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireSelf } from '../access/self.ts';
import type { AuditEvent } from '../model/operations.ts';
import type { AuditPageQuery } from '../ports/queries.ts';
import type { Store } from '../ports/store.ts';

/** More events than this are not answered at once: whoever asks must say what they want more precisely. */
const MAX_EVENTS = 20_000;

export interface AuditLog {
  /** From `from` to before `to`, oldest first. Errors: `invalid`, `too_large`. */
  list(actor: Actor, range: { readonly from: number; readonly to: number }): Promise<readonly AuditEvent[]>;
  /**
   * A page, the newest first. Whoever may not read the log reads what they did themselves. Errors: `forbidden`,
   * `not_found` (the network).
   */
  page(
    actor: Actor,
    query: Omit<AuditPageQuery, 'network'> & { /** Its slug. */ readonly network?: string },
  ): Promise<readonly AuditEvent[]>;
}

export function createAuditLog({ store }: { readonly store: Store }): AuditLog {
  return {
    list: async (actor, { from, to }) => {
      authorize(actor, 'audit:read');
      if (to < from) throw invalid('end must not be before start', 'end');
      const events = await store.queries.auditEvents(actor.org, { from, to, limit: MAX_EVENTS + 1 });
      if (events.length > MAX_EVENTS) {
        throw new AppError('too_large', `more than ${MAX_EVENTS} events: ask for a shorter time`, {
          field: 'start',
        });
      }
      return events;
    },
    page: async (actor, { network: slug, ...query }) => {
      const own = actor.kind === 'member' && query.membership === actor.membership && slug === undefined;
      if (own) requireSelf(actor, 'self:read');
      else authorize(actor, 'audit:read');
      const [network] = slug === undefined ? [] : await store.find('network', actor.org, { slug }, 1);
      if (slug !== undefined && network === undefined) throw notFound('network');
      return store.queries.auditPage(actor.org, {
        ...query,
        ...(network === undefined ? {} : { network: network.id }),
      });
    },
  };
}
