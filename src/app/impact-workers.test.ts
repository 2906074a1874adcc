import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createImpactWorkers } from './impact-workers.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-impact-'));
});
afterEach(() => rm(directory, { recursive: true }));

const JOB = { org: 1, changes: [], now: 0 };
const never = (): AbortSignal => new AbortController().signal;

describe('threads for impacts', () => {
  it('start none after they are closed, whatever still waits for its turn', async () => {
    const workers = createImpactWorkers({ kind: 'sqlite', directory });
    const asked = workers.ask(JOB, never());
    // What waits is asked as soon as the first has an answer.
    const next = asked.catch(() => workers.ask(JOB, never()));
    const refused = expect(next).rejects.toMatchObject({ code: 'unavailable' });
    await workers.close();
    await refused;
  });
});
