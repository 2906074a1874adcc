/**
 * The two cookies of the pages: the session, and the secret that forms of somebody who has no session are bound to. Both
 * are out of reach of scripts and of other sites' requests; over https their names bind them to this very host.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';

type CookieName = 'session' | 'form';

const VALUE = /^[A-Za-z0-9-]{1,200}$/u;
const MAX_COOKIES = 100;

export interface Cookies {
  read(request: FastifyRequest, name: CookieName): string | undefined;
  write(
    request: FastifyRequest,
    reply: FastifyReply,
    name: CookieName,
    value: string,
    seconds?: number,
  ): void;
  clear(request: FastifyRequest, reply: FastifyReply, name: CookieName): void;
}

/** @param publicUrl the origin that people open; undefined: the one of each request */
export function createCookies(publicUrl: string | undefined): Cookies {
  const isSecure = (request: FastifyRequest): boolean =>
    publicUrl === undefined ? request.protocol === 'https' : publicUrl.startsWith('https:');
  const nameOf = (request: FastifyRequest, name: CookieName): string =>
    `${isSecure(request) ? '__Host-' : ''}holdfast-${name}`;

  const write: Cookies['write'] = (request, reply, name, value, seconds) => {
    const parts = [`${nameOf(request, name)}=${value}`, 'Path=/', 'HttpOnly', 'SameSite=Lax'];
    if (isSecure(request)) parts.push('Secure');
    if (seconds !== undefined) parts.push(`Max-Age=${seconds}`);
    // Fastify keeps one header of several values.
    reply.header('set-cookie', parts.join('; '));
  };

  return {
    read: (request, name) => {
      const wanted = `${nameOf(request, name)}=`;
      const found = (request.headers.cookie ?? '')
        .split(';', MAX_COOKIES)
        .map((part) => part.trim())
        .find((part) => part.startsWith(wanted))
        ?.slice(wanted.length);
      return found !== undefined && VALUE.test(found) ? found : undefined;
    },
    write,
    clear: (request, reply, name) => write(request, reply, name, '', 0),
  };
}
