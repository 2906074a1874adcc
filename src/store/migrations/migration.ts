import type { Connection, Engine } from '../engine.ts';

/** One step of the database's version, in a transaction of its own. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  up(engine: Engine, connection: Connection): Promise<void>;
}
