/**
 * Resources: addresses in a network, and how they are reached.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`.
 */
import { invalid } from '../../kernel/errors.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { changesOf, type ListChange, requireRow, requireRows } from '../directory/missing.ts';
import type { Resource, ResourceProtocols } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { insertEdge, PLAIN_TERMS, removeEdge } from './edges.ts';
import {
  changeTerms,
  checkAlias,
  checkLabels,
  checkProtocols,
  isWildcard,
  type Label,
  OPEN_PROTOCOLS,
  parseAddress,
  type TermsChange,
} from './resource-rules.ts';

export interface ResourceChange {
  readonly name?: string;
  readonly network?: number;
  readonly address?: string;
  /** Null: none. */
  readonly alias?: string | null;
  readonly protocols?: ResourceProtocols;
  readonly active?: boolean;
  readonly bypass?: boolean;
  readonly visible?: boolean;
  readonly browserShortcut?: boolean;
  /** Null: the default policy. */
  readonly securityPolicy?: number | null;
  readonly labels?: readonly Label[];
  readonly terms?: TermsChange;
  /** Groups with access. */
  readonly groups?: ListChange;
  /** Groups whose members approve requests. */
  readonly approvers?: ListChange;
}

export type NewResource = ResourceChange & Required<Pick<ResourceChange, 'name' | 'network' | 'address'>>;

export interface ResourceService {
  create(actor: Actor, input: NewResource, origin: AuditOrigin): Promise<Resource>;
  update(actor: Actor, id: number, change: ResourceChange, origin: AuditOrigin): Promise<Resource>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

const MAX_NAME = 255;

function checkName(text: string): string {
  const name = text.trim();
  if (name === '') throw invalid('the name must not be empty', 'name');
  if (name.length > MAX_NAME) throw invalid(`the name must not exceed ${MAX_NAME} characters`, 'name');
  if (/\p{Cc}/u.test(name)) throw invalid('the name must not contain control characters', 'name');
  return name;
}

type Settings = Pick<
  Resource,
  | 'name'
  | 'network'
  | 'addressText'
  | 'addressKind'
  | 'lowAddress'
  | 'highAddress'
  | 'alias'
  | 'protocols'
  | 'active'
  | 'bypass'
  | 'securityPolicy'
  | 'accessMode'
  | 'accessSeconds'
  | 'approvalMode'
>;

const DEFAULTS = {
  alias: null,
  protocols: OPEN_PROTOCOLS,
  active: true,
  bypass: false,
  securityPolicy: null,
  accessMode: null,
  accessSeconds: null,
  approvalMode: null,
} as const;

/** The columns after a change, each rule checked. */
function settingsAfter(present: Settings, change: ResourceChange): Settings {
  const { name, network, address, alias, protocols, active, bypass, securityPolicy, terms } = change;
  const after: Settings = {
    name: name === undefined ? present.name : checkName(name),
    network: network ?? present.network,
    addressText: present.addressText,
    addressKind: present.addressKind,
    lowAddress: present.lowAddress,
    highAddress: present.highAddress,
    ...(address === undefined ? {} : parseAddress(address)),
    alias: alias === undefined ? present.alias : alias === null ? null : checkAlias(alias),
    protocols: protocols === undefined ? present.protocols : checkProtocols(protocols),
    active: active ?? present.active,
    bypass: bypass ?? present.bypass,
    securityPolicy: securityPolicy === undefined ? present.securityPolicy : securityPolicy,
    accessMode: present.accessMode,
    accessSeconds: present.accessSeconds,
    approvalMode: present.approvalMode,
    ...(terms === undefined ? {} : changeTerms(present, terms)),
  };
  if (after.bypass) checkBypass(after);
  return after;
}

function checkBypass({ addressText, securityPolicy, protocols: { tcp, udp } }: Settings): void {
  const cannot = (what: string) => invalid(`Bypass Resources cannot have ${what}`, 'routingMode');
  if (isWildcard(addressText)) throw cannot('a wildcard address');
  if (securityPolicy !== null) throw cannot('a security policy');
  if (tcp.policy === 'restricted' || udp.policy === 'restricted') throw cannot('port restrictions');
}

const SHORTCUT_REFUSED = "Resources with a CIDR range or wildcard can't have the browser shortcut enabled.";

export function createResourceService({ store }: { readonly store: Store }): ResourceService {
  const allow = (actor: Actor, change: ResourceChange): void => {
    authorize(actor, 'networks:write');
    if (change.groups !== undefined) authorize(actor, 'access:write');
  };

  return {
    create: async (actor, input, origin) => {
      allow(actor, input);
      const settings = settingsAfter(
        { ...DEFAULTS, name: '', network: input.network, ...parseAddress(input.address) },
        input,
      );
      return store.write(contextOf(actor, origin, idsFor(input)), async (tx) => {
        await checkReferences(tx, actor.org, settings);
        const resource = await tx.insert('resource', {
          org: actor.org,
          id: tx.newId(),
          kind: 'network',
          ...settings,
          networkWide: false,
          proxy: null,
          createdAt: tx.now,
          updatedAt: tx.now,
          ...byColumnsOf(actor),
        });
        audit(tx, resource, 'create', { after: settings });
        await writeParts(tx, actor, resource, { labels: [], ...input });
        return resource;
      });
    },

    update: async (actor, id, change, origin) => {
      allow(actor, change);
      return store.write(contextOf(actor, origin, idsFor(change)), async (tx) => {
        const before = await requireRow(tx, 'resource', actor.org, id);
        const settings = settingsAfter(before, change);
        await checkReferences(tx, actor.org, settings);
        const after = await tx.update('resource', actor.org, id, settings);
        if (after !== before) {
          audit(tx, after, 'update', {
            before: differing(before, settings),
            after: differing(settings, before),
          });
        }
        const parts = await writeParts(tx, actor, after, change);
        if (after === before && !parts) return before;
        return tx.update('resource', actor.org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'networks:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const resource = await requireRow(tx, 'resource', actor.org, id);
        const { org } = resource;
        for (const edge of await tx.find('accessEdge', org, { resource: id })) await removeEdge(tx, edge);
        for (const { key } of await tx.find('resourceLabel', org, { resource: id })) {
          await tx.remove('resourceLabel', org, { resource: id, key });
        }
        for (const { group } of await tx.find('resourceApprover', org, { resource: id })) {
          await tx.remove('resourceApprover', org, { resource: id, group });
        }
        for (const request of await tx.find('accessRequest', org, { resource: id })) {
          await tx.remove('accessRequest', org, request.id);
        }
        await tx.remove('resourceTwingate', org, { resource: id });
        await tx.remove('resource', org, id);
        audit(tx, resource, 'delete');
      });
    },
  };
}

const SPARE_IDS = 64;
const idsFor = ({ groups }: ResourceChange): number =>
  (groups?.set?.length ?? 0) + (groups?.add?.length ?? 0) + SPARE_IDS;

const differing = (from: object, to: object): object => {
  const other = to as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(from).filter(
      ([name, value]) => name in other && JSON.stringify(other[name]) !== JSON.stringify(value),
    ),
  );
};

async function checkReferences(tx: Tx, org: number, settings: Settings): Promise<void> {
  await requireRow(tx, 'network', org, settings.network);
  if (settings.securityPolicy !== null) await requireRow(tx, 'securityPolicy', org, settings.securityPolicy);
}

/** What hangs on the resource; says whether any of it changed. */
async function writeParts(
  tx: Tx,
  actor: Actor,
  resource: Resource,
  change: ResourceChange,
): Promise<boolean> {
  const details = await writeDetails(tx, resource, change);
  const labels = change.labels !== undefined && (await writeLabels(tx, resource, checkLabels(change.labels)));
  const approvers = change.approvers !== undefined && (await writeApprovers(tx, resource, change.approvers));
  const groups = change.groups !== undefined && (await writeGroups(tx, actor, resource, change.groups));
  return details || labels || approvers || groups;
}

async function writeDetails(tx: Tx, resource: Resource, change: ResourceChange): Promise<boolean> {
  const { org, id: resourceId } = resource;
  const present = await tx.get('resourceTwingate', org, { resource: resourceId });
  const isVisible = change.visible ?? present?.isVisible ?? true;
  const browserShortcut = change.browserShortcut ?? present?.browserShortcut ?? false;
  if (browserShortcut && (resource.addressKind === 'cidr' || isWildcard(resource.addressText))) {
    throw invalid(SHORTCUT_REFUSED, 'isBrowserShortcutEnabled');
  }
  if (present?.isVisible === isVisible && present.browserShortcut === browserShortcut) return false;
  if (present === undefined && isVisible && !browserShortcut) return false;
  await tx.put('resourceTwingate', {
    org,
    resource: resourceId,
    isVisible,
    browserShortcut,
    details: present?.details ?? {},
  });
  audit(tx, resource, 'update', { field: 'appearance', after: { isVisible, browserShortcut } });
  return true;
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

async function writeApprovers(tx: Tx, resource: Resource, change: ListChange): Promise<boolean> {
  const { org, id } = resource;
  const present = await tx.find('resourceApprover', org, { resource: id });
  const { added, removed } = changesOf(
    present.map(({ group }) => group),
    change,
  );
  await requireRows(tx, 'group', org, [...added, ...(change.remove ?? [])]);
  for (const group of added) await tx.insert('resourceApprover', { org, resource: id, group });
  for (const group of removed) await tx.remove('resourceApprover', org, { resource: id, group });
  if (added.length === 0 && removed.length === 0) return false;
  audit(tx, resource, 'update', { field: 'approvers', before: { removed }, after: { added } });
  return true;
}

async function writeGroups(tx: Tx, actor: Actor, resource: Resource, change: ListChange): Promise<boolean> {
  const { org, id } = resource;
  const edges = await tx.find('accessEdge', org, { resource: id, principalKind: 'group' });
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

function audit(
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
