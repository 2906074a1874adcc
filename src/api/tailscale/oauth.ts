/** The token endpoints. Both answer errors in two forms at once: `message` for API clients, RFC 6749's for OAuth ones. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessToken } from '../../domain/credentials/client-token-service.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { textBody } from './body.ts';
import { toWireError } from './errors.ts';
import { BASE, ORIGIN, type TailscaleApiParts } from './parts.ts';

const MAX_FORM_CHARACTERS = 64 * 1024;

function formOf(request: FastifyRequest): URLSearchParams {
  const text = textBody(request);
  if (text.length > MAX_FORM_CHARACTERS) throw new AppError('too_large', 'request body is too large');
  return new URLSearchParams(text);
}

/** Go's OAuth client percent-encodes both halves before it puts them in the header. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** The password of a Basic header, which is where OAuth clients put their secret first. */
function basicSecret(request: FastifyRequest): string {
  const header = /^basic\s+(\S+)$/iu.exec(request.headers.authorization ?? '')?.[1];
  if (header === undefined) return '';
  const [, ...password] = Buffer.from(header, 'base64').toString('utf8').split(':');
  return decoded(password.join(':'));
}

const words = (text: string | null): readonly string[] => (text ?? '').split(/\s+/u).filter(Boolean);

/** RFC 6749, 5.2. What is forbidden is a scope, or, where a token is shown, that token. */
type OauthRefusal = 'invalid_scope' | 'invalid_grant';
const GRANT_TYPE = 'grant_type';

function oauthErrorOf(thrown: unknown, status: number, forbidden: OauthRefusal): string {
  if (status === 401) return 'invalid_client';
  if (status === 403) return forbidden;
  if (status >= 500) return 'server_error';
  return thrown instanceof AppError && thrown.field === GRANT_TYPE
    ? 'unsupported_grant_type'
    : 'invalid_request';
}

function sendOAuthError(reply: FastifyReply, thrown: unknown, forbidden: OauthRefusal): FastifyReply {
  const { status, body } = toWireError(thrown);
  const name = oauthErrorOf(thrown, status, forbidden);
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .send({ ...body, error: name, error_description: body.message });
}

const tokenWire = ({ token, expiresInSeconds, scopes }: AccessToken) => ({
  access_token: token,
  token_type: 'Bearer',
  expires_in: expiresInSeconds,
  scope: scopes.join(' '),
});

export function oauthOperations({ services, onError }: TailscaleApiParts): Operation[] {
  const guarded =
    (forbidden: OauthRefusal, work: (request: FastifyRequest) => Promise<AccessToken>) =>
    async ({ request, reply }: { request: FastifyRequest; reply: FastifyReply }): Promise<unknown> => {
      try {
        const token = await work(request);
        void reply.header('cache-control', 'no-store');
        return tokenWire(token);
      } catch (error) {
        if (toWireError(error).status === 500) onError?.(error, request);
        return sendOAuthError(reply, error, forbidden);
      }
    };

  return [
    {
      id: 'tailscale.oauth.token',
      method: 'POST',
      path: `${BASE}/oauth/token`,
      requires: 'public',
      handle: guarded('invalid_scope', (request) => {
        const form = formOf(request);
        const grant = form.get(GRANT_TYPE);
        if (grant !== null && grant !== '' && grant !== 'client_credentials') {
          throw invalid(`${GRANT_TYPE} must be client_credentials`, GRANT_TYPE);
        }
        // The secret holds the client's id: `client_id` may be anything, and `tailscale up` does send a made-up one.
        const secret = form.get('client_secret') || basicSecret(request);
        const wanted = { scopes: words(form.get('scope')), tags: words(form.get('tags')) };
        return services.clientTokens.exchangeSecret(secret, wanted, ORIGIN);
      }),
    },
    {
      id: 'tailscale.oauth.exchange',
      method: 'POST',
      path: `${BASE}/oauth/token-exchange`,
      requires: 'public',
      // Clients send a grant type, an empty code and an empty Basic header as well: none of them means anything here.
      handle: guarded('invalid_grant', (request) => {
        const form = formOf(request);
        const clientId = form.get('client_id') ?? '';
        const token = form.get('jwt') ?? '';
        if (clientId === '') throw invalid('client_id is required', 'client_id');
        if (token === '') throw invalid('jwt is required', 'jwt');
        return services.federation.exchange(clientId, token, ORIGIN);
      }),
    },
  ];
}
