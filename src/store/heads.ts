/**
 * The heads of organizations: the row that numbers an organization's changes and audit events is the lock under which the
 * organization is written.
 *
 * Why checks made inside a write hold until it commits, on PostgreSQL at READ COMMITTED:
 *  1. The transaction's first statement is SELECT ... FOR UPDATE on the heads. A second writer waits there, before it has
 *     read anything else, until the first has ended. PostgreSQL makes a commit visible before it frees the locks, and a
 *     SELECT FOR UPDATE that waited reads the row's newest version: numbers are continued, never repeated.
 *  2. At READ COMMITTED each later statement takes a snapshot of its own, so every read of the write, `lookup` included,
 *     sees all that writers before it committed, and its own changes. (At REPEATABLE READ the snapshot would be that of
 *     the first statement, older than the lock. Hence BEGIN names the level and does not trust the server's default. An
 *     engine that is serializable whatever is asked answers 40001 instead, and the write runs again.)
 *  3. All rows of an organization are written under its head alone, so nothing read there changes before the commit. A
 *     row of another organization, or of 0, may change unless that organization is named in the write's context: `lookup`
 *     reaches across, and its result is a hint to be held against the caller's organization.
 *  4. Heads are locked in ascending order, so two writes never wait for each other's. Two writes that insert the same
 *     installation-wide keys in opposite order can; PostgreSQL ends one with 40P01, and it runs again.
 * On SQLite a write is BEGIN IMMEDIATE: there is one writer in all.
 */
import type { Connection, Engine, Statement } from './engine.ts';
import type { StoredRow } from './rows.ts';

export interface Head {
  seq: number;
  auditSeq: number;
  auditHash: string;
  /** Of the newest outbox row that the organization has had. */
  outboxSeq: number;
}

const COLUMNS = '"org", "seq", "auditSeq", "auditHash", "outboxSeq"';

/** Locks the heads that exist. `orgs` ascending and without repetition. */
export function lockStatement(engine: Engine, orgs: readonly number[]): Statement {
  const one = orgs.length === 1;
  const [before, after] = engine.lists.oneOf('"org"', 'integer');
  const mark = engine.placeholder(1);
  const where = one ? `"org" = ${mark}` : `${before}${mark}${after} ORDER BY "org"`;
  return {
    sql: `SELECT ${COLUMNS} FROM "organizationHead" WHERE ${where}${engine.forUpdate}`,
    parameters: one ? orgs : [engine.lists.encode(orgs)],
  };
}

/** From the rows of `lockStatement`; a head that was missing is made and locked now. */
export async function readHeads(
  engine: Engine,
  connection: Connection,
  orgs: readonly number[],
  rows: readonly StoredRow[],
): Promise<ReadonlyMap<number, Head>> {
  const heads = new Map(rows.map((row) => [Number(row.org), headOf(row)]));
  for (const org of orgs) {
    if (heads.has(org)) continue;
    await connection.run(
      `INSERT INTO "organizationHead" (${COLUMNS}) VALUES (${engine.placeholder(1)}, 0, 0, '', 0) ON CONFLICT DO NOTHING`,
      [org],
    );
    const { sql, parameters } = lockStatement(engine, [org]);
    const [row] = await connection.run(sql, parameters);
    if (row === undefined) throw new Error(`the head of organization ${org} vanished while it was made`);
    heads.set(org, headOf(row));
  }
  return heads;
}

const headOf = (row: StoredRow): Head => ({
  seq: Number(row.seq),
  auditSeq: Number(row.auditSeq),
  auditHash: String(row.auditHash),
  outboxSeq: Number(row.outboxSeq),
});
