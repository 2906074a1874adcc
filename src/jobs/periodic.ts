/** Work that is done again and again, never twice at a time, each time so long after the last had ended. */
export interface Periodic {
  start(): void;
  /** Resolves when what is under way has ended. */
  close(): Promise<void>;
}

export interface PeriodicParts {
  readonly work: () => Promise<unknown>;
  readonly everyMs: number;
  readonly onError: (error: unknown) => void;
}

export function createPeriodic({ work, everyMs, onError }: PeriodicParts): Periodic {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let closed = false;
  const schedule = (): void => {
    if (closed) return;
    timer = setTimeout(() => {
      running = work().catch(onError).finally(schedule);
    }, everyMs);
    timer.unref();
  };
  return {
    start: schedule,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
