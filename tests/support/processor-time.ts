// How long work takes where the machine may have other work as well.
import { readFileSync } from 'node:fs';

/** Milliseconds that the processor spent on it: those of the clock say more about what else the machine is doing. */
export function processorTime(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** Clock ticks of Linux, which it counts for programs at this rate whatever its own. */
const TICKS_A_SECOND = 100;
/** Fields after the name, which is in brackets and may hold anything: user, system. */
const SPENT = [11, 12] as const;

/** Milliseconds that the processor has spent on a running process of this machine. */
export function processorTimeOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = SPENT.reduce((sum, index) => sum + Number(fields[index]), 0);
  return (ticks * 1_000) / TICKS_A_SECOND;
}
