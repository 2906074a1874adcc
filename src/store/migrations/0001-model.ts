import { allTables, createTable } from '../schema.ts';
import type { Migration } from './migration.ts';

/**
 * All tables of the model. Until the first release this step follows the declarations; with it, the statements that it
 * makes are frozen here as text, and every change becomes a step of its own.
 */
export const initialModel: Migration = {
  version: 1,
  name: 'model',
  up: async (engine, connection) => {
    for (const [table, spec] of Object.entries(allTables)) {
      for (const statement of createTable(engine, table, spec)) await connection.run(statement, []);
    }
    await connection.run('INSERT INTO "idAllocator" ("org", "next") VALUES (0, 1)', []);
    await connection.run(
      'INSERT INTO "organizationHead" ("org", "seq", "auditSeq", "auditHash", "outboxSeq") VALUES (0, 0, 0, \'\', 0)',
      [],
    );
  },
};
