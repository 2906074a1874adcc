/** The one form of errors: `{message, code, status}`, with `details` where fields are at fault. */
import type { FastifyReply } from 'fastify';
import { type AppError, type ErrorCode, toAppError } from '../../kernel/errors.ts';
import { detailOf, retryAfterSeconds, serverRefusal } from '../shared/refusal.ts';

const BAD_REQUEST = 400;
const UNSUPPORTED_TYPE = 415;

interface Wire {
  readonly status: number;
  readonly code: string;
}

function wireOf(code: ErrorCode): Wire {
  switch (code) {
    case 'invalid':
    case 'policy_invalid':
    case 'tags_not_permitted':
      return { status: 400, code: 'invalid_request' };
    case 'unauthenticated':
      return { status: 401, code: 'unauthorized' };
    case 'sign_in_again':
    case 'forbidden':
      return { status: 403, code: 'forbidden' };
    case 'not_found':
      return { status: 404, code: 'not_found' };
    case 'conflict':
    case 'taken':
    case 'stale':
      return { status: 409, code: 'conflict' };
    case 'last_admin':
      return { status: 409, code: 'last_admin' };
    case 'too_large':
      return { status: 413, code: 'invalid_request' };
    case 'rate_limited':
      return { status: 429, code: 'rate_limited' };
    case 'not_implemented':
      return { status: 501, code: 'not_implemented' };
    case 'unavailable':
      return { status: 503, code: 'unavailable' };
    case 'internal':
      return { status: 500, code: 'internal_error' };
  }
}

/** Answers with an error; says whether it was our own fault. */
export function sendError(reply: FastifyReply, thrown: unknown): boolean {
  const refusal = serverRefusal(thrown);
  if (refusal !== undefined) {
    // The API has no word for a type of body that it does not take.
    const status = refusal.status === UNSUPPORTED_TYPE ? BAD_REQUEST : refusal.status;
    void reply.code(status).send({ message: refusal.message, code: 'invalid_request', status });
    return false;
  }
  const error = toAppError(thrown);
  const { status, code: general } = wireOf(error.code);
  const code = reasonOf(error) ?? general;
  // The vendor's clients repeat on 409 and 5xx; a repetition changes nothing here.
  if (status === 409 || status === 501) void reply.header('x-should-retry', 'false');
  if (status === 401) void reply.header('www-authenticate', 'Bearer');
  if (status === 429) void reply.header('retry-after', retryAfterSeconds(error.details));
  const details =
    error.field === undefined ? {} : { details: [{ field: error.field, message: error.message }] };
  void reply.code(status).send({ message: error.message, code, status, ...details });
  return error.code === 'internal';
}

/** Refusals that this API has a word of its own for. */
const REASONS: ReadonlySet<unknown> = new Set(['sso_already_enabled']);

function reasonOf(error: AppError): string | undefined {
  const reason = detailOf(error, 'reason');
  return typeof reason === 'string' && REASONS.has(reason) ? reason : undefined;
}
