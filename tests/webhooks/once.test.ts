// Webhooks where the machine or the database is slow: nothing is sent twice for it, and nothing is lost.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWebhookQueue } from '../../src/store/webhook-queue.ts';
import { ENGINES } from '../support/engines.ts';
import { createGate } from '../support/gate.ts';
import { until } from '../support/until.ts';
import { createRig, type Rig } from './rig.ts';

/** Longer than a lease that nobody renews is held. */
const STALL_MS = 20_000;

describe.each(ENGINES)('webhooks on %s that is slow', (engine) => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await createRig(engine);
  });
  afterEach(() => rig.close());

  const said = (path: string): string[] =>
    rig.receiver.events(path).map(({ type, data }) => `${type} ${String(data?.deviceName).split('.')[0]}`);
  const isEmpty = async (): Promise<boolean> => (await rig.rows('outbox')).length === 0;

  test('a look at the rows that was under way while a delivery ended does not repeat it', async () => {
    const { webhook } = await rig.hook('/a', ['nodeCreated']);
    await rig.service.test(rig.actor, webhook.id, 'tailscale-api');
    const looked = createGate();
    const ended = createGate();
    let looks = 0;
    rig.dispatch({
      through: (exchange) => async (request, signal) => {
        await looked.passed;
        return exchange(request, signal);
      },
      queue: (queue) => ({
        ...queue,
        addressed: async (...parts) => {
          const rows = await queue.addressed(...parts);
          looks += 1;
          if (looks !== 2) return rows;
          looked.open();
          await ended.passed;
          return rows;
        },
      }),
    });
    await until(() => looks === 2, 'a second look');
    await until(isEmpty, 'a delivery that is noted');
    ended.open();
    await rig.addDevice('d0');
    await until(() => said('/a').includes('nodeCreated d0'), 'what came later');
    expect(rig.receiver.events('/a').map(({ type }) => type)).toEqual(['test', 'nodeCreated']);
  });

  test('a process that stood still for longer than its lease does not repeat what is under way', async () => {
    await rig.hook('/a', ['nodeCreated']);
    await rig.addDevice('d0');
    const answered = createGate();
    let stalledMs = 0;
    let begun = 0;
    let looks = 0;
    const dispatcher = rig.dispatch({
      clock: { now: () => Date.now() + stalledMs },
      through: (exchange) => async (request, signal) => {
        const answer = await exchange(request, signal);
        begun += 1;
        await answered.passed;
        return answer;
      },
      queue: (queue) => ({
        ...queue,
        organizations: async () => {
          looks += 1;
          return queue.organizations();
        },
      }),
    });
    await until(() => begun === 1, 'a delivery');
    stalledMs = STALL_MS;
    const before = looks;
    await until(() => looks >= before + 3, 'looks after that');
    answered.open();
    await until(isEmpty, 'a delivery that is noted');
    await rig.addDevice('d1');
    await until(() => said('/a').length >= 2, 'what came later');
    await dispatcher.close();
    expect(said('/a')).toEqual(['nodeCreated d0', 'nodeCreated d1']);
  });

  test('an endpoint whose try could not be noted keeps its rows while others go on', async () => {
    const { webhook: down } = await rig.hook('/down', ['nodeCreated']);
    await rig.hook('/up', ['nodeCreated']);
    rig.receiver.answers.set('/down', 500);
    const trying = createGate();
    const upNoted = createGate();
    const paging = createGate();
    const failed = createGate();
    let holds = false;
    let failures = 0;
    rig.dispatch({
      through: (exchange) => async (request, signal) => {
        if (request.url.endsWith('/down')) {
          trying.open();
          await upNoted.passed;
        }
        return exchange(request, signal);
      },
      queue: (queue) => ({
        ...queue,
        shared: async (...parts) => {
          const rows = await queue.shared(...parts);
          if (!holds || parts[1] === 0) return rows;
          // The other endpoint's next page: the round has not come to its end yet.
          holds = false;
          paging.open();
          await failed.passed;
          return rows;
        },
        record: async (outcomes) => {
          const ofTry = outcomes.some(({ webhook, log }) => webhook === down.id && log.length > 0);
          if (failures > 0 || !ofTry) return queue.record(outcomes);
          failures += 1;
          throw new Error('the database is gone for a moment');
        },
      }),
    });
    await rig.addDevice('d0');
    await until(async () => (await rig.rows('delivery')).length === 1, 'the note of the other endpoint');
    await trying.passed;
    holds = true;
    await rig.addDevice('d1');
    await paging.passed;
    upNoted.open();
    await until(() => rig.errors.length === 1, 'the failure');
    failed.open();
    await until(() => said('/up').length === 2, 'the other endpoint');
    rig.receiver.answers.delete('/down');
    await until(() => said('/down').includes('nodeCreated d1'), 'the endpoint that came back');
    expect(said('/down')).toEqual(['nodeCreated d0', 'nodeCreated d1']);
    expect(rig.errors).toHaveLength(1);
  });

  test('endpoints that come and go while they are read keep their places', async () => {
    // Holds what was before: an endpoint without a place of its own would be told of it.
    const { webhook: holding } = await rig.hook('/holding', ['nodeCreated']);
    const { webhook: leaving } = await rig.hook('/leaving', ['nodeCreated']);
    rig.receiver.answers.set('/holding', 500);
    await rig.addDevice('before');
    const changed = createGate();
    let wanted = false;
    rig.dispatch({
      queue: (queue) => ({
        ...queue,
        addressed: async (...parts) => {
          if (!wanted) return queue.addressed(...parts);
          wanted = false;
          await rig.hook('/early', ['nodeCreated']);
          const rows = await queue.addressed(...parts);
          await rig.hook('/late', ['nodeCreated']);
          await rig.service.remove(rig.actor, leaving.id, 'tailscale-api');
          changed.open();
          return rows;
        },
      }),
    });
    await until(() => said('/leaving').length === 1, 'what was before');
    await until(async () => (await rig.rows('webhookCursor')).length === 2, 'the notes of it');
    wanted = true;
    await changed.passed;
    await rig.addDevice('after');
    const lastOf = (path: string) => rig.receiver.events(path).at(-1)?.type;
    await until(() => lastOf('/leaving') === 'webhookDeleted', 'the end of the one that left');
    await until(() => said('/early').length > 0 && said('/late').length > 0, 'what came later');
    expect(said('/early')).toEqual(['nodeCreated after']);
    expect(said('/late')).toEqual(['nodeCreated after']);
    expect(rig.receiver.events('/leaving').map(({ type }) => type)).toEqual([
      'nodeCreated',
      'webhookDeleted',
    ]);
    await rig.service.remove(rig.actor, holding.id, 'tailscale-api');
    rig.receiver.answers.delete('/holding');
    await until(isEmpty, 'an empty outbox');
  });

  test('a place never goes back', async () => {
    const queue = createWebhookQueue(rig);
    const note = (seq: number) =>
      queue.record([
        { org: rig.org, webhook: 7, cursor: { webhook: 7, seq, attempt: 1, runAt: 0 }, log: [], done: [] },
      ]);
    for (const seq of [5, 3]) await note(seq);
    expect(await queue.cursors(rig.org)).toMatchObject([{ webhook: 7, seq: 5 }]);
    await note(5);
    await note(6);
    expect(await queue.cursors(rig.org)).toMatchObject([{ webhook: 7, seq: 6 }]);
  });
});
