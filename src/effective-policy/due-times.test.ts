import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDueTimes } from './due-times.ts';

describe('due times', () => {
  it('give what is due, the earliest first, and each once', () => {
    const times = createDueTimes();
    times.set('c', 30);
    times.set('a', 10);
    times.set('b', 20);
    expect(times.take(9)).toEqual([]);
    expect(times.take(20)).toEqual(['a', 'b']);
    expect(times.take(20)).toEqual([]);
    expect(times.take(30)).toEqual(['c']);
  });

  it('take the last word on a subject, whatever was said before', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.nat(50), { nil: undefined })),
            fc.nat(50),
          ),
          { maxLength: 400 },
        ),
        (steps) => {
          const times = createDueTimes();
          const known = new Map<string, number>();
          for (const step of steps) {
            if (typeof step === 'number') {
              const due = [...known].filter(([, at]) => at <= step);
              for (const [subject] of due) known.delete(subject);
              const taken = times.take(step);
              expect([...taken].sort()).toEqual(due.map(([subject]) => subject).sort());
              continue;
            }
            const [subject, at] = step;
            times.set(subject, at);
            if (at === undefined) known.delete(subject);
            else known.set(subject, at);
          }
        },
      ),
    );
  });
});
