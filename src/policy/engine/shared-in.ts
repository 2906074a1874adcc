/**
 * Devices that others share with people here. What such a device lets in, its own organization decides: no filter of this one
 * stands between. The rules here decide who sees it, and so reaches its addresses over whatever ports it opens, and who may
 * choose it as an exit node.
 */
import type { DstSpec, UnitSpec } from '../compile/unit.ts';
import { hasBit } from './bits.ts';
import type { Profile } from './profile.ts';
import { reachesAcross } from './visibility.ts';

const OUT: ReadonlySet<DstSpec['kind']> = new Set(['any', 'internet']);

/** Whether a rule leads to the internet behind such a device, where it is shared as an exit node. */
export const leadsOut = ({ reach, targets, grants }: UnitSpec): boolean =>
  reach.kind === 'anywhere' &&
  [...targets, ...grants].some(({ dst }) => dst.some(({ kind }) => OUT.has(kind)));

/** Whether a device is shared with whom another one belongs to. */
const isSharedWith = (target: Profile, source: Profile): boolean =>
  source.recipient !== undefined && target.audience?.has(source.recipient) === true;

/**
 * Whether a device here sees one that is shared in. Where two people share with each other, a rule that lets the other reach
 * in shows it as well, and what is seen can be reached.
 */
export const seesSharedIn = (source: Profile, target: Profile): boolean =>
  isSharedWith(target, source) && (reachesAcross(source, target) || reachesAcross(target, source));

/** Whether this rule is one by which it sees it. */
export const showsSharedIn = (slot: number, source: Profile, target: Profile): boolean =>
  (hasBit(source.net.src, slot) && hasBit(target.net.dst, slot)) ||
  (isSharedWith(source, target) && hasBit(target.net.src, slot) && hasBit(source.net.dst, slot));
