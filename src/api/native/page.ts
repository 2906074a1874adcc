/** Pages and their files: read once, sent with headers that let nothing but our own files run in them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { trustedHtml } from './html.ts';
import { type Page, pageFrame } from './page-frame.ts';

const CONTENT_TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
} as const;

const contentSecurityPolicy = (formAction: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
  ].join('; ');

const COMMON_HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'x-content-type-options': 'nosniff',
} as const;

const FILE_HEADERS = {
  ...COMMON_HEADERS,
  'content-security-policy': contentSecurityPolicy("'none'"),
  'referrer-policy': 'no-referrer',
};

/** Pages made for one person: never kept. Without any referrer a browser would not say where a form comes from either. */
const FORM_HEADERS = {
  ...COMMON_HEADERS,
  'content-security-policy': contentSecurityPolicy("'self'"),
  'referrer-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Answers with a page that may hold forms. */
export const sendPage = (reply: FastifyReply, page: Page, status = 200): FastifyReply =>
  reply.code(status).headers(FORM_HEADERS).type(CONTENT_TYPES['.html']).send(pageFrame(page));

export interface StaticFile {
  send(request: FastifyRequest, reply: FastifyReply): FastifyReply;
}

/** A file of the program, revalidated by its hash. */
export function staticFile(directory: string, name: string): StaticFile {
  const type = Object.entries(CONTENT_TYPES).find(([ending]) => name.endsWith(ending))?.[1];
  if (type === undefined) throw new Error(`${name} has no known content type`);
  return fileOf(readFileSync(join(directory, name)), type);
}

/** A page whose content is a file of the program. */
export const staticPage = (directory: string, name: string, page: Omit<Page, 'body'>): StaticFile =>
  fileOf(
    Buffer.from(pageFrame({ ...page, body: trustedHtml(readFileSync(join(directory, name), 'utf8')) })),
    CONTENT_TYPES['.html'],
  );

function fileOf(content: Buffer, type: string): StaticFile {
  const etag = `"${createHash('sha256').update(content).digest('base64url')}"`;
  return {
    send: (request, reply) => {
      reply.headers(FILE_HEADERS).header('cache-control', 'no-cache').header('etag', etag);
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type(type).send(content);
    },
  };
}
