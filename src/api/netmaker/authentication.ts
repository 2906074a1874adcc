/** Signing in with a password, and finding the actor of a request. */
import type { FastifyRequest } from 'fastify';
import type { PasswordOutcome } from '../../auth/password-sign-in.ts';
import type { Session, Verified } from '../../auth/sessions.ts';
import type { Actor } from '../../domain/access/actor.ts';
import type { TenantHints } from '../../domain/directory/tenancy.ts';
import type { Membership } from '../../domain/model/people.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { detailOf } from '../shared/refusal.ts';
import { envelope, NetmakerError, ORIGIN } from './envelope.ts';
import type { NetmakerApiParts, NetmakerServices } from './parts.ts';
import { headerText } from './request.ts';
import { deniesDashboard, ROLE_NAMES } from './roles.ts';
import { fromJwt, isAccessToken, toJwt, toPreAuthJwt } from './session-token.ts';

export const hintsOf = (request: FastifyRequest): TenantHints => ({
  tenantId: headerText(request, 'x-tenant-id'),
  host: request.headers.host,
});

/** The second word of the Authorization header is the token, whatever the first one is. Errors: 401. */
export function bearerOf(request: FastifyRequest): string {
  const token = request.headers.authorization?.split(' ')[1];
  if (token === undefined || token === '') throw new NetmakerError(401, 'unauthorized');
  return token;
}

export function createIdentify({ authenticate, services }: NetmakerApiParts) {
  const unauthorized = (): NetmakerError => new NetmakerError(401, 'unauthorized');
  return async (request: FastifyRequest): Promise<Actor> => {
    const token = fromJwt(bearerOf(request));
    const actor = await authenticate(token).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'unauthenticated') throw error;
      switch (detailOf(error, 'reason')) {
        case 'suspended':
          throw new NetmakerError(401, 'user account disabled');
        case 'revoked':
          throw new NetmakerError(401, isAccessToken(token) ? 'token revoked' : 'unauthorized');
        default:
          throw unauthorized();
      }
    });
    if (await services.tenancy.contradicts(actor, hintsOf(request))) throw unauthorized();
    return actor;
  };
}

function refusal(reason: Extract<PasswordOutcome, { kind: 'refused' }>['reason']): NetmakerError {
  switch (reason) {
    case 'credentials':
    case 'not-approved':
      return new NetmakerError(400, 'incorrect credentials');
    case 'suspended':
      return new NetmakerError(401, 'user account disabled');
    case 'passwords-off':
      return new NetmakerError(400, 'basic auth is disabled');
    case 'second-factor':
      return new NetmakerError(401, 'W1R3: TOTP required');
    case 'no-second-factor':
      // Whoever has none sets it up where signing in asks for it, before anything opens.
      return new NetmakerError(400, 'mfa is enforced: sign in at the pages of this server to set it up');
  }
}

const textOf = (body: unknown, name: string): string => {
  const value =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' ? value : '';
};

/** The dashboard asks for this with a header; the desktop client and nmctl do not. */
const isDashboard = (request: FastifyRequest): boolean => headerText(request, 'from-ui') === 'true';

/** A session in the form of a token that consoles read. */
export const jwtOf = (session: Session, member: Membership): string =>
  toJwt(session.token, {
    username: member.username,
    role: ROLE_NAMES[member.role],
    issuedAt: session.issuedAt,
    expiresAt: session.expiresAt,
  });

/** A session of somebody who was just verified, in the form that consoles want. */
export async function openSession(
  { passwordSignIn }: Pick<NetmakerServices, 'passwordSignIn'>,
  request: FastifyRequest,
  verified: Verified,
  factor?: number,
  application = applicationOf(request),
): Promise<string> {
  const { member } = verified;
  const session = await passwordSignIn.open(verified, {
    name: application || DASHBOARD,
    origin: ORIGIN,
    address: request.ip,
    agent: headerText(request, 'user-agent') ?? '',
    ...(factor === undefined ? {} : { factor }),
  });
  return jwtOf(session, member);
}

const MAX_NAME = 100;
/** What a session of the dashboard is called. */
export const DASHBOARD = 'dashboard';

const applicationOf = (request: FastifyRequest): string =>
  headerText(request, 'x-application-name')?.slice(0, MAX_NAME) ||
  (isDashboard(request) ? DASHBOARD : DEFAULT_APPLICATION);

const DEFAULT_APPLICATION = 'netmaker-desktop';

export const authenticationOperations = ({ services, clock }: NetmakerApiParts): Operation[] => [
  {
    id: 'netmaker.authenticate',
    method: 'POST',
    path: '/api/users/adm/authenticate',
    requires: 'public',
    handle: async ({ request }) => {
      const { body } = request;
      if (typeof body !== 'object' || body === null || Array.isArray(body)) {
        throw new NetmakerError(500, "W1R3: It's not you it's me.");
      }
      const username = textOf(body, 'username');
      const password = textOf(body, 'password');
      if (username === '') throw new NetmakerError(401, 'user identifiers not provided');
      if (password === '') throw new NetmakerError(400, "password can't be empty");
      const organization = await services.tenancy.resolve(hintsOf(request));
      const outcome = await services.passwordSignIn.verify({
        // No organization has the id 0: what cannot be resolved fails like a wrong password, and as slowly.
        org: organization?.id ?? 0,
        login: username,
        password,
        address: request.ip,
      });
      const pending =
        outcome.kind === 'refused' && outcome.reason === 'second-factor' ? outcome.pending : undefined;
      if (outcome.kind === 'refused' && pending === undefined) throw refusal(outcome.reason);
      const verified = outcome.kind === 'verified' ? outcome : pending;
      if (verified === undefined) throw refusal('credentials');
      const { member } = verified;
      if (isDashboard(request) && deniesDashboard(member.role)) {
        throw new NetmakerError(401, 'access denied to dashboard');
      }
      if (pending !== undefined) {
        return envelope('W1R3: TOTP required', {
          user_name: member.username,
          pre_auth_token: toPreAuthJwt(services.secondStep.begin(pending), member.username, clock.now()),
        });
      }
      const jwt = await openSession(services, request, verified);
      return envelope(`W1R3: Device ${member.username} Authorized`, {
        UserName: member.username,
        AuthToken: jwt,
      });
    },
  },
];
