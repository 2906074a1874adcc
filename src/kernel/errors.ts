/**
 * The one table of error codes. Domain services throw `AppError`; each dialect translates the code to its own status and
 * body with an exhaustive switch, so that a new code does not compile until every dialect has decided about it.
 */
const ERROR_CODES = [
  /** The input is malformed or breaks a rule; `field` names the part at fault. */
  'invalid',
  /** No credential, or one that is unknown, expired or revoked. */
  'unauthenticated',
  /** The person proved who they are too long ago for this: after signing in again it is allowed. */
  'sign_in_again',
  /** The actor is known, and may not do this. */
  'forbidden',
  /** The thing does not exist in the actor's organization (also: exists in another one). */
  'not_found',
  /** The write contradicts the present state. */
  'conflict',
  /** A name or address that must be unique is in use; `field` names it. */
  'taken',
  /** The caller's idea of the present state (If-Match, version) is out of date. */
  'stale',
  /** The write would leave the organization without its owner or last administrator. */
  'last_admin',
  /** The policy file is refused; `details` holds its problems. */
  'policy_invalid',
  /** A tag that the actor may not use, or that the policy does not know. */
  'tags_not_permitted',
  /** The body or a count exceeds its bound. */
  'too_large',
  /** Too many requests; `retryAfterSeconds` may be in `details`. */
  'rate_limited',
  /** The operation exists, and this program does not do it (yet). */
  'not_implemented',
  /** The store or another part is not to be reached now. */
  'unavailable',
  /** A defect of this program. Its message is never shown. */
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface AppErrorOptions {
  /** The input field at fault, in the words of the caller's dialect where the dialect raised it. */
  readonly field?: string;
  /** More for the caller; must be fit for publication. */
  readonly details?: unknown;
  readonly cause?: unknown;
}

/** An expected failure. `message` is written for the person who made the request and holds no secrets. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly details: unknown;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.field = options.field;
    this.details = options.details;
  }
}

/** Turns anything thrown into an `AppError`; what is not ours becomes `internal`, with the original as its cause. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  return new AppError('internal', 'internal server error', { cause: thrown });
}

export const invalid = (message: string, field?: string): AppError =>
  new AppError('invalid', message, field === undefined ? {} : { field });

export const notFound = (what: string): AppError => new AppError('not_found', `${what} not found`);
