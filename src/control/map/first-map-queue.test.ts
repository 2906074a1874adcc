import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFirstMapQueue } from './first-map-queue.ts';

const AT_ONCE = 24;
const SLOT_MS = 3_000;

describe('the queue of first maps', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const filled = (count: number) => {
    const queue = createFirstMapQueue();
    const started: (() => void)[] = [];
    for (let each = 0; each < count; each += 1) queue.enter((done) => started.push(done));
    vi.advanceTimersByTime(0);
    return { queue, started };
  };

  it('starts a bounded number, and the next when one is done', () => {
    const { started } = filled(AT_ONCE + 10);
    expect(started).toHaveLength(AT_ONCE);
    started[0]?.();
    vi.advanceTimersByTime(0);
    expect(started).toHaveLength(AT_ONCE + 1);
  });

  it('gives one place back once, however often its map says that it is done', () => {
    const { started } = filled(AT_ONCE + 10);
    started[0]?.();
    started[0]?.();
    vi.advanceTimersByTime(0);
    expect(started).toHaveLength(AT_ONCE + 1);
  });

  it('does not wait for clients that do not read', () => {
    const { started } = filled(AT_ONCE * 3);
    vi.advanceTimersByTime(SLOT_MS - 1);
    expect(started).toHaveLength(AT_ONCE);
    vi.advanceTimersByTime(2);
    expect(started).toHaveLength(AT_ONCE * 2);
  });
});
