import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExplainJob } from './question-job.ts';
import {
  createQuestionWorkers,
  type QuestionWorkers,
  type QuestionWorkersParts,
} from './question-workers.ts';

let directory = '';
let workers: QuestionWorkers;
let losses: unknown[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-questions-'));
  losses = [];
});
afterEach(async () => {
  await workers.close();
  await rm(directory, { recursive: true });
});

const start = (parts: Partial<QuestionWorkersParts> = {}): void => {
  const location = { kind: 'sqlite', directory } as const;
  workers = createQuestionWorkers({ location, onLost: (error) => losses.push(error), ...parts });
};

const JOB = { kind: 'impact', org: 1, changes: [], now: 0 } as const;
const never = (): AbortSignal => new AbortController().signal;
const about = (source: string): ExplainJob => ({
  ...{ kind: 'explain', org: 1, now: 0, question: { source, target: 'web', port: 443, protocol: 6 } },
});

/** A thread that does what the source of a question says, and answers with how many questions it has had. */
async function startObedient(parts: Partial<QuestionWorkersParts> = {}): Promise<void> {
  const file = join(directory, 'thread.mjs');
  await writeFile(
    file,
    `import { parentPort } from 'node:worker_threads';
    let asked = 0;
    const kept = [];
    parentPort.on('message', ({ question: { source } }) => {
      asked += 1;
      if (source === 'fill') for (;;) kept.push(new Array(1_000).fill(kept.length + 0.5));
      if (source === 'hang') for (;;) asked += 1;
      if (source === 'throw') throw new Error('a defect at /srv/holdfast');
      if (source === 'reject') Promise.reject(new Error('a defect at /srv/holdfast'));
      if (source === 'exit') process.exit(0);
      if (source === 'unsendable') parentPort.postMessage({ kind: 'answer', answer: () => undefined });
      if (source === 'refuse') parentPort.postMessage({ kind: 'refusal', code: 'not_found', message: 'gone', field: 'src' });
      if (source === 'defect') parentPort.postMessage({ kind: 'defect', text: 'broken' });
      if (source === 'count' || source === 'late') parentPort.postMessage({ kind: 'answer', answer: asked });
      if (source === 'late') setTimeout(() => { throw new Error('after the answer'); });
    });`,
  );
  start({ thread: pathToFileURL(file), ...parts });
}

describe('threads for questions', () => {
  it('start none after they are closed, whatever still waits for its turn', async () => {
    start();
    const asked = workers.ask(JOB, never());
    // What waits is asked as soon as the first has an answer.
    const next = asked.catch(() => workers.ask(JOB, never()));
    const refused = expect(next).rejects.toMatchObject({ code: 'unavailable' });
    await workers.close();
    await refused;
    expect(losses).toEqual([]);
  });

  it('end with a sentence for whoever asked when their memory is full, and the next question is answered', async () => {
    await startObedient({ maxHeapMb: 16 });
    await expect(workers.ask(about('fill'), never())).rejects.toMatchObject({
      code: 'unavailable',
      message:
        'the answer takes more than the 16 MB of memory that a question may use; ask about less at once',
    });
    expect(losses).toMatchObject([{ code: 'ERR_WORKER_OUT_OF_MEMORY' }]);
    expect(await workers.ask(about('count'), never())).toBe(1);
  });

  it.each(['throw', 'reject', 'exit', 'unsendable'])(
    'that %s end with a sentence that tells nothing of the program, and the next question is answered',
    async (what) => {
      await startObedient();
      await expect(workers.ask(about(what), never())).rejects.toMatchObject({
        code: 'unavailable',
        message: 'the work on the answer ended before there was one; ask again',
      });
      expect(losses).toHaveLength(1);
      expect(await workers.ask(about('count'), never())).toBe(1);
    },
  );

  it('that end after their answer are used no more', async () => {
    await startObedient();
    expect(await workers.ask(about('late'), never())).toBe(1);
    await expect.poll(() => losses.length).toBe(1);
    expect(await workers.ask(about('count'), never())).toBe(1);
  });

  it('are ended when the time is over, whatever they do', async () => {
    await startObedient();
    expect(await workers.ask(about('count'), never())).toBe(1);
    const end = new AbortController();
    const asked = workers.ask(about('hang'), end.signal);
    setTimeout(() => end.abort(new Error('too late')), 200);
    await expect(asked).rejects.toThrow('too late');
    // Another thread: the one that hung had counted on.
    expect(await workers.ask(about('count'), never())).toBe(1);
    expect(losses).toEqual([]);
  });

  it('refuse as the work in them does, and go on', async () => {
    await startObedient();
    await expect(workers.ask(about('refuse'), never())).rejects.toMatchObject({
      ...{ code: 'not_found', message: 'gone', field: 'src' },
    });
    await expect(workers.ask(about('defect'), never())).rejects.toThrow(
      'a question was not answered: broken',
    );
    expect(await workers.ask(about('count'), never())).toBe(3);
    expect(losses).toEqual([]);
  });
});
