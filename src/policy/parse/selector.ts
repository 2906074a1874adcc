import { parseAddrOrPrefix } from '../../kernel/netip/index.ts';
import type { Selector } from '../ast.ts';

const USERS_OF_DOMAIN = 'user:*@';

/** Old names of the language that still mean the same. */
const AUTOGROUP_ALIASES: ReadonlyMap<string, string> = new Map([['autogroup:members', 'autogroup:member']]);

export const ROLE_AUTOGROUPS = new Set([
  'autogroup:owner',
  'autogroup:admin',
  'autogroup:it-admin',
  'autogroup:network-admin',
  'autogroup:billing-admin',
  'autogroup:auditor',
]);

/** Autogroups that stand for people's devices. */
export const isPeopleAutogroup = (name: string): boolean =>
  name === 'autogroup:member' || ROLE_AUTOGROUPS.has(name);

/**
 * What a selector's text names. Every text is some selector: whether the thing exists, and may stand in this place, is
 * the validator's question. Surrounding blanks do not count, as on the real service.
 */
export function parseSelector(text: string): Selector {
  const trimmed = text.trim();
  if (trimmed === '*') return { kind: 'any' };
  if (trimmed.startsWith('group:')) return { kind: 'group', name: trimmed };
  if (trimmed.startsWith('tag:')) return { kind: 'tag', name: trimmed };
  if (trimmed.startsWith('autogroup:')) {
    return { kind: 'autogroup', name: AUTOGROUP_ALIASES.get(trimmed) ?? trimmed };
  }
  if (trimmed.startsWith('ipset:')) return { kind: 'ipset', name: trimmed };
  if (trimmed.startsWith('svc:')) return { kind: 'service', name: trimmed };
  if (trimmed.startsWith(USERS_OF_DOMAIN)) {
    return { kind: 'users-of-domain', domain: trimmed.slice(USERS_OF_DOMAIN.length) };
  }
  if (trimmed.includes('@')) return { kind: 'user', login: trimmed.toLowerCase() };
  const prefix = parseAddrOrPrefix(trimmed);
  return prefix === undefined ? { kind: 'host', name: trimmed } : { kind: 'prefix', prefix };
}
