/** The routes that an administrator enables on a device. */
import { AppError, invalid } from '../../kernel/errors.ts';
import { comparePrefix, formatPrefix, masked, type Prefix, parsePrefix } from '../../kernel/netip/index.ts';
import { isAmongDevices } from '../model/device-blocks.ts';
import { splitRoutes } from '../networks/managed-routes.ts';
import type { ManagedRoutes } from '../ports/queries.ts';
import { EXIT_PREFIXES, isExitPrefix } from './routes.ts';

const MAX_ROUTES = 1_000;

/** Advertised and enabled prefixes, each in order of their addresses. */
export interface DeviceRoutes {
  readonly advertised: readonly string[];
  readonly enabled: readonly string[];
  /** What the device carries for networks that it serves; undefined where it serves none. */
  readonly managed?: readonly string[];
}

const parsed = (text: string): Prefix => {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw invalid(`routes: "${text}" is not a prefix such as 10.0.0.0/16`, 'routes');
  if (formatPrefix(masked(prefix)) !== formatPrefix(prefix)) {
    throw invalid(
      `routes: "${text}" has address bits beyond its length; use ${formatPrefix(masked(prefix))}`,
      'routes',
    );
  }
  if (isAmongDevices(prefix)) {
    throw invalid(`routes: "${text}" lies where devices have their own addresses`, 'routes');
  }
  return prefix;
};

/** Checked and canonical. The two prefixes of an exit node come together: one alone would leak the other family. */
export function checkRoutes(texts: readonly string[]): ReadonlySet<string> {
  if (texts.length > MAX_ROUTES) {
    throw new AppError('too_large', `at most ${MAX_ROUTES} routes are allowed`, { field: 'routes' });
  }
  const routes = new Set(texts.map((text) => formatPrefix(parsed(text))));
  if ([...routes].some(isExitPrefix)) for (const prefix of EXIT_PREFIXES) routes.add(prefix);
  return routes;
}

function sortPrefixes(texts: readonly string[]): readonly string[] {
  if (texts.length < 2) return texts;
  const prefixes = texts.map((text) => ({ text, prefix: parsePrefix(text) }));
  return prefixes
    .toSorted((a, b) =>
      a.prefix === undefined || b.prefix === undefined ? 0 : comparePrefix(a.prefix, b.prefix),
    )
    .map(({ text }) => text);
}

interface ServedRoutes {
  readonly routes: ManagedRoutes;
  /** Whether the device is approved, and not blocked. */
  readonly inForce: boolean;
}

/** `enabled` also holds what is enabled beforehand and not advertised yet. */
export function routesOf(
  rows: readonly { readonly prefix: string; readonly advertised: boolean; readonly enabled: boolean }[],
  served?: ServedRoutes,
): DeviceRoutes {
  const advertised = rows.filter((row) => row.advertised).map(({ prefix }) => prefix);
  const enabled = sortPrefixes(rows.filter((row) => row.enabled).map(({ prefix }) => prefix));
  if (served === undefined) return { advertised: sortPrefixes(advertised), enabled };
  const split = splitRoutes(served.routes, advertised, served.inForce);
  return { advertised: sortPrefixes(split.advertised), enabled, managed: sortPrefixes(split.managed) };
}
