/**
 * Gives memory back after many devices came at once. What their handshakes and first maps took is garbage soon after, but V8
 * keeps the pages of it for the next storm: more than everything that is in use. Only a collection of last resort returns
 * them to the system. It stands the process still for a moment, so it waits until the storm is over.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Clock, SECOND } from '../../kernel/clock.ts';

/** Fewer streams than this leave too little behind to stop for. */
const MANY_STREAMS = 100;
const QUIET_MS = 10 * SECOND;

export interface MemoryRelease {
  /** A stream was opened. */
  opened(): void;
  /** To be called from time to time. */
  check(): void;
}

export interface MemoryReleaseParts {
  readonly clock: Clock;
  readonly collect: () => void;
}

export function createMemoryRelease({ clock, collect }: MemoryReleaseParts): MemoryRelease {
  let opened = 0;
  let lastOpened = 0;
  return {
    opened: () => {
      opened += 1;
      lastOpened = clock.now();
    },
    check: () => {
      if (opened < MANY_STREAMS || clock.now() - lastOpened < QUIET_MS) return;
      opened = 0;
      collect();
    },
  };
}

/** The collector is there for programs that were started with a flag; setting the flag later makes it known to new contexts. */
export function createCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') return () => undefined;
  return () => void collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
