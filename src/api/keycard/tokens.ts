/** Access tokens: for a service account's client id and secret, and for a token that the caller has. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessGrant } from '../../domain/service-accounts/service-credential-service.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { isVisitor } from './elsewhere.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import type { KeycardApiParts } from './parts.ts';

const BASIC = /^Basic +(\S+)$/iu;

const toTokens = ({ token, expiresInSeconds }: AccessGrant) => ({
  access_token: token,
  token_type: 'Bearer',
  expires_in: expiresInSeconds,
});

/** RFC 6749, 5.2, with the fields of this API's own errors beside, which its clients read. */
function refuse(reply: FastifyReply, status: 400 | 401, error: string, message: string) {
  if (status === 401) void reply.header('www-authenticate', 'Basic');
  return reply.code(status).header('cache-control', 'no-store').send({ error, message, code: error, status });
}

interface ClientCredentials {
  readonly id: string;
  readonly secret: string;
}

/** In the header, as the SDKs send them (raw, not percent-encoded), or in the form, as Terraform does. */
function credentialsOf(request: FastifyRequest, form: URLSearchParams): ClientCredentials | undefined {
  const basic = BASIC.exec(request.headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const text = Buffer.from(basic, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    return colon < 0 ? undefined : { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  }
  const [id, secret] = [form.get('client_id'), form.get('client_secret')];
  return id === null || secret === null ? undefined : { id, secret };
}

export const tokenOperations = (parts: KeycardApiParts): Operation[] => [
  // Some clients put a slash too many before the path.
  ...['/service-account-token', '//service-account-token'].map(
    (path): Operation => ({
      id: 'keycard.service-account-token',
      method: 'POST',
      path,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const form = request.body instanceof URLSearchParams ? request.body : undefined;
        if (form === undefined) return refuse(reply, 400, 'invalid_request', 'the body must be a form');
        const grant = form.get('grant_type');
        if (grant !== 'client_credentials') {
          return grant === null
            ? refuse(reply, 400, 'invalid_request', 'grant_type is missing')
            : refuse(reply, 400, 'unsupported_grant_type', 'grant_type must be client_credentials');
        }
        const credentials = credentialsOf(request, form);
        if (credentials === undefined)
          return refuse(reply, 401, 'invalid_client', 'client credentials are missing');
        try {
          const granted = await parts.services.serviceCredentials.signIn(
            credentials.id,
            credentials.secret,
            originOf(request, parts.publicUrl),
          );
          return reply.header('cache-control', 'no-store').send(toTokens(granted));
        } catch (error) {
          if (!(error instanceof AppError) || error.code !== 'unauthenticated') throw error;
          return refuse(reply, 401, 'invalid_client', error.message);
        }
      },
    }),
  ),
  {
    id: 'keycard.organizations.token',
    method: 'POST',
    path: `${ORGANIZATION}/token`,
    requires: 'organization:read',
    handle: async ({ actor, request, reply }) => {
      await organizationOf(parts.services, actor, request);
      const { serviceCredentials, elsewhere } = parts.services;
      const granted = isVisitor(actor)
        ? await elsewhere.enter(actor)
        : await serviceCredentials.exchange(actor, originOf(request, parts.publicUrl));
      return reply.header('cache-control', 'no-store').send(toTokens(granted));
    },
  },
];
