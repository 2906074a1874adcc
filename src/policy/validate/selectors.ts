import { formatAddr, formatPrefix, isSingleAddr } from '../../kernel/netip/index.ts';
import type { Policy, Selector } from '../ast.ts';
import { isPeopleAutogroup, ROLE_AUTOGROUPS } from '../parse/selector.ts';
import type { ValidationContext } from './context.ts';

/** Tags that the system computes: files may name them, nobody may own or set them. */
export const RESERVED_TAG_PREFIX = 'tag:hf-';

/** A selector as the policy would spell it. */
export function selectorText(selector: Selector): string {
  switch (selector.kind) {
    case 'any':
      return '*';
    case 'user':
      return selector.login;
    case 'users-of-domain':
      return `user:*@${selector.domain}`;
    case 'prefix':
      return isSingleAddr(selector.prefix) ? formatAddr(selector.prefix.addr) : formatPrefix(selector.prefix);
    default:
      return selector.name;
  }
}

export const SRC_AUTOGROUPS: ReadonlySet<string> = new Set([
  'autogroup:member',
  'autogroup:tagged',
  'autogroup:shared',
  'autogroup:danger-all',
  ...ROLE_AUTOGROUPS,
]);
export const DST_AUTOGROUPS: ReadonlySet<string> = new Set([
  'autogroup:member',
  'autogroup:tagged',
  'autogroup:internet',
  'autogroup:self',
  ...ROLE_AUTOGROUPS,
]);
const AUTOGROUPS = new Set([...SRC_AUTOGROUPS, ...DST_AUTOGROUPS, 'autogroup:nonroot']);

const quote = (text: string): string => JSON.stringify(text);

export const tagExists = (policy: Policy, tag: string): boolean =>
  policy.tagOwners.has(tag) || tag.startsWith(RESERVED_TAG_PREFIX);

/** What is wrong with the thing a selector names, wherever it stands; undefined when it exists. */
export function unknownName(
  policy: Policy,
  context: ValidationContext,
  selector: Selector,
): string | undefined {
  switch (selector.kind) {
    case 'tag':
      return tagExists(policy, selector.name) ? undefined : `tag not found: ${quote(selector.name)}`;
    case 'group':
      return unknownGroup(policy, context, selector.name);
    case 'host':
      return policy.hosts.has(selector.name) ? undefined : `${quote(selector.name)}: invalid address`;
    case 'ipset':
      return policy.ipsets.has(selector.name) ? undefined : `ipset not found: ${quote(selector.name)}`;
    case 'autogroup':
      return AUTOGROUPS.has(selector.name) ? undefined : `autogroup not found: ${quote(selector.name)}`;
    case 'users-of-domain':
      return unknownDomain(context, selector.domain);
    default:
      return undefined;
  }
}

/** A group of the file, or one of the directory by `group:name@domain`. */
function unknownGroup(policy: Policy, context: ValidationContext, name: string): string | undefined {
  if (policy.groups.has(name)) return undefined;
  if (name.includes('@')) {
    const candidates = context.directoryGroups(name);
    if (candidates.length === 1) return undefined;
    if (candidates.length > 1) {
      const names = candidates.map((group) => group.label).join(', ');
      return `group ${quote(name)} is ambiguous: several directory groups have this name: ${names}`;
    }
  }
  return `group not found: ${quote(name)}`;
}

export function unknownDomain(context: ValidationContext, domain: string): string | undefined {
  if (context.domains.size === 0 || context.domains.has(domain)) return undefined;
  return `${domain} is not associated with this Tailnet and cannot be used in user:*@<domain> expressions`;
}

/** Whether a selector stands for people, as the sources of autogroup:self must. */
export const namesPeople = (selector: Selector): boolean =>
  selector.kind === 'user' ||
  selector.kind === 'group' ||
  selector.kind === 'users-of-domain' ||
  (selector.kind === 'autogroup' && isPeopleAutogroup(selector.name));

export const isAutogroup = (selector: Selector, name: string): boolean =>
  selector.kind === 'autogroup' && selector.name === name;
