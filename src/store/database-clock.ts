/** PostgreSQL's own clock, in milliseconds: it serves all processes that share the database, whatever theirs say. */
export const POSTGRES_NOW = 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)';
