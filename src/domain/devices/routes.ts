/** What a device advertises, against what is stored of it. */
import { parsePrefix } from '../../kernel/netip/index.ts';
import { isAmongDevices } from '../model/device-blocks.ts';
import type { Route } from '../model/devices.ts';
import type { Tx } from '../ports/store.ts';

export const EXIT_PREFIXES: readonly string[] = ['0.0.0.0/0', '::/0'];
export const isExitPrefix = (prefix: string): boolean => EXIT_PREFIXES.includes(prefix);

/** Whether a membership (by id) is suspended. */
export type IsSuspended = (membership: number) => boolean;

const leadsToDevices = (text: string): boolean => {
  const prefix = parsePrefix(text);
  return prefix !== undefined && isAmongDevices(prefix);
};

/**
 * Whether somebody, or the policy, enabled a route. What a person enabled rests while that person is suspended (the service
 * that devices are administered through has it so).
 */
export const isEnabled = (
  route: Pick<Route, 'prefix' | 'manualAt' | 'manualBy' | 'auto'>,
  isSuspended: IsSuspended,
): boolean =>
  (route.auto || (route.manualAt !== null && !isSuspended(route.manualBy))) && !leadsToDevices(route.prefix);

/** A route carries traffic when the device offers it and it is enabled. */
export const isEffective = (
  route: Pick<Route, 'prefix' | 'advertised' | 'manualAt' | 'manualBy' | 'auto'>,
  isSuspended: IsSuspended,
): boolean => route.advertised && isEnabled(route, isSuspended);

/** Which of a device's prefixes the policy approves by itself. */
export type AutoApprove = (prefixes: readonly string[]) => ReadonlySet<string>;

/**
 * Brings the stored routes in line with the advertised prefixes. What was enabled stays enabled, also while it is not
 * advertised; a new prefix may be approved by the policy. Returns whether anything changed.
 */
export async function syncAdvertised(
  tx: Tx,
  org: number,
  device: number,
  advertised: readonly string[],
  autoApprove: AutoApprove,
): Promise<boolean> {
  const known = new Map((await tx.find('route', org, { device })).map((route) => [route.prefix, route]));
  const wanted = new Set(advertised);
  const fresh = [...wanted].filter((prefix) => known.get(prefix)?.advertised !== true);
  const approved = fresh.length === 0 ? new Set<string>() : autoApprove(fresh);
  let changed = false;
  for (const prefix of fresh) {
    const before = known.get(prefix);
    await tx.put('route', {
      org,
      device,
      prefix,
      advertised: true,
      manualAt: before?.manualAt ?? null,
      manualBy: before?.manualBy ?? 0,
      auto: (before?.auto ?? false) || (approved.has(prefix) && !leadsToDevices(prefix)),
    });
    changed = true;
  }
  for (const [prefix, route] of known) {
    if (wanted.has(prefix) || !route.advertised) continue;
    if (route.manualAt === null && !route.auto) await tx.remove('route', org, { device, prefix });
    else await tx.put('route', { ...route, advertised: false });
    changed = true;
  }
  return changed;
}
