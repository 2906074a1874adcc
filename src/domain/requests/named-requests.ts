/**
 * Requests that may be sent again: whoever names one gets the first answer for a day, and what was asked is done once. A
 * request that failed is forgotten, so sending it again tries again.
 */
import { DAY, MINUTE } from '../../kernel/clock.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Actor, byOf, contextOf } from '../access/actor.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store } from '../ports/store.ts';

export interface RequestName {
  readonly org: number;
  readonly ref: string;
}

export type Begun =
  /** Nobody sent it before: do it, and say how it ended. */
  | { readonly kind: 'new'; readonly name: RequestName }
  /** It is being done now. */
  | { readonly kind: 'running' }
  /** It was done. Null: with a secret, which is shown once. */
  | { readonly kind: 'done'; readonly status: number; readonly answer: string | null };

export interface NamedRequests {
  begin(
    actor: Actor,
    request: { readonly what: string; readonly name: string },
    origin: AuditOrigin,
  ): Promise<Begun>;
  /** `answer` null: it held a secret. */
  finish(name: RequestName, status: number, answer: string | null): Promise<void>;
  forget(name: RequestName): Promise<void>;
}

const KEPT_FOR = DAY;
/** Longer than any request takes; a process that died in one is not waited for. */
const RUNS_AT_MOST = MINUTE;
const SWEPT = 20;
const MAX_ANSWER = 16 * 1024;
const BY = { kind: 'system', id: '', name: 'requests' } as const;

export function createNamedRequests({ store }: { readonly store: Store }): NamedRequests {
  const context = (org: number) => ({ orgs: [org], by: BY, origin: 'system' }) as const;
  const forget: NamedRequests['forget'] = ({ org, ref }) =>
    store.write(context(org), async (tx) => {
      await tx.remove('namedRequest', org, { ref });
    });
  return {
    forget,
    begin: async (actor, { what, name }, origin) => {
      const { org } = actor;
      const { kind, id } = byOf(actor);
      const ref = sha256Hex(JSON.stringify([kind, id, what, name]));
      return store.write(contextOf(actor, origin), async (tx): Promise<Begun> => {
        const known = await tx.get('namedRequest', org, { ref });
        if (known !== undefined && known.status !== null && known.at + KEPT_FOR > tx.now) {
          return { kind: 'done', status: known.status, answer: known.answer };
        }
        if (known?.status === null && known.at + RUNS_AT_MOST > tx.now) return { kind: 'running' };
        await tx.put('namedRequest', { org, ref, status: null, answer: null, at: tx.now });
        const old = await tx.list('namedRequest', org, {
          filters: [{ column: 'at', operator: '<=', value: tx.now - KEPT_FOR }],
          limit: SWEPT,
          few: true,
        });
        for (const row of old) await tx.remove('namedRequest', org, { ref: row.ref });
        return { kind: 'new', name: { org, ref } };
      });
    },
    finish: async (name, status, answer) => {
      if ((answer?.length ?? 0) > MAX_ANSWER) return forget(name);
      const { org, ref } = name;
      await store.write(context(org), async (tx) => {
        await tx.put('namedRequest', { org, ref, status, answer, at: tx.now });
      });
      return undefined;
    },
  };
}
