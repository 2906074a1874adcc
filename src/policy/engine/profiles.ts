import type { DeviceInput } from '../world.ts';
import { type Bits, clearSlots, hasBit, setBit, setSlots } from './bits.ts';
import { capsOf } from './caps.ts';
import type { CapMap } from './output.ts';
import type { Profile } from './profile.ts';
import type { Program } from './program.ts';
import type { Basics, Traits } from './traits.ts';

/** Profiles of one program, shared by devices with equal traits. */
export interface ProfileTable {
  /** `regions`: those through which its routes go. */
  of(device: Basics, traits: Traits, regions: readonly number[]): Profile;
  /** Profiles that have members. */
  readonly all: ReadonlySet<Profile>;
  join(profile: Profile, device: number): void;
  leave(profile: Profile, device: number): void;
  /** Rules that the profile takes part in are others now: devices that settle again get a new one. */
  renew(profile: Profile): void;
}

const sharingOf = ({ external, recipient, audience = [] }: DeviceInput): string =>
  `${external ?? ''}/${recipient ?? ''}/${audience.map(({ user, exit }) => `${user}${exit ? '!' : ''}`).join()}`;

export function createProfileTable(
  program: Program,
  options: { readonly httpsEnabled: boolean },
): ProfileTable {
  const byKey = new Map<string, Profile>();
  const all = new Set<Profile>();
  const capsByBits = new Map<string, CapMap>();

  function build(
    key: string,
    device: Basics,
    traits: Traits,
    selfUser: number | undefined,
    regions: readonly number[],
  ): Profile {
    const { net, ssh, attr } = program.words;
    const { external, recipient, audience = [] } = device.input;
    const src: Bits = new Uint32Array(net);
    const listed: Bits = new Uint32Array(net);
    const dst: Bits = new Uint32Array(net);
    const self: Bits = new Uint32Array(net);
    const sshSrc: Bits = new Uint32Array(ssh);
    const sshDst: Bits = new Uint32Array(ssh);
    const attrs: Bits = new Uint32Array(attr);
    for (const { rules } of traits.src) {
      setSlots(src, rules.netSrc);
      if (external === undefined) setSlots(listed, rules.netListed);
      if (selfUser !== undefined) setSlots(self, rules.self);
      setSlots(sshSrc, rules.sshSrc);
      setSlots(attrs, rules.attr);
    }
    for (const { rules } of traits.dst) {
      setSlots(dst, rules.netDst);
      setSlots(sshDst, rules.sshDst);
    }
    for (const slot of traits.via) setBit(dst, slot);
    for (const gate of traits.failed) {
      clearSlots(src, gate.netSrc);
      clearSlots(listed, gate.netSrc);
      clearSlots(self, gate.netSrc);
      clearSlots(dst, gate.netDst);
      clearSlots(sshSrc, gate.ssh);
    }
    const perUser: Bits = new Uint32Array(ssh);
    for (const { slot, byLogin } of program.ownSsh)
      if (!byLogin && hasBit(sshSrc, slot)) setBit(perUser, slot);
    return {
      key,
      net: { src, listed, dst },
      dstNames: traits.dst
        .filter(({ rules }) => rules.netDst.length > 0)
        .map((atom) => atom.key)
        .sort()
        .join(),
      ssh: { src: sshSrc, listed: sshSrc, dst: sshDst, perUser },
      self,
      selfUser,
      active: device.active,
      clients: device.input.behind !== undefined,
      external,
      recipient,
      audience: audience.length === 0 ? undefined : new Map(audience.map(({ user, exit }) => [user, exit])),
      sharing: sharingOf(device.input),
      regions,
      caps: internedCaps(attrs),
      failed: new Set(traits.failed.map((gate) => gate.spec.key)),
      members: new Set(),
    };
  }

  function internedCaps(attrs: Bits): CapMap {
    const key = attrs.join();
    let caps = capsByBits.get(key);
    if (caps === undefined) {
      caps = capsOf(program, attrs, options.httpsEnabled);
      capsByBits.set(key, caps);
    }
    return caps;
  }

  return {
    all,
    of(device, traits, regions) {
      const selfUser = program.hasSelf ? device.user?.id : undefined;
      const standing = device.input.behind === undefined ? 'd' : 'c';
      const key = `${device.active ? 1 : 0}${standing}|${traits.key}|${selfUser ?? ''}|${sharingOf(device.input)}|${device.routeKey}|${regions.join()}`;
      let profile = byKey.get(key);
      if (profile === undefined) {
        profile = build(key, device, traits, selfUser, regions);
        byKey.set(key, profile);
      }
      return profile;
    },
    join(profile, device) {
      profile.members.add(device);
      all.add(profile);
    },
    leave(profile, device) {
      profile.members.delete(device);
      if (profile.members.size > 0) return;
      all.delete(profile);
      if (byKey.get(profile.key) === profile) byKey.delete(profile.key);
    },
    renew(profile) {
      if (byKey.get(profile.key) === profile) byKey.delete(profile.key);
    },
  };
}
