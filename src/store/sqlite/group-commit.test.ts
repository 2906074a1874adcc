import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../engine.ts';
import { createGroupCommit, type GroupLimits, type Writer } from './group-commit.ts';
import { openSqlite } from './sqlite-engine.ts';

/** However slow the machine is: groups form by who waits alone. */
const PATIENT: GroupLimits = { transactions: 64, ms: Number.POSITIVE_INFINITY };

interface Scripted extends Writer {
  readonly said: string[];
}

/** A writer that records what it is told, and fails where `fails` says so. */
function createScripted(fails: (sql: string) => boolean = () => false): Scripted {
  const said: string[] = [];
  let open = false;
  return {
    said,
    begin: async () => {
      said.push('BEGIN');
      if (fails('BEGIN')) throw new Error('busy');
      open = true;
    },
    control: (sql) => {
      said.push(sql);
      if (fails(sql)) throw new Error(`${sql} failed`);
      if (sql === 'COMMIT' || sql === 'ROLLBACK') open = false;
    },
    inTransaction: () => open,
  };
}

const outcomes = (all: readonly Promise<unknown>[]): Promise<unknown[]> =>
  Promise.all(all.map((one) => one.catch((error: Error) => error.message)));

describe('group commit', () => {
  test('commits those that wait together, and one alone at once', async () => {
    const writer = createScripted();
    const group = createGroupCommit(writer, PATIENT);
    expect(await group.transaction(async () => 'alone')).toBe('alone');
    expect(writer.said.splice(0)).toEqual(['BEGIN', 'SAVEPOINT turn', 'RELEASE turn', 'COMMIT']);
    const all = [1, 2, 3].map((value) => group.transaction(async () => value));
    expect(await Promise.all(all)).toEqual([1, 2, 3]);
    expect(writer.said.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
    expect(writer.said.filter((sql) => sql === 'SAVEPOINT turn')).toHaveLength(3);
  });

  test('acknowledges nothing before the commit', async () => {
    const events: string[] = [];
    const scripted = createScripted();
    const writer: Writer = {
      ...scripted,
      control: (sql) => {
        scripted.control(sql);
        events.push(sql);
      },
    };
    const group = createGroupCommit(writer, PATIENT);
    await Promise.all(
      [1, 2].map((one) => group.transaction(async () => one).then(() => events.push(`told ${one}`))),
    );
    expect(events.slice(events.indexOf('COMMIT'))).toEqual(['COMMIT', 'told 1', 'told 2']);
  });

  test('undoes the one that failed and keeps the others', async () => {
    const writer = createScripted();
    const group = createGroupCommit(writer, PATIENT);
    const all = [1, 2, 3].map((value) =>
      group.transaction(async () => {
        if (value === 2) throw new Error('two failed');
        return value;
      }),
    );
    expect(await outcomes(all)).toEqual([1, 'two failed', 3]);
    expect(writer.said.filter((sql) => sql.startsWith('ROLLBACK'))).toEqual(['ROLLBACK TO turn']);
  });

  test('a commit that fails fails all of the group, and the next group begins anew', async () => {
    let failing = true;
    const writer = createScripted((sql) => sql === 'COMMIT' && failing);
    const group = createGroupCommit(writer, PATIENT);
    const all = [1, 2].map((value) => group.transaction(async () => value));
    expect(await outcomes(all)).toEqual(['COMMIT failed', 'COMMIT failed']);
    expect(writer.said.at(-1)).toBe('ROLLBACK');
    failing = false;
    expect(await group.transaction(async () => 3)).toBe(3);
  });

  test('a transaction that the database ended takes its group with it, and all of the group are told', async () => {
    let ended = false;
    const scripted = createScripted();
    const group = createGroupCommit(
      { ...scripted, inTransaction: () => !ended && scripted.inTransaction() },
      PATIENT,
    );
    const all = [
      group.transaction(async () => 1),
      group.transaction(async () => {
        ended = true;
        throw new Error('disk full');
      }),
      group.transaction(async () => {
        ended = false;
        return 3;
      }),
    ];
    expect(await outcomes(all)).toEqual(['the database ended the transaction', 'disk full', 3]);
    expect(scripted.said.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
  });

  test('a group is closed at its greatest size and at its time', async () => {
    for (const limits of [
      { transactions: 2, ms: Number.POSITIVE_INFINITY },
      { transactions: 64, ms: 0 },
    ]) {
      const writer = createScripted();
      const group = createGroupCommit(writer, limits);
      await Promise.all([1, 2, 3, 4].map((value) => group.transaction(async () => value)));
      expect(writer.said.filter((sql) => sql === 'COMMIT')).toHaveLength(limits.transactions === 2 ? 2 : 4);
    }
  });

  test('a transaction that cannot begin is refused to all that wait', async () => {
    let failing = true;
    const writer = createScripted((sql) => sql === 'BEGIN' && failing);
    const group = createGroupCommit(writer, PATIENT);
    expect(await outcomes([1, 2].map((value) => group.transaction(async () => value)))).toEqual([
      'busy',
      'busy',
    ]);
    failing = false;
    expect(await group.transaction(async () => 3)).toBe(3);
    await group.idle();
  });

  test('whoever comes at any moment gets a turn', async () => {
    const group = createGroupCommit(createScripted(), PATIENT);
    let done = 0;
    await Promise.all(
      Array.from({ length: 50 }, async (_, steps) => {
        for (let round = 0; round < 20; round += 1) {
          for (let step = 0; step < steps; step += 1) await Promise.resolve();
          await group.transaction(async () => undefined);
          done += 1;
        }
      }),
    );
    expect(done).toBe(1_000);
  });
});

describe('group commit on a database', () => {
  let directory: string;
  let engine: Engine;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-group-'));
    engine = openSqlite(join(directory, 'test.db'));
    await engine.transaction((connection) =>
      connection.run('CREATE TABLE thing (id INTEGER PRIMARY KEY)', []),
    );
  });
  afterEach(async () => {
    await engine.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const insert = (id: number, fails = false): Promise<unknown> =>
    engine.transaction(async (connection) => {
      await connection.run('INSERT INTO thing VALUES (?)', [id]);
      if (fails) throw new Error(`${id} failed`);
    });

  test('what failed is gone and what stood before and after it stays', async () => {
    const all = Array.from({ length: 200 }, (_, id) => insert(id, id % 3 === 1));
    const told = await outcomes(all);
    expect(told.filter((one) => one !== undefined)).toHaveLength(67);
    const rows = await engine.run('SELECT id FROM thing ORDER BY id', []);
    expect(rows.map(({ id }) => id)).toEqual(
      Array.from({ length: 200 }, (_, id) => id).filter((id) => id % 3 !== 1),
    );
  });

  test('what is acknowledged is there and nothing else, when the database ends a transaction by itself', async () => {
    const ending = engine.transaction(async (connection) => {
      await connection.run('INSERT INTO thing VALUES (7)', []);
      // As SQLite does by itself when the disk is full.
      await connection.run('INSERT OR ROLLBACK INTO thing VALUES (7)', []);
    });
    const told = await outcomes([insert(1), ending, insert(2)]);
    expect(told[1]).toContain('UNIQUE constraint failed');
    const acknowledged = [1, 2].filter((id) => told[id === 1 ? 0 : 2] === undefined);
    const rows = await engine.run('SELECT id FROM thing', []);
    expect(rows.map(({ id }) => id)).toEqual(acknowledged);
    expect(acknowledged).toContain(2);
  });

  test('a reader sees a group whole or not at all', async () => {
    let inside: unknown;
    await Promise.all([
      insert(1),
      engine.transaction(async () => {
        inside = await engine.run('SELECT id FROM thing', []);
      }),
    ]);
    expect(inside).toEqual([]);
    expect(await engine.run('SELECT id FROM thing', [])).toEqual([{ id: 1 }]);
  });
});
