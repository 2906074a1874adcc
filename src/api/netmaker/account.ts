/** What people do for themselves: how the dashboard looks, proving who they are, ending a session. */
import { z } from 'zod';
import type { UserSettings } from '../../domain/people/user-settings.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText, queryText } from '../shared/parameters.ts';
import { envelope, NetmakerError, ORIGIN } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf } from './request.ts';

const PREFIX = 'invalid request body: ';
const MAX_TEXT = 1_000;
const Settings = z.object({
  theme: z.string().max(MAX_TEXT).nullish(),
  text_size: z.string().max(MAX_TEXT).nullish(),
  reduced_motion: z.boolean().nullish(),
});
const Password = z.object({ password: z.string().max(MAX_TEXT).nullish() });

const toSettings = ({ theme, textSize, reducedMotion }: UserSettings) => ({
  theme,
  text_size: textSize,
  reduced_motion: reducedMotion,
});

export const accountOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { people, userSettings, passwordSignIn, sessions } = services;
  return [
    {
      id: 'netmaker.settings.read',
      method: 'GET',
      path: '/api/users/:username/settings',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        await people.self(actor, pathText(request, 'username'), 'self:read');
        return envelope('fetched user settings', toSettings(await userSettings.read(actor)));
      },
    },
    {
      id: 'netmaker.settings.write',
      method: 'PUT',
      path: '/api/users/:username/settings',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        await people.self(actor, pathText(request, 'username'), 'write');
        const body = bodyOf(Settings, request, PREFIX);
        const sent = {
          theme: body.theme ?? '',
          text_size: body.text_size ?? '',
          reduced_motion: body.reduced_motion ?? false,
        };
        const wanted = { theme: sent.theme, textSize: sent.text_size, reducedMotion: sent.reduced_motion };
        await userSettings.write(actor, wanted, ORIGIN);
        // What was sent comes back; what stands for nothing is only seen when it is read.
        return envelope('updated user settings', sent);
      },
    },
    {
      id: 'netmaker.validate-identity',
      method: 'POST',
      path: '/api/users/:username/validate-identity',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const member = await people.self(actor, pathText(request, 'username'), 'write');
        const { password } = bodyOf(Password, request, PREFIX);
        const outcome = await passwordSignIn.verify({
          org: member.org,
          login: member.username,
          password: password ?? '',
          address: request.ip,
        });
        // What else would keep somebody from signing in says nothing against the password.
        const validated = outcome.kind === 'verified' || outcome.reason !== 'credentials';
        return envelope(validated ? 'user identity validated' : 'user identity validation failed', {
          identity_validated: validated,
        });
      },
    },
    {
      id: 'netmaker.logout',
      method: 'POST',
      path: '/api/v1/users/logout',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const username = queryText(request, 'username');
        if (username === '') throw new NetmakerError(400, 'username is required');
        await people.self(actor, username, 'self:read');
        // Tokens that are no session were made to last.
        if (actor.kind === 'member' && actor.credential?.kind === 'session') {
          await sessions.revoke(actor, actor.credential.id, ORIGIN);
        }
        return envelope('user logged out');
      },
    },
  ];
};
