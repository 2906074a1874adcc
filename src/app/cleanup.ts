/** Steps to undo, last first, when a later step of the start fails or the server stops. */
import type { Logger } from 'pino';

export interface Cleanup {
  add(name: string, step: () => void | Promise<void>): void;
  run(): Promise<void>;
}

export function createCleanup(log: Pick<Logger, 'error'>): Cleanup {
  const steps: (readonly [name: string, step: () => void | Promise<void>])[] = [];
  return {
    add: (name, step) => {
      steps.push([name, step]);
    },
    run: async () => {
      for (const [name, step] of steps.splice(0).reverse()) {
        try {
          await step();
        } catch (error) {
          log.error({ err: error }, `stopping ${name} failed`);
        }
      }
    },
  };
}
