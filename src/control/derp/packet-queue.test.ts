import { describe, expect, test } from 'vitest';
import { createPacketQueue, isDisco } from './packet-queue.ts';

const SOURCE = new Uint8Array(32);
const data = (name: number): Buffer => Buffer.from([4, 0, 0, 0, 0, 0, 0, name]);
const disco = (name: number): Buffer => Buffer.from([0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac, name]);

describe('the queue of a slow client', () => {
  test('keeps the newest and tells when it dropped the oldest', () => {
    const queue = createPacketQueue(3);
    expect([1, 2, 3, 4, 5].map((name) => queue.push(SOURCE, data(name)))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
    expect([1, 2, 3].map(() => queue.shift()?.packet.at(-1))).toEqual([3, 4, 5]);
    expect(queue.shift()).toBeUndefined();
  });

  test('keeps packets that look for a direct path apart from data, and sends them first', () => {
    const queue = createPacketQueue(2);
    queue.push(SOURCE, data(1));
    queue.push(SOURCE, disco(2));
    for (const name of [3, 4, 5]) queue.push(SOURCE, data(name));
    expect(queue.size).toBe(3);
    expect([1, 2, 3].map(() => queue.shift()?.packet.at(-1))).toEqual([2, 4, 5]);
  });

  test('is not altered by what happens to the memory that a packet came in', () => {
    const queue = createPacketQueue();
    const packet = data(7);
    queue.push(SOURCE, packet);
    packet.fill(0);
    expect(queue.shift()?.packet.at(-1)).toBe(7);
  });

  test('tells disco packets by their magic', () => {
    expect(isDisco(disco(1))).toBe(true);
    expect(isDisco(disco(1).subarray(0, 5))).toBe(false);
    expect(isDisco(data(1))).toBe(false);
  });
});
