import { intersects, isZero } from './bits.ts';
import type { Profile } from './profile.ts';

/**
 * Whether devices of these two profiles see each other: some rule lets one reach the other. Visibility is symmetric,
 * for a device must know whom it answers.
 */
export function visible(a: Profile, b: Profile): boolean {
  if (!a.active || !b.active || a.clients || b.clients) return false;
  if (intersects(a.net.src, b.net.dst) || intersects(b.net.src, a.net.dst)) return true;
  return a.selfUser !== undefined && a.selfUser === b.selfUser && !(isZero(a.self) && isZero(b.self));
}
