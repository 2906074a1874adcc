/** The two forms of answers (a bare value, an envelope) and the one form of errors. */
import type { FastifyReply } from 'fastify';
import { type AppError, type ErrorCode, toAppError } from '../../kernel/errors.ts';
import { detailOf, retryAfterSeconds, serverRefusal } from '../shared/refusal.ts';

export interface Envelope {
  readonly Code: number;
  readonly Message: string;
  readonly Response: unknown;
}

export const envelope = (message: string, response: unknown = null): Envelope => ({
  Code: 200,
  Message: message,
  Response: response,
});

/** The status and text that a handler decided on itself. */
export class NetmakerError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'NetmakerError';
    this.status = status;
  }
}

/** Where what this dialect writes comes from, in the audit. */
export const ORIGIN = 'netmaker-api';

/** Rows that do not exist are told in these words, and seldom with 404. */
export const RECORD_NOT_FOUND = 'record not found';

/** The resource type that a permission is about, in the words of a denial. */
const DENIED: Readonly<Record<string, string>> = {
  members: 'user',
  groups: 'user',
  invitations: 'user',
  networks: 'network',
  access: 'network',
  devices: 'host',
  routes: 'host',
};

function forbiddenText(error: AppError): string {
  const permission = detailOf(error, 'permission');
  if (typeof permission !== 'string') return error.message;
  return `access denied to ${DENIED[permission.split(':')[0] ?? ''] ?? 'resource'}`;
}

function statusOf(code: ErrorCode): number {
  switch (code) {
    case 'invalid':
    case 'conflict':
    case 'taken':
    case 'stale':
    case 'last_admin':
    case 'policy_invalid':
    case 'tags_not_permitted':
      return 400;
    case 'unauthenticated':
    // The dashboard asks for a sign-in on this status.
    case 'sign_in_again':
      return 401;
    case 'forbidden':
      return 403;
    case 'too_large':
      return 413;
    case 'rate_limited':
      return 429;
    case 'not_implemented':
      return 501;
    case 'unavailable':
      return 503;
    case 'not_found':
    case 'internal':
      return 500;
  }
}

function wireOf(thrown: unknown): {
  readonly status: number;
  readonly message: string;
  readonly defect: boolean;
} {
  if (thrown instanceof NetmakerError)
    return { status: thrown.status, message: thrown.message, defect: false };
  const refusal = serverRefusal(thrown);
  if (refusal !== undefined) return { ...refusal, defect: false };
  const error = toAppError(thrown);
  const defect = error.code === 'internal';
  if (error.code === 'not_found') return { status: 500, message: RECORD_NOT_FOUND, defect };
  if (error.code === 'forbidden') return { status: 403, message: forbiddenText(error), defect };
  return { status: statusOf(error.code), message: error.message, defect };
}

/** Answers with an error; says whether it was our own fault. */
export function sendError(reply: FastifyReply, thrown: unknown): boolean {
  const { status, message, defect } = wireOf(thrown);
  if (status === 429) void reply.header('retry-after', retryAfterSeconds(toAppError(thrown).details));
  void reply
    .code(status)
    .type('application/json')
    .send(JSON.stringify({ Code: status, Message: message, Response: null }));
  return defect;
}
