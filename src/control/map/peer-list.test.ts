import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPeerList, type PeerList } from './peer-list.ts';

const json = (id: number): string => `{"ID":${id}}`;

/** What a client would read: the frames one after the other, as the contents of an array. */
function read(list: PeerList, without: number, compression: 'zstd' | 'none', of = json): number[] {
  const texts = list
    .parts(without, of, compression)
    .map((part) => (compression === 'none' ? part : zstdDecompressSync(part)).toString());
  return (JSON.parse(`[${texts.join('')}]`) as { ID: number }[]).map(({ ID }) => ID);
}

describe('a list of peers', () => {
  it('holds what was put in, in order, without the viewer, after any changes', () => {
    const step = fc.record({
      id: fc.integer({ min: 1, max: 300 }),
      action: fc.constantFrom('add', 'remove', 'read'),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { maxLength: 200 }),
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom('zstd' as const, 'none' as const),
        (start, steps, compression) => {
          const list = createPeerList(start);
          const expected = new Set(start);
          for (const { id, action } of steps) {
            if (action === 'add') {
              list.add(id);
              expected.add(id);
            } else if (action === 'remove') {
              list.remove(id);
              expected.delete(id);
            }
            const others = [...expected].filter((other) => other !== id).sort((a, b) => a - b);
            expect(read(list, id, compression)).toEqual(others);
            expect(list.size).toBe(expected.size);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('makes only the part of a changed device again', () => {
    const list = createPeerList(Array.from({ length: 200 }, (_, index) => index + 1));
    const rendered: number[] = [];
    const counting = (id: number): string => {
      rendered.push(id);
      return json(id);
    };
    read(list, 0, 'zstd', counting);
    expect(rendered).toHaveLength(200);
    rendered.length = 0;
    list.touch(150);
    read(list, 0, 'zstd', counting);
    expect(rendered).toContain(150);
    expect(rendered.length).toBeLessThan(60);
    rendered.length = 0;
    read(list, 0, 'zstd', counting);
    expect(rendered).toEqual([]);
  });
});
