/** The origin under which a caller reached this server. */
import type { FastifyRequest } from 'fastify';
import { invalid } from '../../kernel/errors.ts';

const HOST = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/u;

/** The configured origin, else the one of the request. Throws `invalid` for a Host header that is no host. */
export function originOf(request: FastifyRequest, publicUrl: string | undefined): string {
  if (publicUrl !== undefined) return publicUrl;
  if (!HOST.test(request.host)) throw invalid('the Host header is not a host');
  return `${request.protocol}://${request.host}`;
}
