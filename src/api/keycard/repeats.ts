/**
 * Clients send a request again when no answer came, and name it by `X-Client-Request-ID`. What makes something is then done
 * once: the same caller gets the first answer again.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { NamedRequests, RequestName } from '../../domain/requests/named-requests.ts';
import { AppError } from '../../kernel/errors.ts';
import type { GuardedOperation, Operation } from '../shared/operation.ts';

/** Operations that make something; a secret in the answer is shown once. */
const MAKES: ReadonlyMap<string, { readonly secret: boolean }> = new Map([
  ['keycard.organizations.create', { secret: false }],
  ['keycard.invitations.create', { secret: false }],
  ['keycard.invitation-links.accept', { secret: false }],
  ['keycard.service-accounts.create', { secret: false }],
  ['keycard.service-account-credentials.create', { secret: true }],
  ['keycard.sso-connection.enable', { secret: false }],
]);
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/u;

/** What the caller calls the request; undefined for none, and for what is no name. */
export function requestIdOf({ headers }: FastifyRequest): string | undefined {
  const id = headers['x-client-request-id'];
  return typeof id === 'string' && REQUEST_ID.test(id) ? id : undefined;
}

interface Running {
  readonly name: RequestName;
  readonly secret: boolean;
}

export function createRepeats(requests: NamedRequests) {
  const running = new WeakMap<FastifyRequest, Running>();

  const once = (operation: GuardedOperation, secret: boolean): GuardedOperation => ({
    ...operation,
    handle: async (context) => {
      const { actor, request, reply } = context;
      const name = requestIdOf(request);
      if (name === undefined) return operation.handle(context);
      const what = `${request.method} ${request.url}`;
      const begun = await requests.begin(actor, { what, name }, 'keycard-api');
      if (begun.kind === 'running') {
        throw new AppError('rate_limited', 'this request is being worked on', {
          details: { retryAfterSeconds: 1 },
        });
      }
      if (begun.kind === 'new') {
        running.set(request, { name: begun.name, secret });
        return operation.handle(context);
      }
      if (begun.answer === null) {
        throw new AppError('conflict', 'this was done before, and its secret is shown once: make another');
      }
      return reply.code(begun.status).type('application/json').send(begun.answer);
    },
  });

  return {
    wrap: (operation: Operation): Operation => {
      const makes = MAKES.get(operation.id);
      return makes === undefined || operation.requires === 'public'
        ? operation
        : // Not public, so it is guarded.
          once(operation as GuardedOperation, makes.secret);
    },
    watch: (server: FastifyInstance): void => {
      server.addHook('onSend', async (request, reply, payload) => {
        const found = running.get(request);
        if (found === undefined) return payload;
        running.delete(request);
        const made = reply.statusCode < 300 && typeof payload === 'string';
        if (made) await requests.finish(found.name, reply.statusCode, found.secret ? null : payload);
        else await requests.forget(found.name);
        return payload;
      });
    },
  };
}
