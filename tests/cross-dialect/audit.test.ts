import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENGINES } from '../support/api-server.ts';
import { payload, type Rows } from './things.ts';
import type { Dialect } from './vocabulary.ts';
import { createWorld, type World } from './world.ts';

/** Each dialect makes something with this name. */
const WRITERS: Readonly<Record<Dialect, (world: World, name: string) => Promise<void>>> = {
  tailscale: async ({ ask }, name) =>
    void (await ask('POST', '/api/v2/tailnet/-/keys', {
      description: name,
      capabilities: { devices: { create: {} } },
    })),
  twingate: async (world, name) => void (await payload(world, `groupCreate(name: "${name}")`)),
  netmaker: async ({ ask }, name) =>
    void (await ask('POST', '/api/v1/users/group', { user_group: { name }, members: [] })),
  keycard: async ({ call }, name) => {
    const answer = await call('POST', '/organizations/acme/service-accounts', { name });
    expect(answer.status, answer.text).toBe(201);
  },
};

const READERS: Readonly<
  Record<'tailscale' | 'netmaker', (world: World, name: string) => Promise<{ readonly who: unknown }[]>>
> = {
  tailscale: async ({ ask, api }, name) => {
    const at = (ms: number): string => new Date(ms).toISOString();
    const now = api.clock.now();
    const query = `start=${at(now - 3_600_000)}&end=${at(now + 1_000)}`;
    const { logs } = (await ask('GET', `/api/v2/tailnet/-/logging/configuration?${query}`)) as { logs: Rows };
    return logs.flatMap(({ action, actor, target, new: value }) => {
      const told = JSON.stringify([target, value]).includes(name);
      const { loginName } = actor as { loginName: string };
      return told && action === 'CREATE' ? [{ who: loginName }] : [];
    });
  },
  netmaker: async ({ ask }, name) => {
    const { Response: events } = (await ask('GET', '/api/v1/activity')) as { Response: Rows };
    return events.flatMap(({ action, source, target }) => {
      const told = JSON.stringify(target).includes(name);
      return told && action === 'CREATE' ? [{ who: (source as { id: string }).id }] : [];
    });
  },
};

describe.each(ENGINES)('what happened, in the dialects that tell it, on %s', (engine) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(engine);
  });
  afterAll(() => world.close());

  test.each(Object.keys(WRITERS) as Dialect[])(
    'a write in %s is in both logs, once, by whoever made it',
    async (dialect) => {
      const name = `made in ${dialect}`;
      await WRITERS[dialect](world, name);
      for (const [where, read] of Object.entries(READERS)) {
        expect({ [where]: await read(world, name) }).toEqual({
          [where]: [{ who: expect.stringMatching(/owner/u) }],
        });
      }
    },
  );
});
