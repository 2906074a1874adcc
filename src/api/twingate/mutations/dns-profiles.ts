import type { DnsFilterChange } from '../../../domain/dns/dns-filter-service.ts';
import type { FilterCategories } from '../../../domain/model/configuration.ts';
import type { Args } from '../context.ts';
import type { RootField } from '../queries.ts';
import { SWITCHES } from '../types/dns-profile.ts';
import { defined, flagOf, idOf, idsOf, inputOf, numberOf, ORIGIN, textOf, textsOf } from './arguments.ts';
import { inWords } from './errors.ts';

const TAKEN = 'A DNS Filtering Profile with this name already exists.';

const CATEGORIES = ['privacy', 'security', 'content'] as const satisfies readonly (keyof FilterCategories)[];

/** The switches that are given; one that is null or absent says nothing. */
function categoriesOf(args: Args): FilterCategories {
  return Object.fromEntries(
    CATEGORIES.flatMap((category) => {
      const input = inputOf(args[`${category}CategoryConfig`]);
      if (input === undefined) return [];
      const switches = SWITCHES[category].map((name) => [name, flagOf(input, name)] as const);
      return [[category, defined(Object.fromEntries(switches))] as const];
    }),
  );
}

const changeOf = (args: Args): DnsFilterChange =>
  defined({
    name: textOf(args, 'name'),
    priority: numberOf(args, 'priority'),
    fallback: ({ AUTO: 'auto', STRICT: 'strict' } as const)[textOf(args, 'fallbackMethod') ?? ''],
    lists: defined({
      allowed: textsOf(args, 'allowedDomains'),
      denied: textsOf(args, 'deniedDomains'),
    }),
    categories: categoriesOf(args),
    groups: idsOf(args, 'groups', 'Group'),
  });

/** The older API, which knows one profile. */
const setList = (list: 'allowed' | 'denied'): RootField => ({
  requires: 'dns:write',
  resolve: async (args, { actor, services }) => {
    const change = { lists: { [list]: textsOf(args, 'domains') ?? [] } };
    await services.dnsFilters.updateDefault(actor, change, ORIGIN);
    return {};
  },
});

export const dnsProfileMutations: Readonly<Record<string, RootField>> = {
  dnsFilteringProfileCreate: {
    requires: 'dns:write',
    resolve: async (args, { actor, services }) => ({
      entity: await inWords(
        { taken: TAKEN },
        services.dnsFilters.create(actor, textOf(args, 'name') ?? '', ORIGIN),
      ),
    }),
  },
  dnsFilteringProfileUpdate: {
    requires: 'dns:write',
    resolve: async (args, { actor, services }) => ({
      entity: await inWords(
        { taken: TAKEN },
        services.dnsFilters.update(actor, idOf(args, 'id', 'DnsFilteringProfile'), changeOf(args), ORIGIN),
      ),
    }),
  },
  dnsFilteringProfileDelete: {
    requires: 'dns:write',
    resolve: async (args, { actor, services }) => {
      await services.dnsFilters.remove(actor, idOf(args, 'id', 'DnsFilteringProfile'), ORIGIN);
      return {};
    },
  },
  dnsFilteringAllowedDomainsSet: setList('allowed'),
  dnsFilteringDeniedDomainsSet: setList('denied'),
};
