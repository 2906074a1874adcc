/**
 * Security policies, as far as they are a name that groups are given. A group without one has the default.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`, `taken` (name).
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { changesOf, type ListChange, requireRow, requireRows } from '../directory/missing.ts';
import type { SecurityPolicy } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { findEdges, policedEdges } from './edges.ts';

export interface SecurityPolicyService {
  create(
    actor: Actor,
    input: { readonly name: string; readonly groups: readonly number[] },
    origin: AuditOrigin,
  ): Promise<SecurityPolicy>;
  /** Which groups have it. Those that lose it have the default. All accesses of a group follow it. */
  setGroups(actor: Actor, id: number, change: ListChange, origin: AuditOrigin): Promise<SecurityPolicy>;
  /**
   * What must be true of a device, all of it, for an access under this policy to be open to it: conditions in the language of
   * the policy file's postures. Those of the default hold for every access without a policy of its own.
   */
  setConditions(
    actor: Actor,
    id: number,
    conditions: readonly string[],
    origin: AuditOrigin,
  ): Promise<SecurityPolicy>;
}

export interface SecurityPolicyParts {
  readonly store: Store;
  /** What is wrong with a condition; undefined when nothing is. */
  readonly problemOf?: (condition: string) => string | undefined;
}

const MAX_NAME = 255;
const MAX_CONDITIONS = 50;
const MAX_CONDITION = 500;

export function createSecurityPolicyService({
  store,
  problemOf = () => undefined,
}: SecurityPolicyParts): SecurityPolicyService {
  return {
    create: async (actor, input, origin) => {
      authorize(actor, 'access:write');
      const name = input.name.trim();
      if (name === '' || name.length > MAX_NAME || /\p{Cc}/u.test(name)) {
        throw invalid(`the name must have 1 to ${MAX_NAME} characters`, 'name');
      }
      return store.write(contextOf(actor, origin), async (tx) => {
        const policy = await tx.insert('securityPolicy', {
          org: actor.org,
          id: tx.newId(),
          name,
          type: 'resource',
          conditions: [],
          createdAt: tx.now,
          updatedAt: tx.now,
        });
        audit(tx, policy, 'create');
        await give(tx, policy, await requireRows(tx, 'group', actor.org, input.groups), policy.id);
        return policy;
      });
    },

    setConditions: async (actor, id, texts, origin) => {
      authorize(actor, 'access:write');
      if (texts.length > MAX_CONDITIONS)
        throw new AppError('too_large', `more than ${MAX_CONDITIONS} conditions`);
      const conditions = texts.map((text) => text.trim());
      for (const [index, text] of conditions.entries()) {
        const problem =
          text.length > MAX_CONDITION ? `is longer than ${MAX_CONDITION} characters` : problemOf(text);
        if (problem !== undefined) throw invalid(problem, `conditions.${index}`);
      }
      return store.write(contextOf(actor, origin), async (tx) => {
        const policy = await requireRow(tx, 'securityPolicy', actor.org, id);
        if (policy.conditions.join('\n') === conditions.join('\n')) return policy;
        audit(tx, policy, 'update', { field: 'conditions', before: policy.conditions, after: conditions });
        return tx.update('securityPolicy', actor.org, id, { conditions, updatedAt: tx.now });
      });
    },

    setGroups: async (actor, id, change, origin) => {
      authorize(actor, 'access:write');
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const policy = await requireRow(tx, 'securityPolicy', org, id);
        const own = policy.type === 'default' ? null : id;
        const present = await tx.find('group', org, { securityPolicy: own });
        const { added, removed } = changesOf(
          present.map((group) => group.id),
          change,
        );
        const gaining = await requireRows(tx, 'group', org, added);
        await requireRows(tx, 'group', org, change.remove ?? []);
        await give(tx, policy, gaining, own);
        // Out of the default there is no way but into another policy.
        const losing = own === null ? [] : present.filter((group) => removed.includes(group.id));
        await give(tx, policy, losing, null);
        if (gaining.length === 0 && losing.length === 0) return policy;
        return tx.update('securityPolicy', org, id, { updatedAt: tx.now });
      });
    },
  };
}

async function give(
  tx: Tx,
  policy: SecurityPolicy,
  groups: readonly { readonly id: number }[],
  securityPolicy: number | null,
): Promise<void> {
  const { org } = policy;
  for (const { id } of groups) {
    await tx.update('group', org, id, { securityPolicy, updatedAt: tx.now });
    const edges = await findEdges(tx, org, { principalKind: 'group', principal: id });
    for (const edge of await policedEdges(tx, org, edges)) {
      await tx.update('accessEdge', org, edge.id, { securityPolicy });
    }
  }
  if (groups.length > 0) {
    audit(tx, policy, 'update', { field: 'groups', after: groups.map(({ id }) => ({ id, securityPolicy })) });
  }
}

function audit(
  tx: Tx,
  policy: SecurityPolicy,
  verb: 'create' | 'update',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(policy.org, {
    verb,
    objectKind: 'securityPolicy',
    objectId: policy.id,
    objectName: policy.name,
    ...change,
  });
}
