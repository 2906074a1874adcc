/** Questions where one side is a device of another organization. */

import { hasBit } from '../engine/bits.ts';
import type { DeviceState } from '../engine/device-state.ts';
import { sharesExit } from '../engine/guests.ts';
import type { Unit } from '../engine/program.ts';
import { leadsOut, showsSharedIn } from '../engine/shared-in.ts';
import type { Endpoint } from '../evaluate/endpoint.ts';
import { namesSource, postureHolds } from '../evaluate/match.ts';
import type { Lack } from './lack.ts';
import type { Path } from './places.ts';

export const isForeign = (device: DeviceState | undefined): boolean => device?.profile.external !== undefined;

/** Why nothing passes between devices of different organizations, whatever the rules say. */
export function problemAcross(from: Endpoint, path: Path): string | undefined {
  const { device } = from;
  const { receiver } = path;
  if (device === undefined || !isForeign(device)) {
    return isForeign(receiver) ? problemOfSharedIn(from, path) : undefined;
  }
  if (isForeign(receiver)) return 'both are devices of other organizations';
  if (device.profile.recipient === undefined) {
    return 'the source is shared with this organization: it may be reached, and begins nothing here';
  }
  if (receiver.profile.audience?.has(device.profile.recipient) !== true) {
    return 'the destination is not shared with the person whose device the source is';
  }
  if (path.exit && !sharesExit(receiver, device)) return NO_EXIT;
  return path.route === undefined || path.exit
    ? undefined
    : 'a device is shared by itself, without what it routes';
}

const NO_EXIT = 'the device that leads there is not shared as an exit node';

function problemOfSharedIn({ device, user }: Endpoint, { receiver, exit }: Path): string | undefined {
  const { audience } = receiver.profile;
  if (audience === undefined) {
    return 'the destination belongs to another organization and is not shared with this one: it may reach, and not be reached';
  }
  const recipient = device === undefined ? user?.id : device.profile.recipient;
  if (recipient === undefined || !audience.has(recipient)) {
    return 'the destination is shared with somebody else: it is open to the own, untagged devices of whoever accepted it, with a client of version 1.64 or later';
  }
  return exit && audience.get(recipient) !== true ? NO_EXIT : undefined;
}

/**
 * What keeps a rule from leading to a device that is shared in. Its ports do not: those that are open are its own
 * organization's affair, and the source's map holds the device under any rule that leads there.
 */
export function lacksTowardsSharedIn({ slot, spec }: Unit, from: Endpoint, { receiver, exit }: Path): Lack[] {
  const { profile } = receiver;
  if (!exit && from.device !== undefined && showsSharedIn(slot, from.device.profile, profile)) return [];
  const lacks: Lack[] = [];
  if (!namesSource(spec.source, from)) lacks.push('source');
  else if (!postureHolds(spec.source, from)) lacks.push('posture');
  if (!hasBit(profile.net.dst, slot) || (exit && !leadsOut(spec))) lacks.push('destination');
  return lacks;
}
