import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditEvent } from '../../src/domain/model/operations.ts';
import type { Store } from '../../src/domain/ports/store.ts';
import { verifyAuditChain } from '../../src/store/audit-verification.ts';
import { audited, BY, ENGINES, insertSerial, type OpenedStore, openNew, serial, tamper } from './stores.ts';

const AUDIT = { verb: 'update', objectKind: 'thing', objectId: 1, objectName: 'thing' } as const;

const allEvents = (store: Store, org: number): Promise<AuditEvent[]> =>
  store.auditEvents(org, { afterSeq: 0, limit: 1_000 });

/** All that an organization's writes have left. */
async function stateOf({ store, engine }: OpenedStore, org: number): Promise<unknown> {
  return {
    serials: await store.find('serialNumber', org, {}),
    changes: await store.feed.read(org, 0, 1_000),
    events: await allEvents(store, org),
    head: await store.auditHead(org),
    outbox: await engine.run(`SELECT * FROM "outbox" WHERE "org" = ${org}`, []),
  };
}

describe.each(ENGINES)('writes on %s', (engine) => {
  let opened: OpenedStore;
  let org = 100;
  beforeAll(async () => {
    opened = await openNew(engine);
  });
  afterAll(() => opened.close());

  test('a write leaves rows, feed, audit event and outbox together, numbered from 1 without gaps', async () => {
    org += 1;
    const { store } = opened;
    const start = Date.now();
    for (let round = 0; round < 3; round += 1) {
      await store.write({ orgs: [org], by: BY, origin: 'cli' }, async (tx) => {
        await tx.insert('serialNumber', serial(org, 2 * round + 1, `a${round}`));
        await tx.insert('serialNumber', serial(org, 2 * round + 2, `b${round}`));
        tx.audit(org, { ...AUDIT, objectName: `round ${round}`, after: { round }, details: 'why' });
        tx.enqueue(org, { kind: 'webhook', target: '9', payload: { round } });
      });
    }
    const changes = await store.feed.read(org, 0, 100);
    expect(changes.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(changes.map(({ after }) => after && 'serial' in after && after.serial)).toEqual([
      'a0',
      'b0',
      'a1',
      'b1',
      'a2',
      'b2',
    ]);
    expect((await store.feed.heads([org])).get(org)).toBe(6);
    const events = await allEvents(store, org);
    expect(events).toMatchObject(
      [1, 2, 3].map((seq) => ({
        org,
        seq,
        origin: 'cli',
        byKind: 'system',
        byId: '1',
        byName: 'contract',
        objectName: `round ${seq - 1}`,
        after: JSON.stringify({ round: seq - 1 }),
        before: null,
        details: 'why',
      })),
    );
    for (const { at } of [...changes, ...events]) expect(at).toBeGreaterThanOrEqual(start);
    const outbox = await opened.engine.run(
      `SELECT "kind", "target", "payload" FROM "outbox" WHERE "org" = ${org} ORDER BY "id"`,
      [],
    );
    expect(outbox).toEqual(
      [0, 1, 2].map((round) => ({ kind: 'webhook', target: '9', payload: JSON.stringify({ round }) })),
    );
    expect(await verifyAuditChain(store, org)).toMatchObject({ events: 3, fault: undefined });
  });

  test('a write that changes anything but volatile facts must give an audit event', async () => {
    org += 1;
    const { store } = opened;
    const silent = store.write({ orgs: [org], by: BY, origin: 'system' }, (tx) =>
      tx.insert('serialNumber', serial(org, 1, 'x')),
    );
    await expect(silent).rejects.toThrow('serialNumber without an audit event');
    await store.write({ orgs: [org], by: BY, origin: 'system' }, (tx) =>
      tx.put('credentialSeen', { org, credential: 1, lastUsed: 5 }),
    );
    expect(await allEvents(store, org)).toEqual([]);
    expect(await store.feed.read(org, 0, 9)).toMatchObject([
      { seq: 1, kind: 'credentialSeen', key: '1', before: null, after: { lastUsed: 5 } },
    ]);
    expect(await store.find('serialNumber', org, {})).toEqual([]);
  });

  test('an audit event on another organization than the changed one is not enough', async () => {
    org += 2;
    const { store } = opened;
    const [one, two] = [org - 1, org];
    const write = store.write({ orgs: [one, two], by: BY, origin: 'system' }, async (tx) => {
      await tx.insert('serialNumber', serial(one, 1, 'x'));
      tx.audit(two, AUDIT);
    });
    await expect(write).rejects.toThrow('without an audit event');
    expect(await allEvents(store, two)).toEqual([]);
  });

  test('an audit event, a mail or a row on an organization that the write did not name is refused', async () => {
    org += 2;
    const context = { orgs: [org], by: BY, origin: 'system' } as const;
    const { store } = opened;
    await expect(store.write(context, async (tx) => tx.audit(org - 1, AUDIT))).rejects.toThrow('not named');
    await expect(
      store.write(context, async (tx) => tx.enqueue(org - 1, { kind: 'mail', target: '', payload: 1 })),
    ).rejects.toThrow('not named');
    await expect(store.write({ ...context, orgs: [] }, async () => undefined)).rejects.toThrow('must name');
  });

  test('a change that changes nothing writes nothing and needs no audit event', async () => {
    org += 1;
    const { store } = opened;
    await audited(store, [org], (tx) =>
      tx.insert('setting', { org, name: 'x', value: { a: 1, b: [2] }, updatedAt: 1 }),
    );
    const before = await stateOf(opened, org);
    await store.write({ orgs: [org], by: BY, origin: 'system' }, async (tx) => {
      await tx.update('setting', org, { name: 'x' }, { value: { b: [2], a: 1 }, updatedAt: 1 });
      await tx.put('setting', { org, name: 'x', value: { a: 1, b: [2] }, updatedAt: 1 });
      expect(await tx.remove('setting', org, { name: 'y' })).toBe(false);
    });
    expect(await stateOf(opened, org)).toEqual(before);
  });

  test('whatever a write throws, nothing of it stays', async () => {
    org += 1;
    const { store } = opened;
    await insertSerial(store, org, 1);
    const before = await stateOf(opened, org);
    const told: unknown[] = [];
    const stop = store.feed.onCommit((changed) => {
      if (changed === org) told.push(changed);
    });
    const failing = audited(store, [org], async (tx) => {
      await tx.insert('serialNumber', serial(org, 2, 'two'));
      await tx.update('serialNumber', org, 1, { serial: 'other' });
      tx.audit(org, AUDIT);
      tx.enqueue(org, { kind: 'mail', target: 'x', payload: null });
      expect(await tx.count('serialNumber', org)).toBe(2);
      throw new RangeError('thought better of it');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await stateOf(opened, org)).toEqual(before);
    stop();
    expect(told).toEqual([]);
    await insertSerial(store, org, 2);
    expect((await store.feed.heads([org])).get(org)).toBe(2);
  });

  test('a write that swallows a failed statement commits nothing, on either engine', async () => {
    org += 1;
    const { store } = opened;
    await insertSerial(store, org, 1, 'same');
    const before = await stateOf(opened, org);
    const swallowing = audited(store, [org], async (tx) => {
      await tx.insert('serialNumber', serial(org, 2, 'other'));
      await tx.insert('serialNumber', serial(org, 3, 'same')).catch(() => undefined);
      await expect(tx.count('serialNumber', org)).rejects.toMatchObject({ code: 'taken' });
    });
    await expect(swallowing).rejects.toMatchObject({ code: 'taken', field: 'serial' });
    expect(await stateOf(opened, org)).toEqual(before);
  });

  test('what is refused before a statement leaves the write as it was', async () => {
    org += 1;
    const { store } = opened;
    await audited(store, [org], async (tx) => {
      await expect(tx.update('serialNumber', org, 404, { serial: 'x' })).rejects.toMatchObject({
        code: 'not_found',
      });
      await tx.insert('serialNumber', serial(org, 1, 'kept'));
    });
    expect(await store.find('serialNumber', org, {})).toHaveLength(1);
  });

  test('an operation that was not awaited ends the write without effect', async () => {
    org += 1;
    const { store } = opened;
    const careless = audited(store, [org], async (tx) => {
      void tx.insert('serialNumber', serial(org, 1, 'x'));
    });
    await expect(careless).rejects.toThrow('await every operation');
    let late: Promise<unknown> = Promise.resolve();
    await audited(store, [org], async (tx) => {
      late = new Promise((resolve) => setTimeout(resolve, 20)).then(() =>
        tx.insert('serialNumber', serial(org, 2, 'y')),
      );
      late.catch(() => undefined);
    });
    await expect(late).rejects.toThrow('has ended');
    expect(await store.find('serialNumber', org, {})).toEqual([]);
  });

  test('operations begun together run in the order of their calls', async () => {
    org += 1;
    const { store } = opened;
    await audited(store, [org], (tx) =>
      tx.insert('groupNetmaker', { org, group: 1, colorCode: 'a', metaData: 'a' }),
    );
    await audited(store, [org], async (tx) => {
      await Promise.all([
        tx.update('groupNetmaker', org, { group: 1 }, { colorCode: 'b' }),
        tx.update('groupNetmaker', org, { group: 1 }, { metaData: 'c' }),
        tx.insert('groupNetmaker', { org, group: 2, colorCode: '', metaData: '' }),
        tx.remove('groupNetmaker', org, { group: 2 }),
      ]);
    });
    const states = (await store.feed.read(org, 1, 9)).map(({ before, after }) =>
      [before, after].map((row) => row && 'colorCode' in row && `${row.colorCode}${row.metaData}`),
    );
    expect(states).toEqual([
      ['aa', 'ba'],
      ['ba', 'bc'],
      [null, ''],
      ['', null],
    ]);
  });

  test('a write inside a write is refused instead of waiting for itself', async () => {
    org += 1;
    const { store } = opened;
    const nested = audited(store, [org], () => insertSerial(store, org, 1));
    await expect(nested).rejects.toThrow('inside another write');
  });

  test('many rows at once are each in the feed', async () => {
    org += 1;
    const rows = Array.from({ length: 1_203 }, (_, index) => serial(org, index + 1, `s${index}`));
    await audited(opened.store, [org], (tx) => tx.insertAll('serialNumber', rows));
    const changes = await opened.store.feed.read(org, 0, 5_000);
    expect(changes.map(({ after }) => after)).toEqual(rows);
    await audited(opened.store, [org], (tx) => tx.insertAll('serialNumber', []));
    expect((await opened.store.feed.heads([org])).get(org)).toBe(1_203);
  });

  test('a write may take as many ids as it asked for, and no more', async () => {
    org += 1;
    const { store } = opened;
    const ids = await audited(store, [org], async (tx) => Array.from({ length: 300 }, () => tx.newId()), 300);
    expect(new Set(ids).size).toBe(300);
    await expect(audited(store, [org], async (tx) => [tx.newId(), tx.newId()], 1)).rejects.toThrow(
      'more ids than the 1',
    );
  });

  test('a write on two organizations is in both or in neither', async () => {
    org += 2;
    const [one, two] = [org, org - 1];
    const { store } = opened;
    await audited(store, [one, two, one], async (tx) => {
      await tx.insert('serialNumber', serial(one, 1, 'x'));
      await tx.insert('serialNumber', serial(two, 1, 'x'));
    });
    for (const each of [one, two]) {
      expect(await store.feed.read(each, 0, 9)).toMatchObject([{ org: each, seq: 1 }]);
      expect(await verifyAuditChain(store, each)).toMatchObject({ events: 1, fault: undefined });
    }
    const before = [await stateOf(opened, one), await stateOf(opened, two)];
    const failing = audited(store, [one, two], async (tx) => {
      await tx.insert('serialNumber', serial(one, 2, 'y'));
      await tx.insert('serialNumber', serial(two, 2, 'x'));
    });
    await expect(failing).rejects.toMatchObject({ code: 'taken', field: 'serial' });
    expect([await stateOf(opened, one), await stateOf(opened, two)]).toEqual(before);
  });

  test('an error in a listener to commits harms neither the write nor other listeners', async () => {
    org += 1;
    const { store, errors } = opened;
    const told: number[] = [];
    const stops = [
      store.feed.onCommit(() => {
        throw new Error('listener broke');
      }),
      store.feed.onCommit((changed) => told.push(changed)),
    ];
    await insertSerial(store, org, 1);
    for (const stop of stops) stop();
    expect(told).toEqual([org]);
    expect(errors.splice(0)).toMatchObject([{ message: 'listener broke' }]);
  });

  test('an event with any text in it can be written, and its chain holds', async () => {
    org += 1;
    const { store } = opened;
    const by = { kind: 'membership', id: 'nul\0', name: 'half \uD800 pair' } as const;
    await store.write({ orgs: [org], by, origin: 'system' }, async (tx) => {
      tx.audit(org, {
        ...AUDIT,
        objectName: 'a\0b',
        details: '\uDC00',
        before: { '\0': '\uD83D' },
        after: 1e21,
      });
      tx.audit(org, { ...AUDIT, before: null, after: undefined, network: 3, field: "'" });
    });
    expect(await verifyAuditChain(store, org)).toMatchObject({ events: 2, fault: undefined });
    expect((await allEvents(store, org))[1]).toMatchObject({
      before: 'null',
      after: null,
      network: 3,
      field: "'",
    });
  });

  describe('tampering with the audit chain is found', () => {
    const TEXTS = [
      'prevHash',
      'hash',
      'byKind',
      'byId',
      'byName',
      'origin',
      'verb',
      'objectKind',
      'objectId',
      'objectName',
      'field',
      'before',
      'after',
      'details',
    ];
    const at = (where: number): string => `WHERE "org" = ${where} AND "seq" = 3`;
    const cases: readonly (readonly [string, (org: number) => readonly string[]])[] = [
      ...TEXTS.map(
        (name) =>
          [
            `a changed ${name}`,
            (on: number) => [`UPDATE "auditEvent" SET "${name}" = 'forged' ${at(on)}`],
          ] as const,
      ),
      ...['at', 'network'].map(
        (name) =>
          [
            `a changed ${name}`,
            (on: number) => [`UPDATE "auditEvent" SET "${name}" = 12 ${at(on)}`],
          ] as const,
      ),
      ['a field that was emptied', (on) => [`UPDATE "auditEvent" SET "details" = NULL ${at(on)}`]],
      ['an event taken out', (on) => [`DELETE FROM "auditEvent" ${at(on)}`]],
      [
        'an event taken out, the rest moved up',
        (on) => [
          `DELETE FROM "auditEvent" ${at(on)}`,
          `UPDATE "auditEvent" SET "seq" = 3 WHERE "org" = ${on} AND "seq" = 4`,
        ],
      ],
      ['the first event taken out', (on) => [`DELETE FROM "auditEvent" WHERE "org" = ${on} AND "seq" = 1`]],
      ['the last event taken out', (on) => [`DELETE FROM "auditEvent" WHERE "org" = ${on} AND "seq" = 5`]],
      ['all events taken out', (on) => [`DELETE FROM "auditEvent" WHERE "org" = ${on}`]],
      [
        'events that changed places',
        (on) =>
          [3, 4, 99].map(
            (from, index) =>
              `UPDATE "auditEvent" SET "seq" = ${[99, 3, 4][index]} WHERE "org" = ${on} AND "seq" = ${from}`,
          ),
      ],
      ['an event from elsewhere', (on) => [`UPDATE "auditEvent" SET "objectName" = 'theirs' ${at(on)}`]],
      ['a head set back', (on) => [`UPDATE "organizationHead" SET "auditSeq" = 4 WHERE "org" = ${on}`]],
      [
        'a head with another hash',
        (on) => [`UPDATE "organizationHead" SET "auditHash" = 'forged' WHERE "org" = ${on}`],
      ],
    ];
    test.each(cases)('%s', async (_name, statements) => {
      org += 1;
      const own = org;
      for (let id = 1; id <= 5; id += 1) {
        await opened.store.write({ orgs: [own], by: BY, origin: 'system' }, async (tx) =>
          tx.audit(own, { ...AUDIT, field: 'f', before: 1, after: 2, network: 1, details: 'd' }),
        );
      }
      expect(await verifyAuditChain(opened.store, own)).toMatchObject({ events: 5, fault: undefined });
      for (const sql of statements(own)) await tamper(opened.engine, sql);
      expect((await verifyAuditChain(opened.store, own)).fault).toBeDefined();
    });
  });
});
