// Log streams end to end: what is logged arrives, in order, once, through failures, restarts and several processes.
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ENGINES } from '../support/engines.ts';
import { unless } from '../support/requirements.ts';
import { until } from '../support/until.ts';
import { createStreamRig, linesOf, namesOf, type StreamRig, T } from './rig.ts';

describe.each(ENGINES)('log streams on %s', (engine) => {
  let rig: StreamRig;
  beforeEach(async () => {
    rig = await createStreamRig(engine);
  });
  afterEach(async () => {
    expect(rig.api.failures).toEqual([]);
    await rig.close();
  });
  const arrived = () =>
    rig.receiver.requests.filter(({ status }) => status === 200).flatMap(({ body }) => linesOf(body));
  const names = (): string[] => namesOf(arrived());
  const has = (name: string | undefined) => () => names().includes(name ?? '');

  test('what is logged from its setting on arrives in order, as the list of the log shows it', async () => {
    await rig.configure(3);
    rig.api.clock.advance(1);
    await rig.stream({});
    const made = await rig.configure(30);
    rig.deliver();
    await until(has(made.at(-1)), 'the last entry');
    const later = await rig.configure(5);
    await until(has(later.at(-1)), 'the last entry written later');
    expect(names()).toEqual([...made, ...later]);

    const window = `start=2000-01-01T00:00:00Z&end=2100-01-01T00:00:00Z`;
    const answer = await rig.api.call('GET', `${T}/logging/configuration?${window}`);
    const { logs } = answer.json<{ logs: { eventTime: string }[] }>();
    const sent = arrived();
    expect(sent.map(({ event }) => event)).toEqual(logs.slice(-sent.length));
    for (const { time, event, fields } of sent) {
      expect(new Date(time * 1_000).toISOString()).toBe(event.eventTime);
      expect(fields).toEqual({ recorded: event.eventTime });
    }
    expect(rig.receiver.requests[0]?.headers).toMatchObject({ authorization: 'Bearer stream-token' });
  });

  test('flow logs have a stream of their own', async () => {
    await rig.stream({ url: `${rig.receiver.url}/flows` }, 'network');
    await rig.configure(2);
    await rig.flow(1_500);
    rig.deliver();
    await until(() => arrived().length >= 1_500, 'all flow logs');
    const sent = arrived();
    expect(sent.map(({ event }) => event.start)).toEqual(
      Array.from({ length: 1_500 }, (_, index) => new Date(index).toISOString()),
    );
    expect(sent[0]?.event).toEqual({
      logged: expect.any(String),
      nodeId: expect.stringMatching(/^n\w+CNTRL$/u),
      start: '1970-01-01T00:00:00.000Z',
      end: '1970-01-01T00:00:00.001Z',
      virtualTraffic: [],
    });
    // A thousand at most in a request, and none is larger than collectors take.
    expect(rig.receiver.requests.length).toBeGreaterThan(1);
  });

  test('a request is bounded in bytes, and an entry beyond the bound goes alone', async () => {
    await rig.stream({}, 'network');
    const large = JSON.stringify({ virtualTraffic: ['x'.repeat(300_000)] });
    await rig.flow(5, large);
    await rig.flow(1, JSON.stringify({ virtualTraffic: ['y'.repeat(2_000_000)] }));
    await rig.flow(1);
    rig.deliver();
    await until(() => arrived().length >= 7, 'all flow logs');
    const sizes = rig.receiver.requests.map(({ body }) => body.length);
    expect(sizes.filter((size) => size > 1_000_000)).toHaveLength(1);
    expect(arrived()).toHaveLength(7);
    expect((await rig.status('network')).maxBodySize).toBe(Math.max(...sizes));
  });

  test('what fails is tried again, the entries after it wait, and the status says why', async () => {
    await rig.stream({});
    const [first] = await rig.configure(1);
    rig.receiver.answers.set('/logs', 503);
    rig.deliver();
    await until(() => rig.receiver.requests.length >= 2, 'a second try');
    const failing = await rig.status();
    expect(failing).toMatchObject({
      lastError: 'the destination answered 503',
      numBytesSent: 0,
      numEntriesSent: 0,
      numSpoofedEntries: 0,
    });
    expect(failing.numFailedRequests).toBeGreaterThanOrEqual(1);
    expect(Number(failing.rateFailedRequests)).toBeGreaterThan(0);
    const [second] = await rig.configure(1);
    rig.receiver.answers.delete('/logs');
    await until(has(second), 'the entries');
    expect(names()).toEqual([first, second]);
    await until(async () => (await rig.status()).lastError === '', 'a good status');
    const good = await rig.status();
    const sent = rig.receiver.requests.filter(({ status }) => status === 200);
    expect(good).toMatchObject({
      numEntriesSent: arrived().length,
      numBytesSent: sent.reduce((sum, { raw }) => sum + raw.length, 0),
      numTotalRequests: rig.receiver.requests.length,
      numFailedRequests: rig.receiver.requests.length - sent.length,
    });
    expect(Date.parse(String(good.lastActivity))).toBeGreaterThan(Date.now() - 60_000);
  });

  test('a stream that was given another address is tried at once, from where it stood', async () => {
    await rig.stream({ url: `${rig.receiver.url}/broken` });
    rig.receiver.answers.set('/broken', 500);
    const [first] = await rig.configure(1);
    // For a clock that stands still the time of a second try never comes.
    const now = Date.now();
    rig.deliver({ clock: { now: () => now } });
    await until(async () => (await rig.status()).lastError !== '', 'a try that failed');
    rig.api.clock.advance(1);
    await rig.stream({ url: `${rig.receiver.url}/logs` });
    await until(has(first), 'the entry');
    expect(names()).toEqual([first]);
  });

  test('a stream that was removed and set again tells nothing of the time between', async () => {
    await rig.stream({});
    rig.deliver();
    const [first] = await rig.configure(1);
    await until(has(first), 'the first entry');
    await rig.api.call('DELETE', `${T}/logging/configuration/stream`);
    rig.api.clock.advance(10);
    await rig.configure(3);
    rig.api.clock.advance(10);
    await rig.stream({});
    expect(await rig.status()).toMatchObject({ numEntriesSent: 0, lastActivity: '0001-01-01T00:00:00Z' });
    const [last] = await rig.configure(1);
    await until(has(last), 'the last entry');
    expect(names()).toEqual([first, last]);
  });

  test('a delivery that was not noted is repeated with the same entries, and nothing is lost', async () => {
    await rig.stream({});
    const made = await rig.configure(3);
    let answers = 0;
    // The process dies between the answer and the note of it.
    const dying = rig.deliver({
      through: (exchange) => async (request, signal) => {
        await exchange(request, signal);
        answers += 1;
        throw new Error('gone');
      },
    });
    await until(() => answers > 0, 'a delivery');
    await dying.close();
    rig.deliver({ holder: 'two' });
    await until(() => rig.receiver.requests.length > answers, 'a delivery that is noted');
    const [before, after] = [
      linesOf(rig.receiver.requests[0]!.body),
      linesOf(rig.receiver.requests.at(-1)!.body),
    ];
    expect(after.slice(0, before.length)).toEqual(before);
    expect(new Set(names())).toEqual(new Set(made));
  });

  test('several processes deliver every entry once', {
    ...unless(engine === 'postgres' ? undefined : 'SQLite has one process', { optional: true }),
    timeout: 60_000,
  }, async () => {
    await rig.stream({});
    const all = [1, 2, 3].map((number) => rig.deliver({ holder: `process-${number}` }));
    // What arrived and was not noted when its process went is sent again, which is no failure.
    const areNoted = async () => Number((await rig.status()).numEntriesSent) === arrived().length;
    const made = await rig.configure(40);
    await until(has(made.at(-1)), 'the last entry');
    // The one that delivers goes, and another takes over at once, as it gave its right back.
    for (const delivery of all) {
      await until(areNoted, 'the note of what arrived');
      await delivery.close();
      if (delivery === all.at(-1)) break;
      const more = await rig.configure(5);
      made.push(...more);
      await until(has(more.at(-1)), 'entries after a process went');
    }
    expect(names()).toEqual(made);
  });

  test.each([
    ['gzip', gunzipSync],
    ['zstd', zstdDecompressSync],
  ] as const)('a body may be packed with %s', async (compressionFormat, unpack) => {
    await rig.stream({ compressionFormat });
    const [name] = await rig.configure(1);
    rig.deliver();
    await until(() => rig.receiver.requests.length > 0, 'a request');
    const [request] = rig.receiver.requests;
    expect(request?.headers['content-encoding']).toBe(compressionFormat);
    expect(namesOf(linesOf(unpack(request!.raw)))).toEqual([name]);
  });

  test('private addresses are not written to unless the operator lets it', async () => {
    await rig.stream({});
    await rig.configure(1);
    rig.deliver({ allowPrivate: false });
    await until(async () => (await rig.status()).lastError !== '', 'an error');
    expect((await rig.status()).lastError).toContain('private');
    expect(rig.receiver.requests).toEqual([]);
  });

  test("an organization's stream tells of that organization alone", async () => {
    const rival = await rig.api.createOrganization('rival');
    await rig.stream({});
    const body = { capabilities: { devices: {} }, description: 'theirs' };
    await rig.api.call('POST', `${T}/keys`, { body, token: rival.token });
    const [name] = await rig.configure(1);
    rig.deliver();
    await until(has(name), 'the entry');
    expect(names()).toEqual([name]);
    const theirs = await rig.api.call('GET', `${T}/logging/configuration/stream/status`, {
      token: rival.token,
    });
    expect(theirs.status).toBe(404);
  });
});
