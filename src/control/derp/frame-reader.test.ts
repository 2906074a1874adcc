import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFrameReader } from './frame-reader.ts';
import { FrameError, frame } from './frames.ts';

const LIMIT = 1000;
/** Types up to 0x7f are wanted, those above are not. */
const limitOf = (type: number): number | undefined => (type < 0x80 ? LIMIT : undefined);

function collect() {
  const frames: { type: number; payload: string }[] = [];
  const reader = createFrameReader({
    limitOf,
    onFrame: (type, payload) => frames.push({ type, payload: payload.toString('hex') }),
  });
  return { frames, reader };
}

const someFrame = fc.record({
  type: fc.integer({ min: 0, max: 0xff }),
  payload: fc.uint8Array({ maxLength: 300 }),
});

/** Cuts bytes into pieces of the lengths given, over and over. */
function* pieces(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  let turn = 0;
  for (let at = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

describe('the frame reader', () => {
  test('gives the wanted frames as they were written, whatever the pieces they come in', () => {
    fc.assert(
      fc.property(
        fc.array(someFrame, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 }),
        (sent, lengths) => {
          const { frames, reader } = collect();
          const bytes = Buffer.concat(sent.map(({ type, payload }) => frame(type, payload)));
          for (const piece of pieces(bytes, lengths)) reader.push(piece);
          expect(frames).toEqual(
            sent
              .filter(({ type }) => type < 0x80)
              .map(({ type, payload }) => ({ type, payload: Buffer.from(payload).toString('hex') })),
          );
          expect(reader.holdsBytes).toBe(false);
        },
      ),
    );
  });

  test('fails at nothing but frames that are too long', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) => {
        const { frames, reader } = collect();
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
        for (const { payload } of frames) expect(payload.length / 2).toBeLessThanOrEqual(LIMIT);
      }),
    );
  });

  test('refuses a frame that is longer than its type may be before its payload came', () => {
    const { reader } = collect();
    expect(() => reader.push(Buffer.from('04000003e9', 'hex'))).toThrow(FrameError);
  });

  test('passes over gigabytes of an unknown frame without holding them', () => {
    const { frames, reader } = collect();
    reader.push(Buffer.from('ff40000000', 'hex'));
    const chunk = Buffer.alloc(1024 * 1024);
    for (let sent = 0; sent < 0x40000000; sent += chunk.length) {
      reader.push(chunk);
      expect(reader.holdsBytes).toBe(false);
    }
    reader.push(Buffer.from('0400000001aa', 'hex'));
    expect(frames).toEqual([{ type: 0x04, payload: 'aa' }]);
  });

  test('keeps what comes in a pause and gives it afterwards, also when paused by a frame', () => {
    const frames: number[] = [];
    const reader = createFrameReader({
      limitOf,
      onFrame: (type) => {
        frames.push(type);
        if (type === 1) reader.pause();
      },
    });
    reader.push(Buffer.concat([frame(1, Buffer.alloc(200)), frame(2)]));
    reader.push(frame(3));
    expect(frames).toEqual([1]);
    reader.resume();
    expect(frames).toEqual([1, 2, 3]);
  });
});
