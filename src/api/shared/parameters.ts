/** What stands in the address of a request. */
import type { FastifyRequest } from 'fastify';
import { notFound } from '../../kernel/errors.ts';

const textIn = (parameters: unknown, name: string): string => {
  if (typeof parameters !== 'object' || parameters === null) return '';
  const value: unknown = Reflect.get(parameters, name);
  return typeof value === 'string' ? value : '';
};

/** A parameter of the path, decoded by the router; '' where the path has none of that name. */
export const pathText = (request: FastifyRequest, name: string): string => textIn(request.params, name);

/** The positive integer that the path holds as `id`. Throws `not_found` for any other text, naming `what` is not there. */
export function pathId(request: FastifyRequest, what: string): number {
  const id = Number(pathText(request, 'id'));
  if (!Number.isSafeInteger(id) || id <= 0) throw notFound(what);
  return id;
}

/** A query parameter; '' when it is absent or given several times. */
export const queryText = (request: FastifyRequest, name: string): string => textIn(request.query, name);
