import type { FastifyRequest } from 'fastify';

/** The token of an Authorization header: Bearer, or the user name of Basic. Undefined when there is none. */
export function tokenOfAuthorization(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const [scheme, value] = splitOnce(header, ' ');
  if (value === '') return undefined;
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return value.trim();
    case 'basic':
      return splitOnce(Buffer.from(value, 'base64').toString('utf8'), ':')[0] || undefined;
    default:
      return undefined;
  }
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
