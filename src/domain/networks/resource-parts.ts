/** What hangs on a resource: its appearance, labels, approvers and the groups with access. */
import { invalid } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { changesOf, type ListChange, requireRows } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { Row } from '../model/entities.ts';
import type { Resource, ResourceDetails } from '../model/networks.ts';
import type { Tx } from '../ports/store.ts';
import { findEdges, insertEdge, PLAIN_TERMS, removeEdge } from './edges.ts';
import { checkHeaders, checkLabels, checkPort, isWildcard, type Label } from './resource-rules.ts';

export interface ResourceParts {
  readonly visible?: boolean;
  readonly browserShortcut?: boolean;
  /** Where the proxy listens, and where it goes on to. */
  readonly downstreamPort?: number;
  readonly upstreamPort?: number;
  /** Request headers that the proxy of a web resource sets. */
  readonly headerRewrites?: readonly Label[];
  readonly labels?: readonly Label[];
  /** Groups with access. */
  readonly groups?: ListChange;
  /** Groups whose members approve requests. */
  readonly approvers?: ListChange;
}

const SHORTCUT_REFUSED = "Resources with a CIDR range or wildcard can't have the browser shortcut enabled.";

/** What hangs on the resource; says whether any of it changed. */
export async function writeParts(
  tx: Tx,
  actor: Actor,
  resource: Resource,
  change: ResourceParts,
): Promise<boolean> {
  const details = await writeDetails(tx, resource, change);
  const labels = change.labels !== undefined && (await writeLabels(tx, resource, checkLabels(change.labels)));
  const approvers =
    change.approvers !== undefined && (await writeApprovers(tx, actor, resource, change.approvers));
  const groups = change.groups !== undefined && (await writeGroups(tx, actor, resource, change.groups));
  return details || labels || approvers || groups;
}

async function writeDetails(tx: Tx, resource: Resource, change: ResourceParts): Promise<boolean> {
  const { org, id: resourceId } = resource;
  const present = await tx.get('resourceTwingate', org, { resource: resourceId });
  const before: Appearance = {
    isVisible: present?.isVisible ?? true,
    browserShortcut: present?.browserShortcut ?? false,
    details: present?.details ?? {},
  };
  const after: Appearance = {
    isVisible: change.visible ?? before.isVisible,
    browserShortcut: change.browserShortcut ?? before.browserShortcut,
    details: detailsAfter(before.details, change),
  };
  if (after.browserShortcut && (resource.addressKind === 'cidr' || isWildcard(resource.addressText))) {
    throw invalid(SHORTCUT_REFUSED, 'isBrowserShortcutEnabled');
  }
  if (isSameRow(before, after)) return false;
  await tx.put('resourceTwingate', { org, resource: resourceId, ...after });
  audit(tx, resource, 'update', { field: 'appearance', before, after });
  return true;
}

type Appearance = Pick<Row<'resourceTwingate'>, 'isVisible' | 'browserShortcut' | 'details'>;

function detailsAfter(present: ResourceDetails, change: ResourceParts): ResourceDetails {
  const { upstreamPort, downstreamPort, headerRewrites } = change;
  return {
    ...present,
    ...(upstreamPort === undefined ? {} : { upstreamPort: checkPort(upstreamPort, 'upstream') }),
    ...(downstreamPort === undefined ? {} : { downstreamPort: checkPort(downstreamPort, 'downstream') }),
    ...(headerRewrites === undefined ? {} : { headerRewrites: checkHeaders(headerRewrites) }),
  };
}

async function writeLabels(tx: Tx, resource: Resource, labels: readonly Label[]): Promise<boolean> {
  const { org, id } = resource;
  const present = await tx.find('resourceLabel', org, { resource: id });
  const wanted = new Map(labels.map(({ key, value }) => [key, value]));
  const gone = present.filter(({ key }) => !wanted.has(key));
  const known = new Map(present.map(({ key, value }) => [key, value]));
  const fresh = labels.filter(({ key, value }) => known.get(key) !== value);
  for (const { key } of gone) await tx.remove('resourceLabel', org, { resource: id, key });
  for (const { key, value } of fresh) await tx.put('resourceLabel', { org, resource: id, key, value });
  if (gone.length === 0 && fresh.length === 0) return false;
  audit(tx, resource, 'update', {
    field: 'labels',
    before: present.map(({ key, value }) => ({ key, value })),
    after: labels,
  });
  return true;
}

async function writeApprovers(
  tx: Tx,
  actor: Actor,
  resource: Resource,
  change: ListChange,
): Promise<boolean> {
  const { org, id } = resource;
  const present = await tx.find('resourceApprover', org, { resource: id });
  const { added, removed } = changesOf(
    present.map(({ group }) => group),
    change,
  );
  if (added.length + removed.length > 0) authorize(actor, 'access:write');
  await requireRows(tx, 'group', org, [...added, ...(change.remove ?? [])]);
  for (const group of added) await tx.insert('resourceApprover', { org, resource: id, group });
  for (const group of removed) await tx.remove('resourceApprover', org, { resource: id, group });
  if (added.length === 0 && removed.length === 0) return false;
  audit(tx, resource, 'update', { field: 'approvers', before: { removed }, after: { added } });
  return true;
}

async function writeGroups(tx: Tx, actor: Actor, resource: Resource, change: ListChange): Promise<boolean> {
  const { org, id } = resource;
  const edges = await findEdges(tx, org, { resource: id, principalKind: 'group' });
  const byGroup = new Map(edges.map((edge) => [edge.principal, edge]));
  const { added, removed } = changesOf([...byGroup.keys()], change);
  await requireRows(tx, 'group', org, [...added, ...(change.remove ?? [])]);
  for (const principal of added) {
    await insertEdge(tx, actor, { resource: id, principalKind: 'group', principal, ...PLAIN_TERMS });
  }
  for (const group of removed) {
    const edge = byGroup.get(group);
    if (edge !== undefined) await removeEdge(tx, edge);
  }
  if (added.length === 0 && removed.length === 0) return false;
  audit(tx, resource, 'update', { field: 'groups', before: { removed }, after: { added } });
  return true;
}

export function audit(
  tx: Tx,
  resource: Resource,
  verb: 'create' | 'update' | 'delete',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(resource.org, {
    verb,
    objectKind: 'resource',
    objectId: resource.id,
    objectName: resource.name,
    network: resource.network,
    ...change,
  });
}
