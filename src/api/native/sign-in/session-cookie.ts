/** From an opened session to the browser's cookie. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { NewSession, Session } from '../../../auth/sessions.ts';
import { SECOND } from '../../../kernel/clock.ts';
import type { Cookies } from './cookies.ts';

/** What is kept of a browser that opens a session. */
export const browserSession = (request: FastifyRequest): NewSession => ({
  name: 'browser',
  origin: 'native-api',
  address: request.ip,
  agent: request.headers['user-agent'] ?? '',
});

/** The secret that forms were bound to before is given up: what somebody may have planted must not outlive the sign-in. */
export function putSession(
  cookies: Cookies,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, issuedAt, expiresAt }: Session,
): void {
  cookies.write(request, reply, 'session', token, Math.floor((expiresAt - issuedAt) / SECOND));
  cookies.clear(request, reply, 'form');
}
