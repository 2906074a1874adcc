/** Which errors of `pg` mean what (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
import pg from 'pg';

/** The five characters of the error's class and condition; undefined when it did not come from the server. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined;

const UNAVAILABLE_STATES = new Set([
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read_only_sql_transaction: a standby, or a primary that was demoted
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
]);
/** Connection exceptions; insufficient resources (disk, memory, connections); system errors. */
const UNAVAILABLE_CLASSES = new Set(['08', '53', '58']);
const CLASS_LENGTH = 2;

/** What `pg` itself says of connections, in words alone. */
const LOST =
  /^(?:Connection terminated|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error|Client was closed)/u;
const NETWORK = /^(?:ECONN|EHOST|ENET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_|ENOENT)/u;

/** Whether the connection is no longer of use. */
export function connectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof pg.DatabaseError) return isUnavailable(error);
  if (error instanceof AggregateError) return error.errors.some(connectionLost);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return LOST.test(error.message) || NETWORK.test(code);
}

export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return connectionLost(error);
  return UNAVAILABLE_STATES.has(state) || UNAVAILABLE_CLASSES.has(state.slice(0, CLASS_LENGTH));
}
