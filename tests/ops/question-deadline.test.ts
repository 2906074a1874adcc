// A proposed write that does not end: whoever asked is told in time, the write is taken back, and nobody else waits for it.
import { afterEach, describe, expect, test } from 'vitest';
import { createProposals, type Proposals } from '../../src/app/proposals.ts';
import { createQuestions } from '../../src/app/questions.ts';
import { BY, ENGINES, type OpenedStore, openNew } from '../contract/stores.ts';
import { insertNetwork } from '../support/seeds.ts';

const DEADLINE_MS = 400;
/** Nobody waits for what has been given up; the database would end it after thirty seconds. */
const SOON_MS = 20_000;
const ORG = 77;
const ACTOR = { kind: 'system', org: ORG, name: 'test', permissions: new Set([]) } as const;

describe.each(ENGINES)('a proposed write that does not end, on %s', (engine) => {
  let opened: OpenedStore | undefined;
  let proposals: Proposals | undefined;
  let log: string[] = [];
  afterEach(async () => {
    await proposals?.close();
    await opened?.close();
  });

  const start = async (): Promise<OpenedStore> => {
    const made = await openNew(engine);
    opened = made;
    log = [];
    const questions = createQuestions({
      ...{ location: made.location, onLost: (error) => log.push(String(error)), deadlineMs: DEADLINE_MS },
    });
    proposals = createProposals({
      ...{ store: made.store, questions, clock: { now: Date.now } },
      mount: async (server, store) => {
        const write = async (name: string, rest: () => Promise<void>): Promise<void> => {
          await store.write({ orgs: [ORG], by: BY, origin: 'native-api' }, async (tx) => {
            await insertNetwork(tx, ORG, { name });
            tx.audit(ORG, { verb: 'create', objectKind: 'network', objectId: 0, objectName: name });
            log.push(`inserted ${name}`);
            await rest();
            await insertNetwork(tx, ORG, { name: `${name} again` });
            log.push(`inserted ${name} again`);
          });
        };
        const refusal = (error: unknown): void => void log.push((error as Error).message);
        server.post('/stuck', async () => {
          await write('stuck', () => new Promise(() => undefined)).catch(refusal);
          // Whoever takes the end of one write for a refusal goes on to the next.
          await write('next', async () => undefined).catch(refusal);
        });
        server.post('/slow', async () => {
          await write('slow', () => new Promise((resolve) => setTimeout(resolve, DEADLINE_MS * 2))).catch(
            refusal,
          );
        });
        server.post('/nothing', async () => ({ ok: true }));
        return async () => undefined;
      },
    });
    return made;
  };
  const propose = (path: string) =>
    proposals!.of(ACTOR, { method: 'POST', path, headers: {}, body: undefined });
  const networks = async ({ store }: OpenedStore): Promise<string[]> =>
    (await store.find('network', ORG, {})).map(({ name }) => name);
  const writeReally = ({ store }: OpenedStore): Promise<unknown> =>
    store.write({ orgs: [ORG], by: BY, origin: 'native-api' }, async (tx) => {
      await insertNetwork(tx, ORG, { name: 'real' });
      tx.audit(ORG, { verb: 'create', objectKind: 'network', objectId: 0, objectName: 'real' });
    });

  const late = {
    code: 'unavailable',
    message: 'there was no answer within 0.4 seconds; ask again when less is asked, or about less',
  };

  test(
    'is taken back at the deadline, lets others write, and the next question is answered',
    async () => {
      const made = await start();
      const asked = expect(propose('/stuck')).rejects.toMatchObject(late);
      await expect.poll(() => log).toContain('inserted stuck');
      // Stands behind the proposed write until that is taken back.
      await writeReally(made);
      await asked;
      expect(await networks(made)).toEqual(['real']);
      expect(await propose('/nothing')).toEqual({ status: 200, answer: '{"ok":true}', impact: null });
      expect(log).toEqual(['inserted stuck', late.message, late.message]);
    },
    SOON_MS,
  );

  test(
    'writes nothing more when it goes on after all',
    async () => {
      const made = await start();
      await expect(propose('/slow')).rejects.toMatchObject(late);
      await writeReally(made);
      await new Promise((resolve) => setTimeout(resolve, DEADLINE_MS * 2));
      expect(await networks(made)).toEqual(['real']);
      expect(log).toEqual(['inserted slow', late.message]);
      expect(made.errors).toEqual([]);
    },
    SOON_MS,
  );
});
