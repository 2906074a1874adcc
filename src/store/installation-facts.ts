import type { InstallationFacts } from '../domain/ports/installation-facts.ts';
import { INSTALLATION } from '../domain/ports/store.ts';
import type { Engine } from './engine.ts';

export function createInstallationFacts(engine: Engine): InstallationFacts {
  const [first, second, third] = [1, 2, 3].map(engine.placeholder);
  const insert = `INSERT INTO "installation" ("org", "name", "value") VALUES (${first}, ${second}, ${third})`;
  const key = `"org" = ${first} AND "name" = ${second}`;
  const run = (sql: string, ...parameters: string[]) =>
    engine.transaction((connection) => connection.run(sql, [INSTALLATION, ...parameters]));

  const get = async (name: string): Promise<string | undefined> => {
    const [row] = await engine.run(`SELECT "value" FROM "installation" WHERE ${key}`, [INSTALLATION, name]);
    return row === undefined ? undefined : String(row.value);
  };

  return {
    get,
    ensure: async (name, value) => {
      await run(`${insert} ON CONFLICT DO NOTHING`, name, value);
      return (await get(name)) ?? value;
    },
    set: async (name, value) => {
      await run(
        `${insert} ON CONFLICT ("org", "name") DO UPDATE SET "value" = excluded."value"`,
        name,
        value,
      );
    },
    removeStartingWith: async (prefix) => {
      // Compared in full rather than by LIKE, whose wildcards a prefix might hold.
      await run(
        `DELETE FROM "installation" WHERE "org" = ${first} AND substr("name", 1, ${prefix.length}) = ${second}`,
        prefix,
      );
    },
  };
}
