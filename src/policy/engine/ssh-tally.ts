import { slotsOf } from './bits.ts';
import type { DeviceState } from './device-state.ts';
import type { Program } from './program.ts';

/**
 * Counts, for each person and SSH rule, how many of the person's own devices are sources. A rule that takes in all of them
 * is told by the login, so it stays the same as devices come and go.
 */
export interface SshTally {
  count(device: DeviceState, by: 1 | -1): void;
  /** The rules between a person's own devices, each with s(ome) or a(ll) of them. */
  shares(program: Program, user: number): string;
}

export function createSshTally(): SshTally {
  const tallies = new Map<number, { active: number; readonly bySlot: Map<number, number> }>();
  return {
    count({ user, active, profile }, by) {
      if (user === undefined || !active) return;
      const tally = tallies.get(user.id) ?? { active: 0, bySlot: new Map() };
      tallies.set(user.id, tally);
      tally.active += by;
      for (const slot of slotsOf(profile.ssh.src)) tally.bySlot.set(slot, (tally.bySlot.get(slot) ?? 0) + by);
    },
    shares(program, user) {
      const tally = tallies.get(user);
      if (tally === undefined) return '';
      let out = '';
      for (const { slot, byLogin } of program.ownSsh) {
        const sources = tally.bySlot.get(slot) ?? 0;
        if (sources > 0) out += `${slot}${byLogin && sources === tally.active ? 'a' : 's'}`;
      }
      return out;
    },
  };
}
