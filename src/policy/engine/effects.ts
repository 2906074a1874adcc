import type { SourceSpec } from '../compile/unit.ts';
import {
  type Bits,
  differInto,
  equalBits,
  hasBit,
  intersects,
  isZero,
  orInto,
  setBit,
  slotsOf,
} from './bits.ts';
import { DISABLE_IPV4 } from './caps.ts';
import type { ChangeSet, DeviceSet, SubjectChange } from './change.ts';
import type { Core, Delta } from './core.ts';
import { unionOf } from './device-set.ts';
import type { DeviceState } from './device-state.ts';
import { type LooksInput, looksTo, sameCaps } from './looks.ts';
import type { Profile } from './profile.ts';
import { opensToItself } from './ssh.ts';
import { reachesAcross } from './visibility.ts';

export interface EffectsInput extends LooksInput {
  readonly deltas: readonly Delta[];
  /** Whether what `*` lists is different. */
  readonly wildChanged: boolean;
  /** `core.ownSsh` of the users of touched devices before the change. */
  readonly ownSshBefore: ReadonlyMap<number, string>;
}

/** What a batch of settled devices means for everybody's outputs. Also drops the source lists that are out of date. */
export function effectsOf(input: EffectsInput): ChangeSet {
  const { core, deltas, wildChanged } = input;
  const program = core.program();
  const net: Bits = new Uint32Array(program.words.net);
  const ssh: Bits = new Uint32Array(program.words.ssh);
  const filterUsers = new Set<number>();
  const sshUsers = new Set<number>();
  const own = {
    filters: new Set<number>(),
    ssh: new Set<number>(),
    self: new Set<number>(),
    viewers: new Set<number>(),
  };
  if (wildChanged) orInto(net, program.wild);

  for (const delta of deltas) {
    const { before, after } = delta;
    collectLists(delta, net, ssh);
    collectCuts(core, delta, net);
    collectUsers(input, delta, filterUsers, sshUsers);
    if (after === undefined || after.profile.clients) continue;
    if (before === undefined) for (const set of Object.values(own)) set.add(delta.id);
    else {
      compareOwn(before, after, own);
      if (metsDiffer(core, before, after)) own.filters.add(delta.id);
      if (opensToItself(before) !== opensToItself(after)) own.ssh.add(delta.id);
    }
  }
  updateLists(input);

  for (const user of filterUsers) for (const { id } of core.devicesOfUser(user)) own.filters.add(id);
  for (const user of sshUsers) for (const { id } of core.devicesOfUser(user)) own.ssh.add(id);
  for (const id of primarySelves(input)) own.self.add(id);
  // Devices of others have neither filter nor SSH policy here.
  for (const { id, before, after } of deltas) {
    if (before === undefined || after?.input.external === undefined) continue;
    own.filters.delete(id);
    own.ssh.delete(id);
  }
  const guests = movedGuests(deltas, program.words.net);
  const filters = withProfiles(
    core,
    own.filters,
    (profile) =>
      profile.external === undefined && (intersects(profile.net.dst, net) || meetsGuests(profile, guests)),
  );
  const sshSet = withProfiles(
    core,
    own.ssh,
    (profile) => profile.external === undefined && intersects(profile.ssh.dst, ssh),
  );
  return {
    filters,
    ssh: sshSet,
    self: own.self,
    viewers: own.viewers,
    subjects: () => subjectsOf(input, own.viewers),
  };
}

/** Rules whose SrcIPs list a device that joined, left or has other addresses. */
function collectLists({ before, after }: Delta, net: Bits, ssh: Bits): void {
  const none: Bits = new Uint32Array(0);
  const was = before?.profile;
  const is = after?.profile;
  if (was !== is || before?.addressKey !== after?.addressKey) {
    differInto(net, was?.net.listed ?? none, is?.net.listed ?? none);
    differInto(ssh, was?.ssh.listed ?? none, is?.ssh.listed ?? none);
  }
  const moved = before?.addressKey !== after?.addressKey;
  for (const profile of [was, is]) {
    if (profile === undefined) continue;
    if (moved) orInto(net, profile.net.listed);
    // Principals repeat a device once a tag, and rules may name the login of its owner.
    const owned = before?.user?.login === after?.user?.login && before?.user?.id === after?.user?.id;
    if (moved || !owned || before?.tags.length !== after?.tags.length) orInto(ssh, profile.ssh.listed);
  }
}

/** Rules in which guests take part otherwise than before, by the person whose guests they are. */
function movedGuests(deltas: readonly Delta[], words: number): ReadonlyMap<number, Bits> {
  const out = new Map<number, Bits>();
  for (const { before, after } of deltas) {
    const moved = before?.addressKey !== after?.addressKey;
    const same = !moved && before?.profile.recipient === after?.profile.recipient;
    for (const profile of [before?.profile, after?.profile]) {
      if (profile?.external === undefined || profile.recipient === undefined) continue;
      const bits = out.get(profile.recipient) ?? new Uint32Array(words);
      out.set(profile.recipient, bits);
      if (!same) orInto(bits, profile.net.src);
      else differInto(bits, before?.profile.net.src ?? NO_BITS, after?.profile.net.src ?? NO_BITS);
    }
  }
  return out;
}

/** Whether a device that is shared with others than before, or otherwise, meets other guests. */
function metsDiffer(core: Core, before: DeviceState, after: DeviceState): boolean {
  if (before.profile.sharing === after.profile.sharing) return false;
  for (const profile of core.profiles().all) {
    if (profile.external === undefined || profile.recipient === undefined) continue;
    const is = reachesAcross(profile, after.profile);
    if (reachesAcross(profile, before.profile) !== is) return true;
    const exit = (state: DeviceState): boolean | undefined =>
      state.profile.audience?.get(profile.recipient ?? 0);
    if (is && after.exit && exit(before) !== exit(after)) return true;
  }
  return false;
}

function meetsGuests({ audience, net }: Profile, guests: ReadonlyMap<number, Bits>): boolean {
  if (audience === undefined || guests.size === 0) return false;
  for (const user of audience.keys()) {
    const bits = guests.get(user);
    if (bits !== undefined && intersects(net.dst, bits)) return true;
  }
  return false;
}

/** Rules whose literal sources leave out another set of failing addresses now. */
function collectCuts(core: Core, { before, after }: Delta, net: Bits): void {
  for (const { slot, spec } of core.program().gatedLiterals) {
    const gate = spec.source.posture?.key ?? '';
    const cut = (state: DeviceState | undefined): string =>
      state?.profile.failed.has(gate) ? state.addressKey : '';
    if (cut(before) === cut(after)) continue;
    setBit(net, slot);
    core.sources.forget(spec.source);
  }
}

/** Users whose devices open to each other differently. */
function collectUsers(
  { core, ownSshBefore }: EffectsInput,
  { before, after }: Delta,
  filterUsers: Set<number>,
  sshUsers: Set<number>,
): void {
  const moved = before?.addressKey !== after?.addressKey || before?.user?.id !== after?.user?.id;
  const [wasSelf, isSelf] = [before?.profile.self ?? NO_BITS, after?.profile.self ?? NO_BITS];
  const [wasSsh, isSsh] = [before?.profile.ssh.src ?? NO_BITS, after?.profile.ssh.src ?? NO_BITS];
  const netDiffers = (moved || !equalBits(wasSelf, isSelf)) && !(isZero(wasSelf) && isZero(isSelf));
  const sshDiffers = (moved || !equalBits(wasSsh, isSsh)) && !(isZero(wasSsh) && isZero(isSsh));
  for (const state of [before, after]) {
    const user = state?.user?.id;
    if (user === undefined) continue;
    if (netDiffers) filterUsers.add(user);
    const share = core.ownSsh(user);
    if (share !== (ownSshBefore.get(user) ?? '') || (sshDiffers && share.includes('s'))) sshUsers.add(user);
  }
}

/** Brings the lists of affected rules up to date: device by device, or from scratch where that is not possible. */
function updateLists({ core, deltas, wildChanged }: EffectsInput): void {
  const { units, wild } = core.program();
  const forget = (slot: number): void => {
    const spec = units.get(slot)?.spec;
    if (spec !== undefined) core.sources.forget(spec.source);
  };
  if (wildChanged) for (const slot of slotsOf(wild)) forget(slot);
  for (const { before, after } of deltas) {
    const done = new Set<string>();
    const update = (spec: SourceSpec, was: boolean, is: boolean): void => {
      if (done.has(spec.key)) return;
      done.add(spec.key);
      // Conditions cut devices out of literal sources, which are no list of devices.
      if (spec.posture !== undefined && spec.literals.length > 0) core.sources.forget(spec);
      else core.sources.replace(spec, was ? before : undefined, is ? after : undefined);
    };
    const moved = before?.addressKey !== after?.addressKey;
    const was = before?.profile.net.listed ?? NO_BITS;
    const is = after?.profile.net.listed ?? NO_BITS;
    const all = new Uint32Array(Math.max(was.length, is.length));
    if (moved) {
      orInto(all, was);
      orInto(all, is);
    } else differInto(all, was, is);
    for (const slot of slotsOf(all)) {
      const unit = units.get(slot);
      if (unit !== undefined) update(unit.spec.source, hasBit(was, slot), hasBit(is, slot));
    }
  }
}

const NO_BITS: Bits = new Uint32Array(0);

interface OwnSets {
  readonly filters: Set<number>;
  readonly ssh: Set<number>;
  readonly self: Set<number>;
  readonly viewers: Set<number>;
}

/** What of a device's own outputs differs, apart from the lists in them. */
function compareOwn(before: DeviceState, after: DeviceState, own: OwnSets): void {
  const { id } = after;
  const [was, is] = [before.profile, after.profile];
  const moved = before.addressKey !== after.addressKey;
  const rerouted = before.routeKey !== after.routeKey || before.active !== after.active;
  const sameDst = equalBits(was.net.dst, is.net.dst) && was.dstNames === is.dstNames;
  if (!sameDst || moved || rerouted || was.selfUser !== is.selfUser) {
    own.filters.add(id);
  }
  const owner = before.user?.id === after.user?.id && before.user?.login === after.user?.login;
  if (!equalBits(was.ssh.dst, is.ssh.dst) || !owner || before.active !== after.active) own.ssh.add(id);
  if (moved || rerouted || !sameCaps(was, is)) own.self.add(id);
  if (!sameStanding(before, after)) own.viewers.add(id);
}

function sameStanding(before: DeviceState, after: DeviceState): boolean {
  const [was, is] = [before.profile, after.profile];
  return (
    was === is ||
    (was.active === is.active &&
      before.routeKey === after.routeKey &&
      DISABLE_IPV4 in was.caps === DISABLE_IPV4 in is.caps &&
      equalBits(was.net.src, is.net.src) &&
      equalBits(was.net.dst, is.net.dst) &&
      was.selfUser === is.selfUser &&
      was.sharing === is.sharing &&
      was.regions.join() === is.regions.join() &&
      equalBits(was.self, is.self))
  );
}

function withProfiles(core: Core, own: Set<number>, touches: (profile: Profile) => boolean): DeviceSet {
  const parts: ReadonlySet<number>[] = [];
  for (const profile of core.profiles().all) if (touches(profile)) parts.push(profile.members);
  if (parts.length === 0) return own;
  const rest = new Set([...own].filter((id) => !parts.some((part) => part.has(id))));
  return unionOf([...parts, rest]);
}

/** Devices that became or ceased to be a prefix's primary see that in their own routes. */
function* primarySelves({ core, routes }: EffectsInput): Generator<number> {
  for (const route of routes) yield* core.wild.holders(route);
}

/** Devices that look different to viewers whose own standing is the same. */
function* subjectsOf(input: EffectsInput, viewers: ReadonlySet<number>): Generator<SubjectChange> {
  const { core } = input;
  const changed = new Map(input.deltas.map((delta) => [delta.id, delta]));
  for (const delta of input.deltas) {
    const differs = looksTo(input, delta);
    const parts = [...core.profiles().all].filter(differs);
    if (parts.length > 0) yield subject(delta.id, parts, viewers);
  }
  const carriers = new Set<number>();
  for (const route of input.routes) for (const id of core.wild.holders(route)) carriers.add(id);
  for (const id of carriers) {
    const state = core.devices.get(id);
    if (state === undefined || changed.has(id)) continue;
    const delta = { id, before: state, after: state };
    const parts = [...core.profiles().all].filter(looksTo(input, delta));
    if (parts.length > 0) yield subject(id, parts, viewers);
  }
}

function subject(id: number, profiles: readonly Profile[], viewers: ReadonlySet<number>): SubjectChange {
  return {
    subject: id,
    viewers: unionOf(
      profiles.map((profile) => profile.members),
      new Set(viewers).add(id),
    ),
  };
}
