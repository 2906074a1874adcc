/**
 * Which device carries a prefix when several serve it. One carries it at a time; it keeps it while it is online, and also
 * when all are offline, so that nothing flaps.
 */
export interface RouteCandidate {
  readonly device: number;
  readonly online: boolean;
}

/** The carrier, or undefined when nobody serves the prefix. `current` is who carried it until now. */
export function electPrimary(
  candidates: readonly RouteCandidate[],
  current: number | undefined,
): number | undefined {
  const holder = candidates.find(({ device }) => device === current);
  if (holder?.online) return holder.device;
  const online = candidates.filter((candidate) => candidate.online).map(({ device }) => device);
  if (online.length > 0) return Math.min(...online);
  return (
    holder?.device ??
    (candidates.length === 0 ? undefined : Math.min(...candidates.map(({ device }) => device)))
  );
}
