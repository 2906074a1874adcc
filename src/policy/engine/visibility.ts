import { intersects, isZero } from './bits.ts';
import type { Profile } from './profile.ts';

/**
 * Whether devices of these two profiles see each other: some rule lets one reach the other. Visibility is symmetric,
 * for a device must know whom it answers.
 */
export function visible(a: Profile, b: Profile): boolean {
  if (!a.active || !b.active || a.clients || b.clients) return false;
  if (a.external !== undefined || b.external !== undefined) return reachesAcross(a, b) || reachesAcross(b, a);
  if (intersects(a.net.src, b.net.dst) || intersects(b.net.src, a.net.dst)) return true;
  return a.selfUser !== undefined && a.selfUser === b.selfUser && !(isZero(a.self) && isZero(b.self));
}

/** Whether a rule leads from one to the other of two devices of different organizations, and the other is shared with it. */
export const reachesAcross = (from: Profile, to: Profile): boolean =>
  (from.external === undefined) !== (to.external === undefined) &&
  from.recipient !== undefined &&
  to.audience?.has(from.recipient) === true &&
  intersects(from.net.src, to.net.dst);
