interface Waiter {
  readonly test: () => boolean;
  readonly timer: NodeJS.Timeout;
  resolve(): void;
  reject(error: Error): void;
}

/** Promises that wait for a condition, looked at whenever something has happened. */
export interface Waiters {
  wait(test: () => boolean, timeoutMs: number, complaint: () => string): Promise<void>;
  /** Something has happened. */
  wake(): void;
  /** Nothing will happen any more. */
  abandon(error: Error): void;
}

export function createWaiters(): Waiters {
  const waiters = new Set<Waiter>();

  function take(waiter: Waiter): Waiter {
    waiters.delete(waiter);
    clearTimeout(waiter.timer);
    return waiter;
  }

  return {
    wait(test, timeoutMs, complaint) {
      if (test()) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => take(waiter).reject(new Error(complaint())), timeoutMs);
        const waiter: Waiter = { test, timer, resolve, reject };
        waiters.add(waiter);
      });
    },
    wake() {
      for (const waiter of waiters) if (waiter.test()) take(waiter).resolve();
    },
    abandon(error) {
      for (const waiter of waiters) take(waiter).reject(error);
    },
  };
}
