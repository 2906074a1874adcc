/**
 * The registry of operations. A dialect is a list of them; each declares what it requires of its caller, and nothing is
 * mounted that does not. Tests walk the lists.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import { authorize, type Requirement } from '../../domain/access/authorize.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface OperationBase {
  /** Dialect and operation, for logs, metrics and tests: `tailscale.devices.list`. */
  readonly id: string;
  readonly method: Method;
  /** In the router's notation: `/api/v2/device/:deviceId`. */
  readonly path: string;
  /** Where more than the server's usual bytes of a body are taken. */
  readonly bodyLimit?: number;
}

export interface CallContext {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface GuardedOperation extends OperationBase {
  readonly requires: Exclude<Requirement, 'public'>;
  /** Also a sign-in that is fresh: what changes how its person signs in. */
  readonly recent?: true;
  /** What it resolves with is the answer's body. */
  readonly handle: (context: CallContext & { readonly actor: Actor }) => Promise<unknown>;
}

export interface PublicOperation extends OperationBase {
  readonly requires: 'public';
  readonly handle: (context: CallContext) => Promise<unknown>;
}

export type Operation = GuardedOperation | PublicOperation;

/** How a dialect finds the actor of a request; throws `unauthenticated` when there is none. */
export type Identify = (request: FastifyRequest) => Promise<Actor>;

const isPublic = (operation: Operation): operation is PublicOperation => operation.requires === 'public';

/** Lets nobody by whose sign-in is too old; throws `sign_in_again`, or `forbidden` for what is no sign-in. */
export type RequireRecent = (actor: Actor) => Promise<void>;

/** Puts operations on a server (inside the dialect's own encapsulated plugin, which has its error handler). */
export function mountOperations(
  server: FastifyInstance,
  operations: readonly Operation[],
  identify: Identify,
  requireRecent?: RequireRecent,
): void {
  for (const operation of operations) {
    const recent = !isPublic(operation) && operation.recent === true;
    if (recent && requireRecent === undefined)
      throw new Error(`nobody holds ${operation.id} against sign-ins`);
    server.route({
      method: operation.method,
      url: operation.path,
      config: { operation: operation.id, open: isPublic(operation), requires: operation.requires, recent },
      ...(operation.bodyLimit === undefined ? {} : { bodyLimit: operation.bodyLimit }),
      handler: async (request, reply) => {
        if (isPublic(operation)) return operation.handle({ request, reply });
        const actor = await identify(request);
        authorize(actor, operation.requires);
        if (recent) await requireRecent?.(actor);
        return operation.handle({ request, reply, actor });
      },
    });
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The operation's id, for metrics and logs. */
    operation?: string;
    /** What it asks of its caller. */
    requires?: Requirement;
    /** Whether it asks for a fresh sign-in. */
    recent?: boolean;
    /** Whether it is answered without a token. */
    open?: boolean;
  }
}
