/** The owner of the organization, whom this dialect calls super-admin: whether there is one, the first one, another one. */
import { z } from 'zod';
import { hostLabel } from '../../domain/directory/tenancy.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { NetmakerError, ORIGIN, RECORD_NOT_FOUND } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf, headerText } from './request.ts';
import { isAdministrator } from './roles.ts';
import { toUser } from './users.ts';
import { MIN_PASSWORD, toReturnUser } from './wire.ts';

const Body = z.object({ username: z.string().nullish(), password: z.string().nullish() });

/** Where the secret of the link stands that the server printed when it first started. */
const FIRST_RUN_HEADER = 'x-first-run-secret';
const DEFAULT_LABEL = 'main';

export const superAdminOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { firstRun, people, memberAdmin, settings } = services;
  return [
    ...['hassuperadmin', 'hasadmin'].map(
      (name): Operation => ({
        id: `netmaker.${name}`,
        method: 'GET',
        path: `/api/users/adm/${name}`,
        requires: 'public',
        // Every organization has its owner from its first moment. Only where there never was one is there none to be had;
        // a database that was emptied or restored does not bring the question back.
        handle: async ({ reply }) =>
          reply.type('application/json').send(`${String(!(await firstRun.isOffered()))}\n`),
      }),
    ),
    {
      id: 'netmaker.createsuperadmin',
      method: 'POST',
      path: '/api/users/adm/createsuperadmin',
      requires: 'public',
      handle: async ({ request }) => {
        const { username, password } = bodyOf(Body, request);
        if (!(await firstRun.isOffered())) throw new NetmakerError(400, 'superadmin user already exists');
        const secret = headerText(request, FIRST_RUN_HEADER) ?? '';
        if (secret === '') {
          throw new NetmakerError(
            400,
            `the first administrator needs the secret of the link that the server printed at its start, in the header ${FIRST_RUN_HEADER}`,
          );
        }
        if (!username) throw new NetmakerError(400, 'username cannot be empty');
        if (!password || password.length < MIN_PASSWORD) {
          throw new NetmakerError(400, `password must have a minimum of ${MIN_PASSWORD} characters`);
        }
        const label = headerText(request, 'x-tenant-id') || hostLabel(request.headers.host) || DEFAULT_LABEL;
        try {
          const { owner } = await firstRun.complete(secret, { label, email: username, password });
          return toReturnUser(owner, { signIn: undefined, accessTokens: 0, groups: [] });
        } catch (error) {
          // Dashboards take a 401 for the end of a session.
          const bad = error instanceof AppError && error.code === 'unauthenticated';
          throw bad ? new NetmakerError(400, error.message) : error;
        }
      },
    },
    {
      id: 'netmaker.transfersuperadmin',
      method: 'POST',
      path: '/api/users/adm/transfersuperadmin/:username',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        if (actor.kind !== 'member' || actor.role !== 'owner') {
          throw new NetmakerError(403, 'only superadmin can assign the superadmin role to another user');
        }
        const member = await people
          .byUsername(actor, pathText(request, 'username'))
          .catch((error: unknown) => {
            const absent = error instanceof AppError && error.code === 'not_found';
            throw absent ? new NetmakerError(400, RECORD_NOT_FOUND) : error;
          });
        if (!isAdministrator(member.role) || member.role === 'owner') {
          throw new NetmakerError(403, 'only admins can be promoted to superadmin role');
        }
        if (!(await settings.read(actor)).settings.password_login) {
          throw new NetmakerError(400, 'basic auth is disabled');
        }
        return toUser(services, actor, await memberAdmin.setRole(actor, member.id, 'owner', ORIGIN));
      },
    },
  ];
};
