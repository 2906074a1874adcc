/**
 * Who has access to a resource: its edges to groups and service accounts.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`, `too_large`.
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRow, requireRows } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { AccessEdge, Resource } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import {
  type EdgeTerms,
  findEdges,
  insertEdge,
  PLAIN_TERMS,
  type PrincipalKind,
  removeEdge,
} from './edges.ts';
import { changeTerms, type TermsChange } from './resource-rules.ts';

export interface Principal {
  readonly kind: PrincipalKind;
  readonly id: number;
}

/** Undefined keeps what an edge has, null takes it away. */
export interface EdgeChange {
  readonly principal: Principal;
  readonly securityPolicy?: number | null;
  readonly expiresAt?: number | null;
  readonly terms?: TermsChange;
  /** Takes mode and duration away. */
  readonly withoutTerms?: boolean;
}

export interface AccessService {
  /** Makes or changes the edges of these principals; others stay, or go with `replace`. */
  grant(
    actor: Actor,
    resource: number,
    edges: readonly EdgeChange[],
    options: { readonly replace: boolean },
    origin: AuditOrigin,
  ): Promise<Resource>;
  /** Principals without an edge are passed over. */
  revoke(
    actor: Actor,
    resource: number,
    principals: readonly Principal[],
    origin: AuditOrigin,
  ): Promise<Resource>;
  /** The resources of one principal; the edges that it keeps stay as they are. */
  setResources(
    tx: Tx,
    actor: Actor,
    principal: Principal,
    change: { readonly added: readonly number[]; readonly removed: readonly number[] },
  ): Promise<void>;
}

const MAX_EDGES = 2_000;
const SPARE_IDS = 8;

const keyOf = ({ kind, id }: Principal): string => `${kind} ${id}`;

export function createAccessService({ store }: { readonly store: Store }): AccessService {
  return {
    grant: async (actor, resourceId, edges, { replace }, origin) => {
      authorize(actor, 'access:write');
      if (edges.length > MAX_EDGES)
        throw new AppError('too_large', `more than ${MAX_EDGES} principals at once`);
      return store.write(contextOf(actor, origin, edges.length + SPARE_IDS), async (tx) => {
        const resource = await requireRow(tx, 'resource', actor.org, resourceId);
        await requirePrincipals(
          tx,
          actor.org,
          edges.map(({ principal }) => principal),
        );
        const present = await findEdges(tx, actor.org, { resource: resourceId });
        const known = new Map(
          present.map((edge) => [keyOf({ kind: edge.principalKind, id: edge.principal }), edge]),
        );
        const kept = new Set<string>();
        for (const change of edges) {
          const key = keyOf(change.principal);
          if (kept.has(key)) throw invalid('a principal is listed twice', 'access');
          kept.add(key);
          await writeEdge(tx, actor, resource, known.get(key), change);
        }
        if (replace) {
          for (const [key, edge] of known) if (!kept.has(key)) await dropEdge(tx, resource, edge);
        }
        return resource;
      });
    },

    revoke: async (actor, resourceId, principals, origin) => {
      authorize(actor, 'access:write');
      return store.write(contextOf(actor, origin), async (tx) => {
        const resource = await requireRow(tx, 'resource', actor.org, resourceId);
        const wanted = new Set(principals.map(keyOf));
        for (const edge of await findEdges(tx, actor.org, { resource: resourceId })) {
          if (wanted.has(keyOf({ kind: edge.principalKind, id: edge.principal }))) {
            await dropEdge(tx, resource, edge);
          }
        }
        return resource;
      });
    },

    setResources: async (tx, actor, principal, { added, removed }) => {
      const { org } = actor;
      for (const resource of await requireRows(tx, 'resource', org, added)) {
        await writeEdge(tx, actor, resource, undefined, { principal });
      }
      const edges = await tx.find('accessEdge', org, {
        principalKind: principal.kind,
        principal: principal.id,
        resource: removed,
      });
      for (const edge of edges)
        await dropEdge(tx, await requireRow(tx, 'resource', org, edge.resource), edge);
    },
  };
}

async function requirePrincipals(tx: Tx, org: number, principals: readonly Principal[]): Promise<void> {
  const ids = (kind: PrincipalKind) => principals.filter((one) => one.kind === kind).map(({ id }) => id);
  await requireRows(tx, 'group', org, ids('group'));
  await requireRows(tx, 'serviceAccount', org, ids('service_account'));
}

async function termsAfter(tx: Tx, org: number, present: EdgeTerms, change: EdgeChange): Promise<EdgeTerms> {
  const { principal, securityPolicy, expiresAt, terms, withoutTerms } = change;
  if (principal.kind === 'service_account') {
    const refused = (name: string) => invalid(`${name} cannot be set for a ServiceAccount`, name);
    if (securityPolicy != null) throw refused('securityPolicyId');
    if (expiresAt != null) throw refused('expiresAt');
    if (typeof terms?.autolockDays === 'number') throw refused('usageBasedAutolockDurationDays');
  }
  if (expiresAt != null && expiresAt <= tx.now)
    throw invalid('expiresAt must lie in the future', 'expiresAt');
  if (securityPolicy != null) await requireRow(tx, 'securityPolicy', org, securityPolicy);
  const before = withoutTerms === true ? { ...present, accessMode: null, accessSeconds: null } : present;
  return {
    securityPolicy: securityPolicy === undefined ? present.securityPolicy : securityPolicy,
    expiresAt: expiresAt === undefined ? present.expiresAt : expiresAt,
    ...changeTerms(before, terms ?? {}),
  };
}

async function writeEdge(
  tx: Tx,
  actor: Actor,
  resource: Resource,
  present: AccessEdge | undefined,
  change: EdgeChange,
): Promise<void> {
  const { org } = actor;
  const terms = await termsAfter(tx, org, present ?? PLAIN_TERMS, change);
  if (resource.bypass && terms.securityPolicy !== null) {
    throw invalid('Bypass Resources cannot have a security policy', 'securityPolicyId');
  }
  if (present === undefined) {
    const { kind: principalKind, id: principal } = change.principal;
    const edge = await insertEdge(tx, actor, { resource: resource.id, principalKind, principal, ...terms });
    audit(tx, resource, edge, 'create', { after: terms });
    return;
  }
  const after = await tx.update('accessEdge', org, present.id, terms);
  if (!isSameRow(present, after)) audit(tx, resource, present, 'update', { after: terms });
}

async function dropEdge(tx: Tx, resource: Resource, edge: AccessEdge): Promise<void> {
  await removeEdge(tx, edge);
  audit(tx, resource, edge, 'delete');
}

function audit(
  tx: Tx,
  resource: Resource,
  edge: AccessEdge,
  verb: 'create' | 'update' | 'delete',
  change: { readonly after?: unknown } = {},
): void {
  tx.audit(edge.org, {
    verb,
    objectKind: 'accessEdge',
    objectId: edge.id,
    objectName: resource.name,
    network: resource.network,
    before: { principalKind: edge.principalKind, principal: edge.principal },
    ...change,
  });
}
