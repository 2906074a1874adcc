/** What is the product's own: health, the first run, what the console uses. */
import type { FastifyPluginAsync } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import { AppError } from '../../kernel/errors.ts';
import { tokenOfAuthorization } from '../shared/credentials.ts';
import { mountOperations, type Operation } from '../shared/operation.ts';
import { sendError } from './errors.ts';

export interface NativeApiParts {
  readonly operations: readonly Operation[];
  /** Throws `unauthenticated`. */
  readonly authenticate: (token: string) => Promise<Actor>;
  /** Ends answers that would go on for ever. */
  readonly onClose: () => void;
  /** Told of failures that are defects of this program. */
  readonly onDefect: (error: unknown, operation: string | undefined) => void;
}

export function createNativeApi(parts: NativeApiParts): FastifyPluginAsync {
  return async (server) => {
    server.setErrorHandler((error, request, reply) =>
      sendError(reply, error, (defect) => parts.onDefect(defect, request.routeOptions.config.operation)),
    );
    server.addHook('preClose', async () => parts.onClose());
    mountOperations(server, parts.operations, async (request) => {
      const token = tokenOfAuthorization(request);
      if (token === undefined) throw new AppError('unauthenticated', 'a token is needed');
      return parts.authenticate(token);
    });
  };
}
