// Writers that create auth keys as fast as they are answered, and keep the id of every answer.
import { z } from 'zod';
import type { Rest } from '../support/rest.ts';

const WRITERS = 8;

const CreatedKey = z.looseObject({ id: z.string() });
const KeyList = z.looseObject({ keys: z.array(CreatedKey) });

export interface Storm {
  /** Lets answers under way arrive, then resolves with the ids of all keys that the server said it had created. */
  readonly stop: () => Promise<string[]>;
  /** Answers so far. */
  readonly acknowledged: () => number;
}

/** Each writer goes on after a failed request until the storm is stopped, since the server is killed under it. */
export function startStorm(rest: Rest, name: string): Storm {
  const ids: string[] = [];
  let stopped = false;
  const write = async (writer: number) => {
    for (let number = 0; !stopped; number++) {
      const body = {
        capabilities: { devices: { create: { reusable: true } } },
        description: `${name}-${writer}-${number}`,
      };
      try {
        const { status, json } = await rest.send('POST', '/api/v2/tailnet/-/keys', body);
        if (status === 200) ids.push(CreatedKey.parse(json).id);
      } catch {
        // Not acknowledged: it may be there afterwards, or not.
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
    acknowledged: () => ids.length,
  };
}

/** The ids of all keys of the organization. */
export async function listKeys(rest: Rest): Promise<Set<string>> {
  const { keys } = KeyList.parse(await rest.ask('GET', '/api/v2/tailnet/-/keys?all=true'));
  return new Set(keys.map(({ id }) => id));
}
