/** The error form of what is our own: `{code, message, field?}`. */
import type { FastifyReply } from 'fastify';
import { RECENT_SIGN_IN_MS } from '../../domain/access/recent-sign-in.ts';
import { SECOND } from '../../kernel/clock.ts';
import { AppError, type ErrorCode, invalid, toAppError } from '../../kernel/errors.ts';
import { retryAfterSeconds, serverRefusal } from '../shared/refusal.ts';

export function statusOf(code: ErrorCode): number {
  switch (code) {
    case 'invalid':
    case 'policy_invalid':
    case 'tags_not_permitted':
      return 400;
    case 'unauthenticated':
    case 'sign_in_again':
      return 401;
    case 'forbidden':
      return 403;
    case 'not_found':
      return 404;
    case 'conflict':
    case 'taken':
    case 'last_admin':
      return 409;
    case 'stale':
      return 412;
    case 'too_large':
      return 413;
    case 'rate_limited':
      return 429;
    case 'internal':
      return 500;
    case 'not_implemented':
      return 501;
    case 'unavailable':
      return 503;
  }
}

const TOO_LARGE = 413;
/** RFC 9470 §3: the token is good, the sign-in behind it too old. */
const STEP_UP = `Bearer error="insufficient_user_authentication", max_age="${RECENT_SIGN_IN_MS / SECOND}"`;

/** Errors of the server itself (a body that is no JSON, a wrong content type) become ours. */
export function translated(error: unknown): AppError {
  const refusal = serverRefusal(error);
  if (refusal === undefined) return toAppError(error);
  return refusal.status === TOO_LARGE
    ? new AppError('too_large', 'the body is too large')
    : invalid(refusal.message);
}

/** Answers with an error; `onDefect` is told of what was our own fault. */
export function sendError(
  reply: FastifyReply,
  error: unknown,
  onDefect: (error: unknown) => void,
): FastifyReply {
  const { code, message, field, details } = translated(error);
  if (code === 'internal') onDefect(error);
  if (code === 'rate_limited') reply.header('retry-after', String(retryAfterSeconds(details)));
  if (code === 'sign_in_again') reply.header('www-authenticate', STEP_UP);
  return reply
    .code(statusOf(code))
    .header('cache-control', 'no-store')
    .send({ code, message, ...(field === undefined ? {} : { field }) });
}
