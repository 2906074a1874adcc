import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ENGINES } from '../support/api-server.ts';
import { THINGS } from './all-things.ts';
import type { Shown, Step, Thing, Writer } from './things.ts';
import { DIALECTS, type Dialect, NOT_BUILT, VOCABULARY, type Word } from './vocabulary.ts';
import { ABSENT, createWorld, type World } from './world.ts';

/** What one dialect wrote, every other and every device shows within this time. */
const DEADLINE_MS = 5_000;

const writersOf = (by: object): Writer[] => Object.keys(by) as Writer[];

/** Enough runs that each writer of each step gets its turn. */
const runsOf = (thing: Thing<unknown>): number[] => {
  const counts = [thing.create, ...thing.steps.map(({ by }) => by), thing.remove].map(
    (by) => writersOf(by).length,
  );
  return Array.from({ length: Math.max(...counts) }, (_, run) => run);
};
const turn = <T extends object>(by: T, run: number): Writer => {
  const writers = writersOf(by);
  const writer = writers[run % writers.length];
  if (writer === undefined) throw new Error('a step without a writer');
  return writer;
};

describe.each(ENGINES)('one state in four dialects on %s', (engine) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(engine);
  });
  afterAll(() => world.close());

  const check = async (thing: Thing<unknown>, ref: unknown, shows: Shown): Promise<void> => {
    for (const [where, expected] of Object.entries(shows)) {
      const read = thing.read[where as Dialect | 'map'];
      if (read === undefined) throw new Error(`nothing reads a ${thing.word} in ${where}`);
      await vi.waitFor(
        async () => {
          const seen = await read(world, ref);
          if (expected === ABSENT || seen === ABSENT)
            expect({ [where]: seen }).toEqual({ [where]: expected });
          else expect({ [where]: seen }).toMatchObject({ [where]: expected });
        },
        { timeout: DEADLINE_MS, interval: 20 },
      );
    }
  };
  const absentEverywhere = (thing: Thing<unknown>): Shown =>
    Object.fromEntries(Object.keys(thing.read).map((where) => [where, ABSENT]));

  for (const thing of THINGS) {
    for (const run of runsOf(thing)) {
      const path = [
        turn(thing.create, run),
        ...thing.steps.map(({ by }) => turn(by, run)),
        turn(thing.remove, run),
      ];
      test(`a ${thing.word} written by ${path.join(', ')} reads the same everywhere`, async () => {
        const ref = await thing.create[path[0] ?? 'domain']?.(
          world,
          `${thing.word.replaceAll(' ', '-')}${run}`,
        );
        await check(thing, ref, thing.created);
        for (const [index, step] of thing.steps.entries()) {
          const { by, shows }: Step<unknown> = step;
          await by[path[index + 1] ?? 'domain']?.(world, ref);
          await check(thing, ref, shows);
        }
        await thing.remove[path.at(-1) ?? 'domain']?.(world, ref);
        await check(thing, ref, absentEverywhere(thing));
      });
    }
  }
});

describe('the vocabulary', () => {
  /** Words with tests of their own, beside the things that are created and deleted. */
  const ELSEWHERE: readonly Word[] = ['organization', 'role', 'audit event'];
  const cells = (Object.keys(VOCABULARY) as Word[]).flatMap((word) =>
    DIALECTS.map((dialect) => [word, dialect] as const),
  );

  test.each(cells)(
    '%s in %s is read, is not a word there, or is known to be missing',
    (word, dialect, ...rest) => {
      expect(rest).toEqual([]);
      const isWord = VOCABULARY[word][dialect] !== null;
      const reason = NOT_BUILT[word]?.[dialect];
      const read = THINGS.some((thing) => thing.word === word && thing.read[dialect] !== undefined);
      if (!isWord) expect([read, reason]).toEqual([false, undefined]);
      else if (!ELSEWHERE.includes(word)) expect(read).toBe(reason === undefined);
    },
  );

  for (const [word, missing] of Object.entries(NOT_BUILT)) {
    for (const [dialect, reason] of Object.entries(missing)) {
      test(`a ${word} reads the same in ${dialect}`, (context) => context.skip(reason));
    }
  }
});
