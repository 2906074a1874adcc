import type { Core } from '../engine/core.ts';
import type { ValidationContext } from '../validate/context.ts';

/** A group's label as people would write it in a policy. */
const slugOf = (label: string): string => label.normalize('NFC').trim().toLowerCase().replace(/\s+/g, '-');

/**
 * The names that the organization of an engine knows. `group:name@domain` means the group with that key; it is refused
 * while other groups go by the same name, for nobody could tell which one is meant.
 */
export function contextOf(core: Core): ValidationContext {
  const { users, groups, settings } = core.world;
  const logins = new Set([...users.values()].map((user) => user.login));
  return {
    domains: new Set(settings.domains),
    hasUser: (login) => logins.has(login),
    directoryGroups(name) {
      const at = name.lastIndexOf('@');
      const key = name.slice('group:'.length, at);
      if (!settings.domains.includes(name.slice(at + 1))) return [];
      const named = [...groups.values()].filter((group) => group.key === key || slugOf(group.label) === key);
      return named.some((group) => group.key === key) ? named : [];
    },
  };
}
