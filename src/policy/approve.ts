/** Who may approve routes and use tags: pure questions about a policy, asked by the domain services. */
import {
  EMPTY_SET,
  formatPrefix,
  isDefaultRoute,
  parseAddr,
  parseAddrOrPrefix,
  prefixCovers,
  setContains,
} from '../kernel/netip/index.ts';
import type { Policy, Selector } from './ast.ts';
import { literalSet } from './compile/selectors.ts';
import { ROLE_AUTOGROUPS } from './parse/selector.ts';
import type { Role } from './world.ts';

/** A person or a tagged device, as tagOwners and autoApprovers see it. */
export interface Actor {
  /** The login of a person, or of a device's owner where the device is not tagged. */
  readonly login?: string;
  readonly role?: Role;
  readonly tags?: readonly string[];
  /** Addresses, for approvers given as hosts. */
  readonly addresses?: readonly string[];
  /** Directory groups by the names that a policy uses, `group:name@domain`. */
  readonly directoryGroups?: readonly string[];
}

function matches(policy: Policy, selector: Selector, actor: Actor): boolean {
  const tagged = (actor.tags?.length ?? 0) > 0;
  const login = tagged ? undefined : actor.login?.toLowerCase();
  switch (selector.kind) {
    case 'any':
      return true;
    case 'user':
      return login === selector.login;
    case 'users-of-domain':
      return login?.endsWith(`@${selector.domain.toLowerCase()}`) ?? false;
    case 'group': {
      const members = policy.groups.get(selector.name)?.members;
      if (members !== undefined) return login !== undefined && members.includes(login);
      return actor.directoryGroups?.includes(selector.name) ?? false;
    }
    case 'tag':
      return actor.tags?.includes(selector.name) ?? false;
    case 'autogroup':
      return matchesAutogroup(selector.name, actor, tagged);
    default: {
      const set = literalSet({ policy, service: () => EMPTY_SET }, selector);
      const addresses = (actor.addresses ?? []).map(parseAddr).filter((addr) => addr !== undefined);
      return set !== undefined && addresses.some((addr) => setContains(set, addr));
    }
  }
}

function matchesAutogroup(name: string, actor: Actor, tagged: boolean): boolean {
  if (name === 'autogroup:tagged') return tagged;
  if (tagged || actor.login === undefined) return false;
  if (name === 'autogroup:member') return true;
  if (!ROLE_AUTOGROUPS.has(name) || actor.role === undefined) return false;
  return name === `autogroup:${actor.role}` || (name === 'autogroup:admin' && actor.role === 'owner');
}

/**
 * The prefixes of `advertised` that autoApprovers enable on a device. A route needs an approver of a prefix that equals
 * or holds it; the default routes need an exit node approver, whatever `routes` says.
 */
export function autoApproved(policy: Policy, device: Actor, advertised: readonly string[]): string[] {
  const { routes, exitNode } = policy.autoApprovers;
  return advertised.filter((text) => {
    const prefix = parseAddrOrPrefix(text);
    if (prefix === undefined) return false;
    if (isDefaultRoute(prefix)) return exitNode.some((approver) => matches(policy, approver, device));
    return routes.some(
      (entry) =>
        prefixCovers(entry.prefix, prefix) &&
        entry.approvers.some((approver) => matches(policy, approver, device)),
    );
  });
}

/** Whether autoApprovers let a device host a service, by the service's name or one of its tags. */
export function autoApprovedService(
  policy: Policy,
  device: Actor,
  service: string,
  tags: readonly string[],
): boolean {
  return [service, ...tags].some((name) =>
    policy.autoApprovers.services.get(name)?.some((approver) => matches(policy, approver, device)),
  );
}

/** The prefixes that a new device gets its IPv4 address from: of the first node attribute with a pool that means it. */
export function addressPools(policy: Policy, device: Actor): string[] {
  const found = policy.nodeAttrs.find(
    ({ ipPool, target }) => ipPool.length > 0 && target.some((selector) => matches(policy, selector, device)),
  );
  return found?.ipPool.map(formatPrefix) ?? [];
}

/** Roles that may assign every tag, whoever owns it. */
const ASSIGN_ALL: ReadonlySet<Role> = new Set<Role>(['owner', 'admin', 'network-admin']);

/**
 * The tags of `tags` that an actor may not put on a device; empty when all are permitted. A tag may own tags, so owning
 * one can mean owning others; circles are allowed and mean nothing more.
 */
export function forbiddenTags(policy: Policy, actor: Actor, tags: readonly string[]): string[] {
  return tags.filter((tag) => !ownsTag(policy, actor, tag));
}

function ownsTag(policy: Policy, actor: Actor, tag: string): boolean {
  if (!policy.tagOwners.has(tag)) return false;
  if (actor.role !== undefined && ASSIGN_ALL.has(actor.role) && (actor.tags?.length ?? 0) === 0) return true;
  const seen = new Set([tag]);
  // A set takes what is added while it is walked.
  for (const name of seen) {
    for (const owner of policy.tagOwners.get(name)?.owners ?? []) {
      if (matches(policy, owner, actor)) return true;
      if (owner.kind === 'tag') seen.add(owner.name);
    }
  }
  return false;
}
