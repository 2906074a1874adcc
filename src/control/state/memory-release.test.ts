import { describe, expect, it } from 'vitest';
import { createCollector, createMemoryRelease } from './memory-release.ts';

describe('the release of memory after a storm', () => {
  const world = () => {
    let now = 0;
    let collections = 0;
    const release = createMemoryRelease({ clock: { now: () => now }, collect: () => (collections += 1) });
    const open = (count: number): void => {
      for (let each = 0; each < count; each += 1) release.opened();
    };
    return {
      open,
      collectionsAfter: (ms: number): number => {
        now += ms;
        release.check();
        return collections;
      },
    };
  };

  it('waits until no stream has been opened for a while, and happens once a storm', () => {
    const { open, collectionsAfter } = world();
    open(500);
    expect(collectionsAfter(9_000)).toBe(0);
    open(1);
    expect(collectionsAfter(9_000)).toBe(0);
    expect(collectionsAfter(1_000)).toBe(1);
    expect(collectionsAfter(60_000)).toBe(1);
    open(500);
    expect(collectionsAfter(10_000)).toBe(2);
  });

  it('is not worth it after a few streams', () => {
    const { open, collectionsAfter } = world();
    open(99);
    expect(collectionsAfter(60_000)).toBe(0);
    open(1);
    expect(collectionsAfter(60_000)).toBe(1);
  });

  it('collects what nobody holds any more', () => {
    const collect = createCollector();
    const held = new WeakRef(Array.from({ length: 1_000 }, (_, index) => ({ index })));
    return new Promise<void>((resolve) => setTimeout(resolve, 0)).then(() => {
      collect();
      expect(held.deref()).toBeUndefined();
    });
  });
});
