import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createOutbox } from './outbox.ts';

const SOURCE = new Uint8Array(32).fill(7);
const KIB = 1024;

/** A socket that takes nothing until it is told to. */
function slowSocket() {
  let release: (() => void)[] = [];
  let open = false;
  const written: Buffer[] = [];
  const take = (chunk: Buffer, done: () => void): void => {
    written.push(chunk);
    if (open) done();
    else release.push(done);
  };
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => take(chunk, done),
    writev: (chunks, done) => take(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done),
  });
  return {
    socket,
    bytes: () => Buffer.concat(written),
    writes: written,
    open: () => {
      open = true;
      const waiting = release;
      release = [];
      for (const done of waiting) done();
    },
  };
}
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the outbox', () => {
  test('writes what comes in one turn as one piece', async () => {
    const { socket, writes, open } = slowSocket();
    open();
    const outbox = createOutbox(socket, () => 0);
    for (const name of ['a', 'b', 'c']) outbox.packet(SOURCE, Buffer.from(name));
    await tick();
    const head = `0500000021${'07'.repeat(32)}`;
    expect(writes.map((one) => one.toString('hex'))).toEqual([`${head}61${head}62${head}63`]);
  });

  test('holds a bounded share of packets and answers for a client that reads nothing, and says since when', async () => {
    let now = 100;
    const { socket } = slowSocket();
    const outbox = createOutbox(socket, () => now);
    let dropped = 0;
    for (let sent = 0; sent < 1000; sent += 1) {
      if (outbox.packet(SOURCE, Buffer.alloc(16 * KIB))) dropped += 1;
      outbox.reply(Buffer.alloc(13));
      now += 1;
      if (sent % 10 === 0) await tick();
    }
    // 256 KiB are 16 packets, and 32 wait behind them.
    expect(dropped).toBe(1000 - 16 - 32);
    expect(socket.writableLength).toBeLessThan(273 * KIB);
    // The sixteenth packet, sent at 115, filled the share.
    expect(outbox.stuckSince).toBe(115);
  });

  test('sends what waited when the client reads again', async () => {
    const { socket, bytes, open } = slowSocket();
    const outbox = createOutbox(socket, () => 0);
    for (let sent = 0; sent < 60; sent += 1) outbox.packet(SOURCE, Buffer.alloc(16 * KIB, sent));
    await tick();
    open();
    for (let turn = 0; turn < 10; turn += 1) await tick();
    const all = bytes();
    const size = 5 + 32 + 16 * KIB;
    const names = Array.from({ length: all.length / size }, (_, index) => all[index * size + 37]);
    expect(names).toEqual([...Array(16).keys(), ...Array.from({ length: 32 }, (_, index) => 28 + index)]);
    expect(outbox.stuckSince).toBeUndefined();
  });
});
