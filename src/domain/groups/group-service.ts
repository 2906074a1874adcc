/**
 * Groups and who is in them. Only groups made by hand are renamed, filled and deleted here: those of a directory follow the
 * directory, those of the system follow what they stand for.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`, `too_large`.
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { checkName } from '../../kernel/names.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { changesOf, type ListChange, requireRow, requireRows } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Group } from '../model/people.ts';
import { insertEdge, PLAIN_TERMS, removeEdge } from '../networks/edges.ts';
import type { Store, Tx } from '../ports/store.ts';
import { freeGroupKey } from './group-key.ts';
import { revokePersonalTokens } from './group-members.ts';

export interface NewGroup {
  readonly name: string;
  readonly members?: readonly number[];
  /** Resources that the group gets access to. */
  readonly resources?: readonly number[];
  /** The policy of those accesses, and the one that the group is shown with. */
  readonly securityPolicy?: number;
}

export interface GroupChange {
  readonly name?: string;
  readonly active?: boolean;
  readonly members?: ListChange;
  readonly resources?: ListChange;
  /** Set on every access of the group, also on those that it has already. */
  readonly securityPolicy?: number;
}

export interface GroupService {
  create(actor: Actor, input: NewGroup, origin: AuditOrigin): Promise<Group>;
  update(actor: Actor, id: number, change: GroupChange, origin: AuditOrigin): Promise<Group>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

/** Members and accesses that one write may add; each access takes an id. */
const MAX_ADDED = 10_000;

export function createGroupService({ store }: { readonly store: Store }): GroupService {
  return {
    create: async (actor, input, origin) => {
      authorize(actor, 'groups:write');
      if (input.resources !== undefined && input.resources.length > 0) authorize(actor, 'access:write');
      const name = checkName(input.name);
      const ids = idsFor(input.resources);
      return store.write(contextOf(actor, origin, ids), async (tx) => {
        const { org } = actor;
        await checkPolicy(tx, org, input.securityPolicy);
        const group = await tx.insert('group', {
          org,
          id: tx.newId(),
          name,
          key: await freeGroupKey(tx, org, name, actor.permissions.has('policy:write')),
          kind: 'manual',
          systemKey: null,
          active: true,
          originId: null,
          securityPolicy: input.securityPolicy ?? null,
          createdAt: tx.now,
          updatedAt: tx.now,
          ...byColumnsOf(actor),
        });
        audit(tx, group, 'create', { after: { name, key: group.key } });
        await changeMembers(tx, group, { set: input.members ?? [] });
        await changeResources(tx, actor, group, { set: input.resources ?? [] }, input.securityPolicy);
        return group;
      });
    },

    update: async (actor, id, change, origin) => {
      authorize(actor, 'groups:write');
      if (change.resources !== undefined || change.securityPolicy !== undefined) {
        authorize(actor, 'access:write');
      }
      const name = change.name === undefined ? undefined : checkName(change.name);
      const ids = idsFor([...(change.resources?.set ?? []), ...(change.resources?.add ?? [])]);
      return store.write(contextOf(actor, origin, ids), async (tx) => {
        const group = await requireRow(tx, 'group', actor.org, id);
        if (name !== undefined || change.active !== undefined || change.members !== undefined) {
          requireManual(group);
        }
        await checkPolicy(tx, actor.org, change.securityPolicy);
        if (change.members !== undefined) await changeMembers(tx, group, change.members);
        if (change.resources !== undefined) {
          await changeResources(tx, actor, group, change.resources, undefined);
        }
        if (change.securityPolicy !== undefined) await setPolicyOfEdges(tx, group, change.securityPolicy);
        const wanted = {
          ...(name === undefined ? {} : { name }),
          ...(change.active === undefined ? {} : { active: change.active }),
          ...(change.securityPolicy === undefined ? {} : { securityPolicy: change.securityPolicy }),
        };
        const changed = await tx.update('group', actor.org, id, wanted);
        if (isSameRow(group, changed)) return group;
        audit(tx, group, 'update', { before: pick(group, wanted), after: wanted });
        return tx.update('group', actor.org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'groups:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const group = await requireRow(tx, 'group', actor.org, id);
        requireManual(group);
        const { org } = group;
        await changeMembers(tx, group, { set: [] });
        for (const edge of await tx.find('accessEdge', org, { principalKind: 'group', principal: id })) {
          await removeEdge(tx, edge);
        }
        for (const held of await tx.find('groupNetworkRole', org, { group: id })) {
          await tx.remove('groupNetworkRole', org, held);
        }
        for (const { resource } of await tx.find('resourceApprover', org, { group: id })) {
          await tx.remove('resourceApprover', org, { resource, group: id });
        }
        await tx.remove('dnsFilterGroup', org, { group: id });
        await tx.remove('groupNetmaker', org, { group: id });
        await tx.remove('group', org, id);
        audit(tx, group, 'delete');
      });
    },
  };
}

const SPARE_IDS = 64;
const idsFor = (resources: readonly number[] = []): number => {
  if (resources.length > MAX_ADDED) throw new AppError('too_large', `more than ${MAX_ADDED} ids at once`);
  return resources.length + SPARE_IDS;
};

const pick = (group: Group, wanted: object): object =>
  Object.fromEntries(Object.entries(group).filter(([name]) => Object.hasOwn(wanted, name)));

function requireManual(group: Group): void {
  if (group.kind === 'manual') return;
  const why = group.kind === 'system' ? 'belongs to the system' : 'is synced from the identity provider';
  throw invalid(`Group '${group.name}' ${why} and cannot be changed`, 'id');
}

async function checkPolicy(tx: Tx, org: number, id: number | undefined): Promise<void> {
  if (id !== undefined) await requireRow(tx, 'securityPolicy', org, id);
}

async function changeMembers(tx: Tx, group: Group, change: ListChange): Promise<void> {
  const { org, id } = group;
  const present = await tx.find('groupMember', org, { group: id }, Number.MAX_SAFE_INTEGER);
  const { added, removed } = changesOf(
    present.map(({ membership }) => membership),
    change,
  );
  // Also those named to be removed must exist: a mistyped id is told, not passed over.
  await requireRows(tx, 'membership', org, [...added, ...(change.remove ?? [])]);
  if (added.length === 0 && removed.length === 0) return;
  await tx.insertAll(
    'groupMember',
    added.map((membership) => ({ org, group: id, membership, source: 'manual' as const })),
  );
  for (const membership of removed) await tx.remove('groupMember', org, { group: id, membership });
  await revokePersonalTokens(tx, org, [...added, ...removed]);
  audit(tx, group, 'update', { field: 'members', before: { removed }, after: { added } });
}

async function changeResources(
  tx: Tx,
  actor: Actor,
  group: Group,
  change: ListChange,
  securityPolicy: number | undefined,
): Promise<void> {
  const { org, id } = group;
  const edges = await tx.find('accessEdge', org, { principalKind: 'group', principal: id });
  const byResource = new Map(edges.map((edge) => [edge.resource, edge]));
  const { added, removed } = changesOf([...byResource.keys()], change);
  await requireRows(tx, 'resource', org, added);
  for (const resource of added) {
    await insertEdge(tx, actor, {
      resource,
      principalKind: 'group',
      principal: id,
      ...PLAIN_TERMS,
      securityPolicy: securityPolicy ?? null,
    });
  }
  for (const resource of removed) {
    const edge = byResource.get(resource);
    if (edge !== undefined) await removeEdge(tx, edge);
  }
  if (added.length > 0 || removed.length > 0) {
    audit(tx, group, 'update', { field: 'resources', before: { removed }, after: { added } });
  }
}

async function setPolicyOfEdges(tx: Tx, group: Group, securityPolicy: number): Promise<void> {
  const edges = await tx.find('accessEdge', group.org, { principalKind: 'group', principal: group.id });
  const changed = edges.filter((edge) => edge.securityPolicy !== securityPolicy);
  for (const edge of changed) await tx.update('accessEdge', group.org, edge.id, { securityPolicy });
  if (changed.length > 0) {
    audit(tx, group, 'update', { field: 'securityPolicyOfAccess', after: securityPolicy });
  }
}

function audit(
  tx: Tx,
  group: Group,
  verb: 'create' | 'update' | 'delete',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(group.org, { verb, objectKind: 'group', objectId: group.id, objectName: group.name, ...change });
}
