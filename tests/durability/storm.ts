// Writers that create auth keys as fast as they are answered, and keep the id of every answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Rest } from '../support/rest.ts';

const WRITERS = 8;
/** A writer whose request failed waits this long, so that the storm does not keep a starting server from its work. */
const PAUSE_MS = 20;
const POLL_MS = 10;

const CreatedKey = z.looseObject({ id: z.string() });
const KeyList = z.looseObject({ keys: z.array(CreatedKey) });

export interface Storm {
  /** Lets answers under way arrive, then resolves with the ids of all keys that the server said it had created. */
  readonly stop: () => Promise<string[]>;
  /** Resolves when so many more keys have been created; rejects with the last failure when the time is over. */
  readonly more: (count: number, timeoutMs: number) => Promise<void>;
}

/** Each writer goes on after a failed request until the storm is stopped, since the server is killed under it. */
export function startStorm(rest: Rest, name: string): Storm {
  const ids: string[] = [];
  let stopped = false;
  let lastFailure = 'none failed';
  const write = async (writer: number) => {
    for (let number = 0; !stopped; number++) {
      const body = {
        capabilities: { devices: { create: { reusable: true } } },
        description: `${name}-${writer}-${number}`,
      };
      try {
        ids.push(CreatedKey.parse(await rest.ask('POST', '/api/v2/tailnet/-/keys', body)).id);
      } catch (error) {
        // Not acknowledged: it may be there afterwards, or not.
        lastFailure = error instanceof Error ? error.message : String(error);
        await sleep(PAUSE_MS);
      }
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(writers);
      return ids;
    },
    more: async (count, timeoutMs) => {
      const goal = ids.length + count;
      const deadline = performance.now() + timeoutMs;
      while (ids.length < goal) {
        if (performance.now() > deadline) {
          throw new Error(
            `${ids.length} of ${goal} keys after ${timeoutMs} ms; the last failure: ${lastFailure}`,
          );
        }
        await sleep(POLL_MS);
      }
    },
  };
}

/** The ids of all keys of the organization. */
export async function listKeys(rest: Rest): Promise<Set<string>> {
  const { keys } = KeyList.parse(await rest.ask('GET', '/api/v2/tailnet/-/keys?all=true'));
  return new Set(keys.map(({ id }) => id));
}
