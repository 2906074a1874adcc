/**
 * What the devices of gateways have resolved. A client says by itself only which addresses it advertises, not for which name
 * (client source, feature/appconnectors).
 */
import { z } from 'zod';
import type { NameReports } from '../../domain/networks/name-reports.ts';
import { connectorDomain } from '../../domain/networks/resource-names.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { servingDevices } from '../../effective-policy/network-serving.ts';
import { type Clock, SECOND } from '../../kernel/clock.ts';
import type { ClientQuestion } from './client-facts.ts';
import { readAnswer } from './raw-http.ts';

/**
 * An address inside of a range that a client advertises anyway is no new route, so that it finds one without a word: where a
 * network has names and ranges, its devices are asked this often.
 */
export const UNTOLD_NAMES_MS = 3 * SECOND;

const CALL = { method: 'GET', path: '/appconnector/routes' } as const;

const answer = z.object({ Domains: z.record(z.string(), z.array(z.string()).nullable()).nullish() });

export function resolvedNamesQuestion({
  reports,
  clock,
}: {
  readonly reports: NameReports;
  readonly clock: Clock;
}): ClientQuestion {
  return {
    concerns: new Set(['resource', 'gateway', 'network']),
    changesSilently: () => 'gateways',
    version: (snapshot, { device, routes }) => {
      const networks = new Set(
        snapshot
          .gatewaysOf(device.id)
          .filter(({ network }) => servingDevices(snapshot, network).includes(device.id))
          .map(({ network }) => network),
      );
      const { domains, ranges } = servedOf(snapshot, networks);
      const advertised = [...routes.values()].filter((route) => route.advertised).map(({ prefix }) => prefix);
      if (domains.length === 0) return snapshot.resolvedBy(device.id).length > 0 ? 'none' : undefined;
      const moment = ranges ? Math.floor(clock.now() / UNTOLD_NAMES_MS) : 0;
      return JSON.stringify([domains.sort(), advertised.sort(), moment]);
    },
    take: async ({ device }, ask) => {
      const { Domains } = readAnswer(answer, await ask(CALL));
      await reports.report(device, Domains ?? {});
    },
  };
}

/** What networks have devices resolve, and whether they have addresses among their resources too. */
function servedOf(
  snapshot: Snapshot,
  networks: ReadonlySet<number>,
): { readonly domains: string[]; readonly ranges: boolean } {
  const domains: string[] = [];
  let ranges = false;
  if (networks.size === 0) return { domains, ranges };
  for (const resource of snapshot.table('resource').values()) {
    if (!networks.has(resource.network) || !resource.active) continue;
    const domain = connectorDomain(resource);
    if (domain !== undefined) domains.push(domain);
    else ranges = true;
  }
  return { domains, ranges };
}
