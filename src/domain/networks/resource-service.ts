/**
 * Resources: addresses in a network, and how they are reached.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`.
 */
import { invalid } from '../../kernel/errors.ts';
import { checkName } from '../../kernel/names.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { removeEach } from '../directory/each-row.ts';
import { missing, requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { Resource, ResourceProtocols } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { findEdges, removeEdge } from './edges.ts';
import { audit, type ResourceParts, writeParts } from './resource-parts.ts';
import {
  changeTerms,
  checkAlias,
  checkProtocols,
  isWildcard,
  OPEN_PROTOCOLS,
  parseAddress,
  type TermsChange,
} from './resource-rules.ts';

export type ResourceKind = Resource['kind'];

export interface ResourceChange extends ResourceParts {
  /** Fixed when it is made (`network` unless said); what another kind of resource is asked to be is not found. */
  readonly kind?: ResourceKind;
  readonly name?: string;
  readonly network?: number;
  readonly address?: string;
  /** Null: none. */
  readonly alias?: string | null;
  readonly protocols?: ResourceProtocols;
  readonly active?: boolean;
  readonly bypass?: boolean;
  /** What ends TLS or SSH for it: needed by every kind but `network` and `egress`, which have none. */
  readonly proxy?: number;
  /** Null: the default policy. */
  readonly securityPolicy?: number | null;
  readonly terms?: TermsChange;
}

export type NewResource = ResourceChange & Required<Pick<ResourceChange, 'name' | 'network' | 'address'>>;

export interface ResourceService {
  create(actor: Actor, input: NewResource, origin: AuditOrigin): Promise<Resource>;
  update(actor: Actor, id: number, change: ResourceChange, origin: AuditOrigin): Promise<Resource>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
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
  | 'proxy'
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
  proxy: null,
} as const;

/** Kinds that are reached by address alone; the others stand behind a proxy. */
const PLAIN_KINDS: ReadonlySet<ResourceKind> = new Set(['network', 'egress']);
/** Both are the same to whoever asks for a plain resource: only their makers differ. */
const isOfKind = (resource: Resource, kind: ResourceKind | undefined): boolean =>
  kind === undefined || resource.kind === kind || (PLAIN_KINDS.has(resource.kind) && PLAIN_KINDS.has(kind));

/** What decides who gets through the accesses that there are: another matter than what stands behind them. */
const TERMS = ['securityPolicy', 'accessMode', 'accessSeconds', 'approvalMode'] as const;

/** The columns after a change, each rule checked. */
function settingsAfter(present: Settings, change: ResourceChange): Settings {
  const { name, network, address, alias, protocols, active, bypass, securityPolicy, terms, proxy } = change;
  const after: Settings = {
    name: name === undefined ? present.name : checkName(name),
    network: network ?? present.network,
    addressText: present.addressText,
    addressKind: present.addressKind,
    lowAddress: present.lowAddress,
    highAddress: present.highAddress,
    // What it is already stays, though it could not be set today: gateways carry it no more than what is refused.
    ...(address === undefined || address === present.addressText ? {} : parseAddress(address)),
    alias: alias === undefined ? present.alias : alias === null ? null : checkAlias(alias),
    protocols: protocols === undefined ? present.protocols : checkProtocols(protocols),
    active: active ?? present.active,
    bypass: bypass ?? present.bypass,
    securityPolicy: securityPolicy === undefined ? present.securityPolicy : securityPolicy,
    accessMode: present.accessMode,
    accessSeconds: present.accessSeconds,
    approvalMode: present.approvalMode,
    proxy: proxy ?? present.proxy,
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

export function createResourceService({ store }: { readonly store: Store }): ResourceService {
  const allow = (actor: Actor, change: ResourceChange): void => {
    authorize(actor, 'networks:write');
    if (change.groups !== undefined) authorize(actor, 'access:write');
  };

  return {
    create: async (actor, input, origin) => {
      allow(actor, input);
      const kind = input.kind ?? 'network';
      checkProxy(kind, input);
      const settings = settingsAfter(
        { ...DEFAULTS, name: '', network: input.network, ...parseAddress(input.address) },
        input,
      );
      return store.write(contextOf(actor, origin, idsFor(input)), async (tx) => {
        await checkReferences(tx, actor.org, settings);
        const resource = await tx.insert('resource', {
          org: actor.org,
          id: tx.newId(),
          kind,
          ...settings,
          // Whoever speaks of egress opens it to all who hold a role on the network.
          networkWide: kind === 'egress',
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
        if (!isOfKind(before, change.kind)) throw missing('resource', id);
        checkProxy(before.kind, { ...change, proxy: change.proxy ?? before.proxy ?? undefined });
        const settings = settingsAfter(before, change);
        if (TERMS.some((name) => settings[name] !== before[name])) authorize(actor, 'access:write');
        await checkReferences(tx, actor.org, settings);
        if (settings.bypass && !before.bypass) await requireNoEdgePolicies(tx, before);
        const after = await tx.update('resource', actor.org, id, settings);
        if (!isSameRow(before, after)) {
          audit(tx, after, 'update', {
            before: differing(before, settings),
            after: differing(settings, before),
          });
        }
        const parts = await writeParts(tx, actor, after, change);
        if (isSameRow(before, after) && !parts) return before;
        return tx.update('resource', actor.org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'networks:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const resource = await requireRow(tx, 'resource', actor.org, id);
        const { org } = resource;
        for (const edge of await tx.find('accessEdge', org, { resource: id })) await removeEdge(tx, edge);
        await removeEach(tx, 'resourceLabel', org, { resource: id });
        await removeEach(tx, 'resourceApprover', org, { resource: id });
        await removeEach(tx, 'accessRequest', org, { resource: id });
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

async function requireNoEdgePolicies(tx: Tx, { org, id }: Resource): Promise<void> {
  const edges = await findEdges(tx, org, { resource: id });
  if (edges.some(({ securityPolicy }) => securityPolicy !== null)) {
    throw invalid('Bypass Resources cannot have a security policy', 'routingMode');
  }
}

function checkProxy(
  kind: ResourceKind,
  { proxy, bypass }: { proxy?: number | undefined; bypass?: boolean | undefined },
): void {
  const plain = PLAIN_KINDS.has(kind);
  if (plain && proxy !== undefined) throw invalid('a network resource has no gateway', 'gatewayId');
  if (!plain && proxy === undefined) throw invalid('gatewayId is required', 'gatewayId');
  if (!plain && bypass === true) throw invalid('only network resources can be bypassed', 'routingMode');
}

async function checkReferences(tx: Tx, org: number, settings: Settings): Promise<void> {
  await requireRow(tx, 'network', org, settings.network);
  if (settings.proxy !== null) {
    const proxy = await requireRow(tx, 'proxy', org, settings.proxy);
    if (proxy.network !== settings.network) {
      throw invalid('the Gateway is in another Remote Network than the Resource', 'gatewayId');
    }
  }
  if (settings.securityPolicy !== null) await requireRow(tx, 'securityPolicy', org, settings.securityPolicy);
}
