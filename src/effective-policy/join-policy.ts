/**
 * What the policy file says of devices that join, offer routes or tell of themselves: whose tags they may carry, which routes
 * need no approval, which attributes they may set.
 */
import type { JoinPolicy } from '../domain/devices/join-types.ts';
import type { AttributeRules } from '../domain/devices/own-attributes.ts';
import { loginName } from '../domain/organizations/names.ts';
import type { TagOwnership } from '../domain/policy-file/tag-rules.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import {
  type Actor,
  addressPools,
  autoApproved,
  autoApprovedService,
  forbiddenTags,
  type Policy,
  parsePolicy,
} from '../policy/index.ts';

/** Parsed files kept; an organization has one. */
const MAX_CACHED = 200;

export function createJoinPolicy({
  store,
}: {
  readonly store: Store;
}): JoinPolicy & TagOwnership & AttributeRules {
  const parsed = new Map<number, { readonly version: number; readonly policy: Policy }>();

  const currentPolicy = async (org: number): Promise<Policy | undefined> => {
    const [row] = await store.list('policyVersion', org, {
      orderBy: [{ column: 'version', descending: true }],
      limit: 1,
    });
    if (row === undefined) return undefined;
    const known = parsed.get(org);
    if (known?.version === row.version) return known.policy;
    const policy = parsePolicy(row.text);
    if (parsed.size >= MAX_CACHED) parsed.clear();
    parsed.set(org, { version: row.version, policy });
    return policy;
  };

  /** The groups of the directory that a member is in, as the file names them. */
  const directoryGroups = async (org: number, membership: number): Promise<string[]> => {
    const memberOf = await store.find('groupMember', org, { membership });
    if (memberOf.length === 0) return [];
    const organization = await store.get('organization', INSTALLATION, org);
    const domains = new Set([organization?.tailnetName ?? '', ...(organization?.domains ?? [])]);
    const groups = await store.find('group', org, { id: memberOf.map(({ group }) => group), active: true });
    return groups.flatMap(({ key }) =>
      [...domains].filter(Boolean).map((domain) => `group:${key}@${domain}`),
    );
  };

  const personOf = async (org: number, membership: number | null): Promise<Actor> => {
    const member = membership === null ? undefined : await store.get('membership', org, membership);
    if (member === undefined) return {};
    return {
      login: loginName(member).toLowerCase(),
      role: member.role,
      directoryGroups: await directoryGroups(org, member.id),
    };
  };

  const forbidden: TagOwnership['forbiddenTags'] = async (org, user, tags) => {
    const policy = await currentPolicy(org);
    if (policy === undefined) return tags;
    return forbiddenTags(policy, { ...(await personOf(org, user.membership)), tags: user.tags }, tags);
  };

  return {
    mayRequestTags: async (org, membership, tags) =>
      (await forbidden(org, { membership, tags: [] }, tags)).length === 0,
    forbiddenTags: forbidden,
    unknownTags: async (org, tags) => {
      const policy = await currentPolicy(org);
      return tags.filter((tag) => policy?.tagOwners.has(tag) !== true);
    },
    autoApproved: async (org, device, prefixes) => {
      if (prefixes.length === 0) return new Set();
      const policy = await currentPolicy(org);
      if (policy === undefined) return new Set();
      const actor = { ...(await personOf(org, device.membership)), tags: device.tags };
      return new Set(autoApproved(policy, actor, prefixes));
    },
    addressPools: async (org, device) => {
      const policy = await currentPolicy(org);
      if (policy === undefined || policy.nodeAttrs.every(({ ipPool }) => ipPool.length === 0)) return [];
      return addressPools(policy, { ...(await personOf(org, device.membership)), tags: device.tags });
    },
    settableByDevices: async (org) => {
      const policy = await currentPolicy(org);
      return new Map(
        [...(policy?.attrConfig ?? [])].flatMap(([name, { type, allowSetByNode }]) =>
          allowSetByNode ? [[name, type === 'bool' ? 'boolean' : type] as const] : [],
        ),
      );
    },
    autoApprovedServices: async (org, device, services) => {
      if (services.length === 0) return new Set();
      const policy = await currentPolicy(org);
      if (policy === undefined) return new Set();
      const actor = { ...(await personOf(org, device.membership)), tags: device.tags };
      const approved = services.filter(({ name, tags }) => autoApprovedService(policy, actor, name, tags));
      return new Set(approved.map(({ name }) => name));
    },
  };
}
