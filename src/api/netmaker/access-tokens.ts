/** Access tokens: JWTs in form, credentials of a person in fact. The text is shown once, in the answer that makes it. */
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { PersonalToken } from '../../domain/credentials/personal-token-service.ts';
import { decodeUuid, encodeUuid } from '../../domain/ids/uuid8.ts';
import type { Membership } from '../../domain/model/people.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { queryText } from '../shared/parameters.ts';
import { detailOf } from '../shared/refusal.ts';
import { envelope, NetmakerError, ORIGIN, RECORD_NOT_FOUND } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf } from './request.ts';
import { ROLE_NAMES } from './roles.ts';
import { toJwt } from './session-token.ts';
import { timeText } from './wire.ts';

const MAX_TEXT = 1_000;
const Body = z.object({
  name: z.string().max(MAX_TEXT).nullish(),
  user_name: z.string().max(MAX_TEXT).nullish(),
  expires_at: z.string().max(MAX_TEXT).nullish(),
});

const toWire = ({ credential, lastUsed }: PersonalToken, username: string) => ({
  id: encodeUuid('credential', credential.id),
  name: credential.name,
  user_name: username,
  expires_at: timeText(credential.expiresAt),
  last_used: timeText(lastUsed),
  created_by: credential.byName,
  created_at: timeText(credential.createdAt),
});

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/iu;

/** Null: not given, in which the zero time of other languages is counted. */
function expiryOf(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null;
  const time = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new NetmakerError(400, 'expires_at: expected a time in RFC 3339');
  return text.startsWith('0001-01-01') ? null : time;
}

const codeOf = (error: unknown): string | undefined => (error instanceof AppError ? error.code : undefined);
const isReason = (error: unknown, reason: string): boolean => detailOf(error, 'reason') === reason;

export const accessTokenOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { people, personalTokens } = services;
  /** Whose tokens are meant; `unknown` for a name that nobody has. */
  const holder = async (actor: Actor, username: string, unknown: NetmakerError): Promise<Membership> => {
    try {
      return await people.byUsername(actor, username);
    } catch (error) {
      throw codeOf(error) === 'not_found' ? unknown : error;
    }
  };
  return [
    {
      id: 'netmaker.access-tokens.list',
      method: 'GET',
      path: '/api/v1/users/access_token',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const username = queryText(request, 'username');
        if (username === '') throw new NetmakerError(400, 'username is required');
        const member = await holder(actor, username, new NetmakerError(500, RECORD_NOT_FOUND));
        const tokens = await personalTokens.list(actor, member.id);
        return envelope(
          `fetched api access tokens for user ${member.username}`,
          tokens.map((token) => toWire(token, member.username)),
        );
      },
    },
    {
      id: 'netmaker.access-tokens.create',
      method: 'POST',
      path: '/api/v1/users/access_token',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const body = bodyOf(Body, request);
        if (!body.name) throw new NetmakerError(400, 'name is required');
        if (!body.user_name) throw new NetmakerError(400, 'username is required');
        const named = queryText(request, 'username');
        // Whose token it is stands in one place: two that differ are a mistake, or worse.
        if (named !== '' && named !== body.user_name) {
          throw new NetmakerError(400, 'user in param and request body not matching');
        }
        const expiresAt = expiryOf(body.expires_at);
        const member = await holder(actor, body.user_name, new NetmakerError(401, RECORD_NOT_FOUND));
        try {
          const made = await personalTokens.create(
            actor,
            { membership: member.id, name: body.name, expiresAt },
            ORIGIN,
          );
          const token = toJwt(made.token, {
            username: member.username,
            role: ROLE_NAMES[made.member.role],
            issuedAt: made.credential.createdAt,
            expiresAt: made.credential.expiresAt ?? 0,
            accessToken: {
              id: encodeUuid('credential', made.credential.id),
              host: request.headers.host ?? '',
            },
          });
          return envelope(`api access token has generated for user ${member.username}`, {
            UserName: member.username,
            AuthToken: token,
          });
        } catch (error) {
          if (!isReason(error, 'not-yours')) throw error;
          throw new NetmakerError(403, `not enough permissions to create token for user ${member.username}`);
        }
      },
    },
    {
      id: 'netmaker.access-tokens.delete',
      method: 'DELETE',
      path: '/api/v1/users/access_token',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const text = queryText(request, 'id');
        if (text === '') throw new NetmakerError(400, 'id is required');
        const id = decodeUuid('credential', text);
        if (id === undefined) throw new NetmakerError(400, 'token does not exist');
        try {
          await personalTokens.revoke(actor, id, ORIGIN);
        } catch (error) {
          if (codeOf(error) === 'not_found') throw new NetmakerError(400, 'token does not exist');
          // Whose it is, is not told to who may not know.
          if (isReason(error, 'not-yours'))
            throw new NetmakerError(403, 'not enough permissions to delete token');
          throw error;
        }
        return envelope('revoked access token');
      },
    },
  ];
};
