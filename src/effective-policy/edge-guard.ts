/**
 * What is said of new accesses before they are made: those that the policy file's `deny` tests speak against, and those that
 * lead to a prefix which the same people reach in another network, too. Both are warnings in the audit log; the first is a
 * refusal where the organization has it so. An access counts as open, whatever its terms and conditions.
 *
 * It looks at the new edges alone: edges only add, and those before were looked at when they were made.
 */
import { EVERYONE } from '../domain/groups/group-reads.ts';
import type { AccessEdge, Resource } from '../domain/model/networks.ts';
import type { EdgeGuard } from '../domain/networks/guarded-edges.ts';
import { loginName } from '../domain/organizations/names.ts';
import { INSTALLATION, type Tx } from '../domain/ports/store.ts';
import { readSettings } from '../domain/settings/settings.ts';
import { AppError } from '../kernel/errors.ts';
import {
  type BrokenDenial,
  brokenDenials,
  createPolicyEngine,
  DEFAULT_SETTINGS,
  type Policy,
  type Change as PolicyChange,
  PolicyError,
  parsePolicy,
} from '../policy/index.ts';
import { resourcePolicy } from './network-inputs.ts';

const MANY = 100_000;
/** Parsed files kept; an organization has one. */
const MAX_CACHED = 200;
/** Warnings of one write. */
const MAX_WARNINGS = 20;

export function createEdgeGuard(): EdgeGuard {
  const parsed = new Map<number, { readonly version: number; readonly policy: Policy | undefined }>();

  /** The file in force if it denies anything; one that cannot be read says nothing. */
  const denyingPolicy = async (tx: Tx, org: number): Promise<Policy | undefined> => {
    const [row] = await tx.list('policyVersion', org, {
      orderBy: [{ column: 'version', descending: true }],
      limit: 1,
    });
    if (row === undefined) return undefined;
    const known = parsed.get(org);
    if (known?.version === row.version) return known.policy;
    const policy = readDenying(row.text);
    if (parsed.size >= MAX_CACHED) parsed.clear();
    parsed.set(org, { version: row.version, policy });
    return policy;
  };

  return async (tx, edges) => {
    const [first] = edges;
    if (first === undefined) return;
    const { org } = first;
    const ids = [...new Set(edges.map(({ resource }) => resource))];
    const resources = new Map(
      (await tx.find('resource', org, { id: ids }, MANY)).map((resource) => [resource.id, resource]),
    );
    const policy = await denyingPolicy(tx, org);
    if (policy !== undefined) {
      const broken = await denialsBrokenBy(tx, policy, edges, resources);
      if (broken.length > 0 && (await readSettings(tx, org)).edges_respect_deny_tests) {
        throw new AppError(
          'conflict',
          `the policy file's tests deny this access: ${broken.map(textOf).join('; ')}`,
        );
      }
      for (const denial of broken.slice(0, MAX_WARNINGS)) {
        const edge = edges.find(({ id }) => id === denial.edge);
        if (edge !== undefined)
          warn(tx, edge, resources, `the policy file's tests deny this: ${textOf(denial)}`);
      }
    }
    for (const edge of edges.slice(0, MAX_WARNINGS)) await warnOfRivals(tx, edge, resources);
  };
}

function readDenying(text: string): Policy | undefined {
  try {
    const policy = parsePolicy(text);
    return policy.tests.some(({ deny }) => deny.length > 0) ? policy : undefined;
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}

const textOf = ({ src, dst }: BrokenDenial): string => `${src} reaches ${dst}`;

function warn(tx: Tx, edge: AccessEdge, resources: ReadonlyMap<number, Resource>, warning: string): void {
  const resource = resources.get(edge.resource);
  tx.audit(edge.org, {
    verb: 'update',
    objectKind: 'accessEdge',
    objectId: edge.id,
    objectName: resource?.name ?? '',
    field: 'warning',
    after: warning,
    ...(resource === undefined ? {} : { network: resource.network }),
  });
}

/** The members whom a group's edge is for. */
async function membersOf(tx: Tx, org: number, group: number): Promise<number[]> {
  const row = await tx.get('group', org, group);
  if (row?.systemKey === EVERYONE)
    return (await tx.find('membership', org, {}, MANY))
      .filter((m) => m.joinedAt !== null)
      .map(({ id }) => id);
  return (await tx.find('groupMember', org, { group }, MANY)).map(({ membership }) => membership);
}

/** In a world of nothing but the new edges and those whom they are for. */
async function denialsBrokenBy(
  tx: Tx,
  policy: Policy,
  edges: readonly AccessEdge[],
  resources: ReadonlyMap<number, Resource>,
): Promise<BrokenDenial[]> {
  const [first] = edges;
  if (first === undefined) return [];
  const { org } = first;
  const organization = await tx.get('organization', INSTALLATION, org);
  const domains = [...new Set([organization?.tailnetName ?? '', ...(organization?.domains ?? [])])].filter(
    Boolean,
  );
  const groupIds = [
    ...new Set(edges.filter((e) => e.principalKind === 'group').map(({ principal }) => principal)),
  ];
  const groups = await tx.find('group', org, { id: groupIds }, MANY);
  const changes: PolicyChange[] = [];
  const people = new Set<number>();
  for (const { id, key, name } of groups) {
    const members = await membersOf(tx, org, id);
    for (const member of members) people.add(member);
    changes.push({ kind: 'group', group: { id, key, label: name, active: true, members } });
  }
  for (const member of await tx.find('membership', org, { id: [...people] }, MANY)) {
    const user = { id: member.id, login: loginName(member).toLowerCase(), role: member.role };
    changes.push({ kind: 'user', user });
  }
  const networks = [...new Set([...resources.values()].map(({ network }) => network))];
  for (const { id, slug, kind } of await tx.find('network', org, { id: networks }, MANY)) {
    changes.push({ kind: 'network', network: { id, slug, active: true, exit: kind === 'exit' } });
  }
  for (const resource of resources.values()) {
    if (!resource.bypass)
      changes.push({ kind: 'resource', resource: { ...resourcePolicy(resource), active: true } });
  }
  for (const { id, resource, principalKind, principal } of edges) {
    const kind = principalKind === 'group' ? 'group' : 'service-account';
    changes.push({ kind: 'edge', edge: { id, resource, principal: { kind, id: principal } } });
  }
  const engine = createPolicyEngine({ policy, settings: { ...DEFAULT_SETTINGS, domains } });
  engine.applyAll(changes);
  return brokenDenials(engine.core);
}

/** A client takes one way to a prefix: that of the network with the lower id. */
async function warnOfRivals(
  tx: Tx,
  edge: AccessEdge,
  resources: ReadonlyMap<number, Resource>,
): Promise<void> {
  const resource = resources.get(edge.resource);
  if (resource === undefined || resource.lowAddress === null) return;
  const { org, lowAddress, highAddress } = resource;
  const equal = await tx.find(
    'resource',
    org,
    { lowAddress, highAddress, active: true, bypass: false },
    MANY,
  );
  const others = equal.filter(({ network }) => network !== resource.network);
  if (others.length === 0) return;
  const byId = new Map(others.map((other) => [other.id, other]));
  const rivals = await tx.find('accessEdge', org, { resource: [...byId.keys()] }, MANY);
  const own = edge.principalKind === 'group' ? new Set(await membersOf(tx, org, edge.principal)) : undefined;
  for (const rival of rivals) {
    const other = byId.get(rival.resource);
    if (other === undefined || rival.principalKind !== edge.principalKind) continue;
    const shared =
      rival.principal === edge.principal ||
      (own !== undefined && (await membersOf(tx, org, rival.principal)).some((member) => own.has(member)));
    if (!shared) continue;
    const leads = other.network < resource.network ? other : resource;
    const text = `${resource.addressText} is also open to the same in another network, as ${other.name}: their packets go to ${leads.name}`;
    return warn(tx, edge, resources, text);
  }
}
