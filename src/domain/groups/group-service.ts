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
import { revokePersonalTokens } from '../credentials/held-credentials.ts';
import { changesOf, type ListChange, requireRow, requireRows } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import { removeLostClients } from '../ext-clients/lost-clients.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Group } from '../model/people.ts';
import { findEdges, insertEdge, PLAIN_TERMS, policedEdges, removeEdge } from '../networks/edges.ts';
import type { Store, Tx } from '../ports/store.ts';
import { freeGroupKey } from './group-key.ts';
import {
  type GroupLook,
  type GroupNetworkRole,
  requireMayFill,
  setLook,
  setNetworkRoles,
} from './group-network-roles.ts';
import { removeGroupRows } from './network-groups.ts';

export interface NewGroup {
  readonly name: string;
  readonly members?: readonly number[];
  /** Resources that the group gets access to. */
  readonly resources?: readonly number[];
  /** The policy of those accesses, and the one that the group is shown with. */
  readonly securityPolicy?: number;
  readonly networkRoles?: readonly GroupNetworkRole[];
  readonly look?: Partial<GroupLook>;
  /** Refuses with `taken` when another group has the name. */
  readonly uniqueName?: boolean;
}

export interface GroupChange {
  readonly name?: string;
  readonly active?: boolean;
  readonly members?: ListChange;
  readonly resources?: ListChange;
  /** Set on every access of the group, also on those that it has already. */
  readonly securityPolicy?: number;
  /** Takes the place of all that it holds. */
  readonly networkRoles?: readonly GroupNetworkRole[];
  readonly look?: Partial<GroupLook>;
  readonly uniqueName?: boolean;
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
      const opens = (input.resources?.length ?? 0) > 0 || (input.networkRoles?.length ?? 0) > 0;
      if (opens) authorize(actor, 'access:write');
      const name = checkName(input.name);
      const ids = idsFor(input.resources);
      return store.write(contextOf(actor, origin, ids), async (tx) => {
        const { org } = actor;
        await checkPolicy(tx, org, input.securityPolicy);
        if (input.uniqueName === true) await requireFreeName(tx, org, name);
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
        await changeMembers(tx, actor, group, { set: input.members ?? [] });
        await changeResources(tx, actor, group, { set: input.resources ?? [] }, input.securityPolicy);
        await setNetworkRoles(tx, actor, group, input.networkRoles ?? []);
        await setLook(tx, group, input.look ?? {});
        return group;
      });
    },

    update: async (actor, id, change, origin) => {
      authorize(actor, 'groups:write');
      const opens = [change.resources, change.securityPolicy, change.networkRoles];
      if (opens.some((one) => one !== undefined)) authorize(actor, 'access:write');
      const name = change.name === undefined ? undefined : checkName(change.name);
      const ids = idsFor([...(change.resources?.set ?? []), ...(change.resources?.add ?? [])]);
      return store.write(contextOf(actor, origin, ids), async (tx) => {
        const group = await requireRow(tx, 'group', actor.org, id);
        const own = [name, change.active, change.members, change.networkRoles, change.look];
        if (own.some((one) => one !== undefined)) requireManual(group);
        await checkPolicy(tx, actor.org, change.securityPolicy);
        if (name !== undefined && name !== group.name && change.uniqueName === true) {
          await requireFreeName(tx, actor.org, name);
        }
        if (change.members !== undefined) await changeMembers(tx, actor, group, change.members);
        if (change.resources !== undefined) {
          await changeResources(tx, actor, group, change.resources, undefined);
        }
        if (change.securityPolicy !== undefined) await setPolicyOfEdges(tx, group, change.securityPolicy);
        if (change.networkRoles !== undefined) await setNetworkRoles(tx, actor, group, change.networkRoles);
        if (change.look !== undefined) await setLook(tx, group, change.look);
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
        await changeMembers(tx, actor, group, { set: [] });
        await removeGroupRows(tx, group);
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

async function requireFreeName(tx: Tx, org: number, name: string): Promise<void> {
  const [holder] = await tx.find('group', org, { name }, 1);
  if (holder !== undefined) throw new AppError('taken', 'group already exists', { field: 'name' });
}

async function checkPolicy(tx: Tx, org: number, id: number | undefined): Promise<void> {
  if (id !== undefined) await requireRow(tx, 'securityPolicy', org, id);
}

async function changeMembers(tx: Tx, actor: Actor, group: Group, change: ListChange): Promise<void> {
  const { org, id } = group;
  const present = await tx.find('groupMember', org, { group: id }, Number.MAX_SAFE_INTEGER);
  const { added, removed } = changesOf(
    present.map(({ membership }) => membership),
    change,
  );
  // Also those named to be removed must exist: a mistyped id is told, not passed over.
  await requireRows(tx, 'membership', org, [...added, ...(change.remove ?? [])]);
  if (added.length === 0 && removed.length === 0) return;
  if (added.length > 0) await requireMayFill(tx, actor, org, [id]);
  await tx.insertAll(
    'groupMember',
    added.map((membership) => ({ org, group: id, membership, source: 'manual' as const })),
  );
  for (const membership of removed) await tx.remove('groupMember', org, { group: id, membership });
  await revokePersonalTokens(tx, org, [...added, ...removed]);
  await removeLostClients(tx, org, removed);
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
  const edges = await findEdges(tx, org, { principalKind: 'group', principal: id });
  const byResource = new Map(edges.map((edge) => [edge.resource, edge]));
  const { added, removed } = changesOf([...byResource.keys()], change);
  for (const resource of await requireRows(tx, 'resource', org, added)) {
    await insertEdge(tx, actor, {
      resource: resource.id,
      principalKind: 'group',
      principal: id,
      ...PLAIN_TERMS,
      securityPolicy: resource.bypass ? null : (securityPolicy ?? null),
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
  const edges = await findEdges(tx, group.org, { principalKind: 'group', principal: group.id });
  const changed = (await policedEdges(tx, group.org, edges)).filter(
    (edge) => edge.securityPolicy !== securityPolicy,
  );
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
