/**
 * Resources: addresses in a network, and how they are reached.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`.
 */
import { invalid } from '../../kernel/errors.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { Resource, ResourceProtocols } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { removeEdge } from './edges.ts';
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

export interface ResourceChange extends ResourceParts {
  readonly name?: string;
  readonly network?: number;
  readonly address?: string;
  /** Null: none. */
  readonly alias?: string | null;
  readonly protocols?: ResourceProtocols;
  readonly active?: boolean;
  readonly bypass?: boolean;
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
