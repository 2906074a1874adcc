import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FlowLogs, NewFlowLog, StoredFlowLog } from '../../src/domain/ports/flow-logs.ts';
import { createFlowLogs, pruneFlowLogs } from '../../src/store/flow-logs.ts';
import { ENGINES, type OpenedStore, openNew } from './stores.ts';

const ORG = 2;
const OTHER = 3;
const EVER = { from: 0, to: Number.MAX_SAFE_INTEGER };

describe.each(ENGINES)('flow logs on %s', (engine) => {
  let opened: OpenedStore;
  let logs: FlowLogs;
  const record = (device: number, org = ORG, traffic = '{}'): NewFlowLog => ({
    ...{ org, device, startAt: 10, endAt: 15, traffic },
  });
  const devices = (found: readonly StoredFlowLog[]): number[] => found.map(({ device }) => device);

  beforeAll(async () => {
    opened = await openNew(engine);
  });
  beforeEach(async () => {
    for (const table of ['flowLog', 'flowLogHead']) {
      await opened.engine.transaction((connection) => connection.run(`DELETE FROM "${table}"`, []));
    }
    logs = createFlowLogs({ engine: opened.engine });
  });
  afterAll(() => opened.close());

  test('what was appended is read again by its time, and an organization sees its own alone', async () => {
    await logs.append([record(1), record(7, OTHER, '{"virtualTraffic":[]}')], 1_000);
    await logs.append([record(2), record(3)], 2_000);
    expect(devices(await logs.between(ORG, EVER, undefined, 10))).toEqual([1, 2, 3]);
    expect(devices(await logs.between(ORG, { from: 1_001, to: 2_000 }, undefined, 10))).toEqual([2, 3]);
    expect(devices(await logs.between(ORG, { from: 0, to: 1_999 }, undefined, 10))).toEqual([1]);
    expect(await logs.between(OTHER, EVER, undefined, 10)).toEqual([
      {
        org: OTHER,
        seq: 1,
        device: 7,
        loggedAt: 1_000,
        startAt: 10,
        endAt: 15,
        traffic: '{"virtualTraffic":[]}',
      },
    ]);
  });

  test('pages go on where the last ended, also among records of one instant', async () => {
    await logs.append(
      Array.from({ length: 7 }, (_, index) => record(index + 1)),
      1_000,
    );
    const seen: number[] = [];
    for (let last: StoredFlowLog | undefined; ; ) {
      const page = await logs.between(ORG, EVER, last, 3);
      if (page.length === 0) break;
      seen.push(...devices(page));
      last = page.at(-1);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('numbers are without gaps, whoever writes at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        logs.append([record(index), record(index, OTHER)], 1_000 + index),
      ),
    );
    for (const org of [ORG, OTHER]) {
      const found = await logs.after(org, 0, 100);
      expect(found.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    }
    expect(await logs.after(ORG, 18, 100)).toHaveLength(2);
  });

  test('beyond its bound of bytes an organization loses its oldest records, and no other does', async () => {
    const small = createFlowLogs({ engine: opened.engine, maxBytes: 5_000 });
    const big = JSON.stringify({ virtualTraffic: ['x'.repeat(900)] });
    await small.append([record(99, OTHER, big)], 1);
    for (let index = 1; index <= 12; index += 1) await small.append([record(index, ORG, big)], index);
    const left = devices(await small.between(ORG, EVER, undefined, 100));
    expect(left).toEqual([9, 10, 11, 12]);
    expect(await small.between(OTHER, EVER, undefined, 100)).toHaveLength(1);
    const [head] = await opened.engine.run(`SELECT * FROM "flowLogHead" WHERE "org" = ${ORG}`, []);
    expect(Number(head?.bytes)).toBeLessThanOrEqual(5_000);
    expect(Number(head?.seq)).toBe(12);
  });

  test('what is older than its time is removed in pieces, and the bytes are given back', async () => {
    for (let index = 1; index <= 10; index += 1) await logs.append([record(index)], index * 100);
    await logs.append([record(1, OTHER)], 100);
    expect(await pruneFlowLogs(opened.engine, 801, 3)).toBe(9);
    expect(devices(await logs.between(ORG, EVER, undefined, 100))).toEqual([9, 10]);
    expect(await logs.between(OTHER, EVER, undefined, 100)).toEqual([]);
    const heads = await opened.engine.run('SELECT * FROM "flowLogHead" ORDER BY "org"', []);
    expect(heads.map(({ bytes }) => Number(bytes))).toEqual([204, 0]);
  });

  test('records in the name of another device are counted', async () => {
    await logs.countSpoofed(ORG, 2);
    await logs.countSpoofed(ORG, 3);
    const [head] = await opened.engine.run('SELECT * FROM "flowLogHead"', []);
    expect([Number(head?.spoofed), Number(head?.seq)]).toEqual([5, 0]);
  });
});
