/** Pages and their files: read once, sent with headers that let nothing but our own files run in them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';

const CONTENT_TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
} as const;

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

export interface StaticFile {
  send(request: FastifyRequest, reply: FastifyReply): FastifyReply;
}

/** A file of the program, revalidated by its hash. */
export function staticFile(directory: string, name: string): StaticFile {
  const content = readFileSync(join(directory, name));
  const etag = `"${createHash('sha256').update(content).digest('base64url')}"`;
  const type = Object.entries(CONTENT_TYPES).find(([ending]) => name.endsWith(ending))?.[1];
  if (type === undefined) throw new Error(`${name} has no known content type`);
  return {
    send: (request, reply) => {
      reply.headers(PAGE_HEADERS).header('cache-control', 'no-cache').header('etag', etag);
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type(type).send(content);
    },
  };
}
