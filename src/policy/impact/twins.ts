import { type Bits, differInto, equalBits, intersects, isZero, orInto } from '../engine/bits.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';

/** Devices that are alike before a change, and alike after it. */
export interface Twins {
  readonly members: number[];
  readonly was: DeviceState | undefined;
  readonly is: DeviceState | undefined;
  /** Whether their addresses, routes, or the way rules name them are different. */
  readonly moved: boolean;
  /** Rules that they are a source of, before or after; and those where that is different. */
  readonly src: Sides;
  readonly dst: Sides;
  /** Rules to autogroup:self play a part. */
  readonly self: boolean;
  readonly sshDiffers: boolean;
}

export interface Sides {
  readonly ever: Bits;
  readonly changed: Bits;
}

const NONE: Bits = new Uint32Array(0);

export function twinsOf(before: Core, after: Core): Twins[] {
  const classes = new Map<string, Twins>();
  const numbers = new Map<object, number>();
  const number = (key: object | undefined): number => {
    if (key === undefined) return 0;
    const known = numbers.get(key) ?? numbers.size + 1;
    numbers.set(key, known);
    return known;
  };
  for (const id of new Set([...before.devices.keys(), ...after.devices.keys()])) {
    const [was, is] = [before.devices.get(id), after.devices.get(id)];
    const moved = isMoved(was, is);
    const key = `${number(was?.profile)}/${number(is?.profile)}/${was?.tags.join()}/${is?.tags.join()}/${was?.input.behind}/${is?.input.behind}/${isAlone(was, is) ? id : ''}`;
    const known = classes.get(key);
    if (known !== undefined) known.members.push(id);
    else classes.set(key, makeTwins(id, was, is, moved));
  }
  return [...classes.values()];
}

function makeTwins(
  id: number,
  was: DeviceState | undefined,
  is: DeviceState | undefined,
  moved: boolean,
): Twins {
  const [a, b] = [was?.profile, is?.profile];
  return {
    members: [id],
    was,
    is,
    moved,
    src: sides(a?.net.src ?? NONE, b?.net.src ?? NONE),
    dst: sides(a?.net.dst ?? NONE, b?.net.dst ?? NONE),
    self: !isZero(a?.self ?? NONE) || !isZero(b?.self ?? NONE),
    sshDiffers:
      moved ||
      was?.user?.login !== is?.user?.login ||
      !equalBits(a?.ssh.src ?? NONE, b?.ssh.src ?? NONE) ||
      !equalBits(a?.ssh.dst ?? NONE, b?.ssh.dst ?? NONE),
  };
}

function sides(was: Bits, is: Bits): Sides {
  const width = Math.max(was.length, is.length);
  const [ever, changed] = [new Uint32Array(width), new Uint32Array(width)];
  orInto(ever, was);
  orInto(ever, is);
  differInto(changed, was, is);
  return { ever, changed };
}

/**
 * Whether a device has a difference of its own: also which of those with equal routes carries them. All others follow from
 * profiles, which are equal within a class.
 */
const isAlone = (was: DeviceState | undefined, is: DeviceState | undefined): boolean =>
  was === undefined ||
  is === undefined ||
  was.addressKey !== is.addressKey ||
  was.routeKey !== is.routeKey ||
  was.routes.some(({ exit }) => !exit);

const isMoved = (was: DeviceState | undefined, is: DeviceState | undefined): boolean =>
  was === undefined ||
  is === undefined ||
  was.addressKey !== is.addressKey ||
  was.routeKey !== is.routeKey ||
  was.profile.active !== is.profile.active ||
  was.profile.selfUser !== is.profile.selfUser ||
  was.profile.dstNames !== is.profile.dstNames ||
  sharing(was) !== sharing(is);

/** With whom a device is shared, or by whom: as one comparable text. */
const sharing = ({ profile: { external, recipient, audience } }: DeviceState): string =>
  `${external ?? ''}/${recipient ?? ''}/${[...(audience ?? [])].join(';')}`;

/** Of another organization, and both reached and reaching: who sees it follows from rules in either direction. */
export const isMutual = ({ was, is }: Twins): boolean =>
  was?.profile.external === 'both' || is?.profile.external === 'both';

/** Whether rules to autogroup:self lead from one to the other: they belong to one person, before or after. */
function areOnePersons(a: Twins, b: Twins): boolean {
  const [was, is] = [a.was?.profile.selfUser, a.is?.profile.selfUser];
  return (
    (was !== undefined && was === b.was?.profile.selfUser) ||
    (is !== undefined && is === b.is?.profile.selfUser)
  );
}

/** Whether traffic from one to the other can be different at all. */
export function mayDiffer(source: Twins, target: Twins): boolean {
  if (isMutual(target)) return true;
  if ((source.self || (source.moved && target.self)) && areOnePersons(source, target)) return true;
  if (intersects(source.src.changed, target.dst.ever) || intersects(target.dst.changed, source.src.ever))
    return true;
  return (source.moved || target.moved) && sharesRule(source, target);
}

/** Whether any rule leads from one to the other, before or after. */
export const sharesRule = (source: Twins, target: Twins): boolean =>
  intersects(source.src.ever, target.dst.ever);

/** Whether anything about their part in the rules is different. */
export const isTouched = (twins: Twins): boolean =>
  twins.moved || twins.self || !isZero(twins.src.changed) || !isZero(twins.dst.changed);
