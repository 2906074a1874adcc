/** Whether a device looks different to others than before a change. */
import { type Bits, differInto, equalBits, hasBit, slotsOf } from './bits.ts';
import type { Core, Delta } from './core.ts';
import type { DeviceState } from './device-state.ts';
import type { Profile } from './profile.ts';
import { homeOf } from './regions.ts';
import { reachesAcross, visible } from './visibility.ts';

export interface LooksInput {
  readonly core: Core;
  /** Prefixes whose carriers or primaries may be different. */
  readonly routes: ReadonlySet<string>;
  /** What viewers get of a peer's routes, as one comparable text. */
  routesSeen(viewer: DeviceState, peer: DeviceState): string;
  /** The same for the time before the change. */
  routesSeenBefore(viewer: DeviceState, peer: DeviceState): string;
}

export const sameCaps = (a: Profile, b: Profile): boolean =>
  a.caps === b.caps || JSON.stringify(a.caps) === JSON.stringify(b.caps);

/** More rules than this are compared as whole sets. */
const FEW = 64;

/** To which profiles, of those whose own standing is the same, the device of a delta looks different. */
export function looksTo(input: LooksInput, delta: Delta): (profile: Profile) => boolean {
  const { before, after } = delta;
  const moved = before && after && isSteady(input, before, after) ? movedRules(before, after) : undefined;
  if (moved === undefined) return (profile) => looksDifferent(input, delta, profile);
  // It only takes part in other rules: whoever is at the other end of none of these sees what it saw.
  return (profile) => {
    const { src, dst } = profile.net;
    const concerned =
      moved.src.some((slot) => hasBit(dst, slot)) || moved.dst.some((slot) => hasBit(src, slot));
    return concerned && looksDifferent(input, delta, profile);
  };
}

/** Whether nothing about the device is different but the rules in which it takes part. */
function isSteady({ routes }: LooksInput, before: DeviceState, after: DeviceState): boolean {
  const [was, is] = [before.profile, after.profile];
  return (
    before.addressKey === after.addressKey &&
    before.routeKey === after.routeKey &&
    before.exit === after.exit &&
    before.wild === after.wild &&
    before.tags.join() === after.tags.join() &&
    before.networks.join() === after.networks.join() &&
    before.input.online === after.input.online &&
    homeOf(before.input) === homeOf(after.input) &&
    was.regions.join() === is.regions.join() &&
    was.active === is.active &&
    was.clients === is.clients &&
    was.sharing === is.sharing &&
    was.selfUser === is.selfUser &&
    equalBits(was.self, is.self) &&
    sameCaps(was, is) &&
    (routes.size === 0 || !after.routes.some(({ text }) => routes.has(text)))
  );
}

/** The rules in which a device takes part otherwise than before, by side; undefined when they are many. */
function movedRules(
  before: DeviceState,
  after: DeviceState,
): { readonly src: readonly number[]; readonly dst: readonly number[] } | undefined {
  const slots = (was: Bits, is: Bits): number[] => {
    const moved = new Uint32Array(Math.max(was.length, is.length));
    differInto(moved, was, is);
    return [...slotsOf(moved)];
  };
  const src = slots(before.profile.net.src, after.profile.net.src);
  const dst = slots(before.profile.net.dst, after.profile.net.dst);
  return src.length + dst.length > FEW ? undefined : { src, dst };
}

function looksDifferent(input: LooksInput, { before, after }: Delta, profile: Profile): boolean {
  const was = before !== undefined && visible(profile, before.profile);
  const is = after !== undefined && visible(profile, after.profile);
  if (was !== is) return true;
  if (!was || before === undefined || after === undefined) return false;
  if (before.addressKey !== after.addressKey || before.exit !== after.exit) return true;
  // It may begin connections to the viewer, or only answer.
  if (reachesAcross(before.profile, profile) !== reachesAcross(after.profile, profile)) return true;
  if (before !== after && !sameCaps(before.profile, after.profile)) return true;
  if (before.routes.length + after.routes.length === 0) return false;
  // Who carries a prefix for a rule with `via` depends on all its carriers, and those before are not known any more.
  const carries =
    after.routes.some(({ text }) => input.routes.has(text)) ||
    before.routeKey !== after.routeKey ||
    before.tags.join() !== after.tags.join() ||
    before.input.online !== after.input.online ||
    homeOf(before.input) !== homeOf(after.input);
  if (carries && input.core.program().viaUnits.length > 0) return true;
  const [anyone] = profile.members;
  const viewer = anyone === undefined ? undefined : input.core.devices.get(anyone);
  if (viewer === undefined) return false;
  return input.routesSeenBefore(viewer, before) !== input.routesSeen(viewer, after);
}
