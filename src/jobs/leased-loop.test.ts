import { expect, it } from 'vitest';
import { createLeasedLoop } from './leased-loop.ts';

const LEASE_MS = 15_000;

function rig() {
  const time = { wall: 1_000_000_000, steady: 5_000 };
  let asked = 0;
  let taken = 0;
  let has = true;
  const loop = createLeasedLoop({
    lease: {
      hold: async () => {
        asked += 1;
        return has;
      },
      release: async () => undefined,
    },
    clock: { now: () => time.wall },
    monotonic: () => time.steady,
    feed: { onCommit: () => () => undefined },
    isHint: () => false,
    round: async () => undefined,
    onTaken: () => {
      taken += 1;
    },
    settled: async () => undefined,
    onError: (error) => {
      throw error;
    },
    pollMs: 5,
    lingerMs: 0,
  });
  loop.start();
  return {
    time,
    loop,
    asked: () => asked,
    taken: () => taken,
    loses: () => {
      has = false;
    },
  };
}

it.each([
  ['stood still', 0, LEASE_MS],
  ['slept, while another clock went on', LEASE_MS, 0],
  ['had its clock set back by an hour', -3_600_000, LEASE_MS],
])('a process that %s has no lease until it has asked', async (_, wall, steady) => {
  const { time, loop, taken } = rig();
  await expect.poll(loop.isOurs).toBe(true);
  const mayGoOn = loop.turn();
  expect(mayGoOn()).toBe(true);
  const before = taken();
  time.wall += wall;
  time.steady += steady;
  expect([loop.isOurs(), mayGoOn()]).toEqual([false, false]);
  await expect.poll(taken).toBe(before + 1);
  expect([loop.isOurs(), mayGoOn()]).toEqual([true, false]);
  await loop.close();
});

it('a lease is renewed in time, and lost when another has it, after the clock was set back', async () => {
  const { time, loop, asked, loses } = rig();
  await expect.poll(loop.isOurs).toBe(true);
  time.wall -= 3_600_000;
  const before = asked();
  time.steady += 5_000;
  await expect.poll(asked).toBe(before + 1);
  expect(loop.isOurs()).toBe(true);
  loses();
  time.steady += 5_000;
  await expect.poll(loop.isOurs).toBe(false);
  await loop.close();
});
