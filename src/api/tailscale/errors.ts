/** The one error form of this dialect: `{"message": …}`, with `data` where a policy file is at fault. */
import type { FastifyReply } from 'fastify';
import { type AppError, type ErrorCode, toAppError } from '../../kernel/errors.ts';
import { retryAfterSeconds, serverRefusal } from '../shared/refusal.ts';
import { isProblem, problemData } from './policy-problem.ts';

const STATUS_BAD_REQUEST = 400;
const STATUS_TOO_LARGE = 413;

/** Codes whose answer does not depend on what happened. */
function statusOf(code: ErrorCode): number {
  switch (code) {
    case 'invalid':
    case 'taken':
    case 'policy_invalid':
    case 'tags_not_permitted':
    case 'last_admin':
      return 400;
    case 'unauthenticated':
      return 401;
    case 'sign_in_again':
    case 'forbidden':
      return 403;
    case 'not_found':
      return 404;
    case 'conflict':
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

function messageOf(error: AppError): string {
  switch (error.code) {
    case 'unauthenticated':
      return 'API token invalid';
    case 'internal':
      return 'internal server error';
    case 'not_found':
      return 'not found';
    default:
      return error.message;
  }
}

/** Where a policy file is wrong, or what its tests found. */
const dataOf = ({ code, details }: AppError): { data?: unknown } =>
  code === 'policy_invalid' && isProblem(details) ? problemData(details) : {};

export interface WireError {
  readonly status: number;
  readonly body: { readonly message: string; readonly data?: unknown };
}

export function toWireError(thrown: unknown): WireError {
  const framework = frameworkError(thrown);
  if (framework !== undefined) return framework;
  const error = toAppError(thrown);
  return { status: statusOf(error.code), body: { message: messageOf(error), ...dataOf(error) } };
}

/** Refusals that come from below the dialect, before an operation runs: bodies that are too large or never end. */
function frameworkError(thrown: unknown): WireError | undefined {
  const refusal = serverRefusal(thrown);
  if (refusal === undefined) return undefined;
  return refusal.status === STATUS_TOO_LARGE
    ? { status: refusal.status, body: { message: 'request body is too large' } }
    : { status: STATUS_BAD_REQUEST, body: { message: 'bad request' } };
}

export function sendError(reply: FastifyReply, thrown: unknown): FastifyReply {
  const { status, body } = toWireError(thrown);
  // Basic first: it is what a person with curl can type.
  if (status === 429) void reply.header('retry-after', retryAfterSeconds(toAppError(thrown).details));
  if (status === 401) void reply.header('www-authenticate', 'Basic realm="api", Bearer');
  return reply.code(status).header('content-type', 'application/json').send(JSON.stringify(body));
}
