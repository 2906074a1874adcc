/** What the errors of all dialects have in common before each puts them in its own words. */
import { AppError } from '../../kernel/errors.ts';

const FIRST_SERVER_ERROR = 500;
const DEFAULT_RETRY_SECONDS = 1;

export interface ServerRefusal {
  readonly status: number;
  readonly message: string;
}

/** The web server's own refusal of a request (a body that is no JSON, too large, or of another type); undefined for all else. */
export function serverRefusal(thrown: unknown): ServerRefusal | undefined {
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  const { statusCode: status, message } = thrown;
  return typeof status === 'number' && status < FIRST_SERVER_ERROR ? { status, message } : undefined;
}

/** After how many seconds a caller who was told to slow down may ask again; `details` are those of the error. */
export function retryAfterSeconds(details: unknown): number {
  if (typeof details !== 'object' || details === null || !('retryAfterSeconds' in details)) {
    return DEFAULT_RETRY_SECONDS;
  }
  const { retryAfterSeconds: seconds } = details;
  return typeof seconds === 'number' ? seconds : DEFAULT_RETRY_SECONDS;
}

/** One of the details of an error; undefined for what has none. */
export function detailOf(thrown: unknown, name: string): unknown {
  if (!(thrown instanceof AppError) || typeof thrown.details !== 'object' || thrown.details === null) {
    return undefined;
  }
  return Reflect.get(thrown.details, name);
}
