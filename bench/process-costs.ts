/** What a process has used, from /proc. */
import { readFileSync } from 'node:fs';

/** Ticks of the clock that /proc counts in; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const AFTER_NAME = 2;
const UTIME = 11;
const STIME = 12;

/** User and system time in milliseconds, in steps of ten. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name stands in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + AFTER_NAME).split(' ');
  return ((Number(fields[UTIME]) + Number(fields[STIME])) * 1_000) / TICKS_PER_SECOND;
}

const status = (pid: number, name: string): number =>
  Number(
    new RegExp(`^${name}:\\s+(\\d+) kB`, 'mu').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0,
  );

/** Memory in KiB: now, and at most so far. */
export const memoryKb = (pid: number): number => status(pid, 'VmRSS');
export const peakMemoryKb = (pid: number): number => status(pid, 'VmHWM');
