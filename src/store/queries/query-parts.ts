import type { Connection, Engine } from '../engine.ts';

/** What a query needs: a connection to read on, and how the engine writes its SQL. */
export interface QueryParts extends Connection, Pick<Engine, 'name' | 'placeholder'> {}
