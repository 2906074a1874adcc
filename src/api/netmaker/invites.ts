/** Invitations, which a short code answers here. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { GroupNetworkRole } from '../../domain/groups/group-network-roles.ts';
import type { GroupRef } from '../../domain/groups/network-groups.ts';
import { type CodeInvite, linkAddress } from '../../domain/people/code-invites.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { queryText } from '../shared/parameters.ts';
import { detailOf } from '../shared/refusal.ts';
import { hintsOf } from './authentication.ts';
import { envelope, NetmakerError, ORIGIN, RECORD_NOT_FOUND } from './envelope.ts';
import { ALL_NETWORKS, refId, toNetworkRoles } from './group-wire.ts';
import { insteadOfMissing } from './missing.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf } from './request.ts';
import { isPlatformRole, ROLE_NAMES, ROLES_WRITTEN } from './roles.ts';
import { groupRefs } from './user-writes.ts';
import { MIN_PASSWORD } from './wire.ts';

const MAX_TEXT = 1_000;
const MAX_EMAILS = 100;
const NewInvites = z.object({
  user_emails: z.array(z.string().max(MAX_TEXT)).max(MAX_EMAILS).nullish(),
  platform_role_id: z.string().max(MAX_TEXT).nullish(),
  user_group_ids: z.record(z.string(), z.unknown()).nullish(),
  network_roles: z.record(z.string(), z.record(z.string(), z.unknown()).nullish()).nullish(),
});
const SignUp = z.object({
  username: z.string().max(MAX_TEXT).nullish(),
  password: z.string().max(MAX_TEXT).nullish(),
});

/** The addresses that the original takes. */
const EMAIL = /^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$/u;
/** What a caller's address may get wrong in five minutes. */
const FAILURES_PER_ADDRESS = 50;

export const inviteOperations = ({ services, dashboardUrl, publicUrl }: NetmakerApiParts): Operation[] => {
  const { invites, tenancy, limiter, networkRoles } = services;
  const dashboardOf = (request: FastifyRequest): string => dashboardUrl ?? originOf(request, publicUrl);
  const toInvite = (
    request: FastifyRequest,
    { invitation, role, groups, networkRoles: held, code }: CodeInvite,
  ) => {
    const email = invitation.email ?? linkAddress(invitation.id);
    const query = new URLSearchParams({ email, invite_code: code });
    return {
      email,
      platform_role_id: ROLE_NAMES[role],
      user_group_ids: Object.fromEntries(
        groups.map((group) => [
          refId(group.kind === 'system' ? (group.systemKey ?? group.id) : group.id),
          {},
        ]),
      ),
      // What comes with any of the groups as well: roles on networks are groups' here.
      network_roles: toNetworkRoles(held),
      invite_code: code,
      invite_url: code === '' ? '' : `${dashboardOf(request)}/invite?${query.toString()}`,
    };
  };
  /** Guesses are counted by where they come from; by address they are counted on the invitation itself. */
  const guarded = async <T>(
    request: FastifyRequest,
    wrong: NetmakerError,
    work: () => Promise<T | undefined | false>,
  ) => {
    const keys = [{ key: `invite ${request.ip}`, limit: FAILURES_PER_ADDRESS }];
    limiter.check(keys);
    const done = await work();
    if (done !== undefined && done !== false) return done;
    limiter.failed(keys);
    // An address that nobody invited and a wrong code are answered alike.
    throw wrong;
  };
  const networkRolesOf = async (
    actor: Actor,
    given: z.infer<typeof NewInvites>['network_roles'],
  ): Promise<GroupNetworkRole[]> => {
    const wanted: GroupNetworkRole[] = [];
    for (const [network, roles] of Object.entries(given ?? {})) {
      for (const role of Object.keys(roles ?? {})) {
        if (isPlatformRole(role)) throw new NetmakerError(400, `cannot use platform as network role ${role}`);
        const unknown = new NetmakerError(400, `failed to fetch role ${role} `);
        const known = await insteadOfMissing(networkRoles.one(actor, role), unknown);
        if (known.network !== null && known.network !== network && network !== ALL_NETWORKS) {
          throw new NetmakerError(400, `failed to fetch network ${network} `);
        }
        wanted.push({ network: network === ALL_NETWORKS ? null : network, role });
      }
    }
    return wanted;
  };

  return [
    {
      id: 'netmaker.invites.create',
      method: 'POST',
      path: '/api/v1/users/invite',
      requires: 'invitations:write',
      handle: async ({ actor, request }) => {
        const body = bodyOf(NewInvites, request);
        const name = body.platform_role_id ?? '';
        const emails = (body.user_emails ?? []).map((email) => email.trim().toLowerCase());
        // All are looked at before the first is invited.
        const bad = emails.find((email) => !EMAIL.test(email));
        if (bad !== undefined) throw new NetmakerError(400, `invalid email ${bad}`);
        if (name === '') throw new NetmakerError(400, 'platform role id cannot be empty');
        if (!isPlatformRole(name)) throw new NetmakerError(400, RECORD_NOT_FOUND);
        if (name === 'super-admin') throw new NetmakerError(400, 'super admin cannot be invited');
        const groups: GroupRef[] =
          (await groupRefs(services, actor, body.user_group_ids, (id) => {
            throw new NetmakerError(400, `user group \`${id}\` not found`);
          })) ?? [];
        const given = await networkRolesOf(actor, body.network_roles);
        try {
          await invites.create(
            actor,
            emails,
            { role: ROLES_WRITTEN[name], groups, networkRoles: given },
            ORIGIN,
          );
        } catch (error) {
          if (detailOf(error, 'reason') !== 'administrator-role') throw error;
          throw new NetmakerError(403, 'only superadmin can invite admin users');
        }
        return envelope('triggered user invites');
      },
    },
    {
      id: 'netmaker.invites.list',
      method: 'GET',
      path: '/api/v1/users/invites',
      requires: 'invitations:read',
      handle: async ({ actor, request }) =>
        envelope(
          'fetched pending user invites',
          (await invites.list(actor)).map((invite) => toInvite(request, invite)),
        ),
    },
    {
      id: 'netmaker.invites.delete',
      method: 'DELETE',
      path: '/api/v1/users/invite',
      requires: 'invitations:write',
      handle: async ({ actor, request }) => {
        await invites.revoke(actor, queryText(request, 'invitee_email'), ORIGIN);
        return envelope('deleted user invite');
      },
    },
    {
      id: 'netmaker.invites.clear',
      method: 'DELETE',
      path: '/api/v1/users/invites',
      requires: 'invitations:write',
      handle: async ({ actor }) => {
        await invites.revokeAll(actor, ORIGIN);
        return envelope('cleared all pending user invites');
      },
    },
    {
      id: 'netmaker.invites.verify',
      method: 'GET',
      path: '/api/v1/users/invite',
      requires: 'public',
      handle: async ({ request }) => {
        await guarded(request, new NetmakerError(500, 'invalid code'), async () => {
          const organization = await tenancy.resolve(hintsOf(request));
          return invites.verify(
            organization?.id ?? 0,
            queryText(request, 'email'),
            queryText(request, 'invite_code'),
          );
        });
        return envelope('invite is valid');
      },
    },
    {
      id: 'netmaker.invites.sign-up',
      method: 'POST',
      path: '/api/v1/users/invite-signup',
      requires: 'public',
      handle: async ({ request }) => {
        const { username, password } = bodyOf(SignUp, request);
        const email = queryText(request, 'email');
        if ((username ?? '').toLowerCase() !== email.toLowerCase() || email === '') {
          throw new NetmakerError(400, 'username not matching with invite');
        }
        if (!password) throw new NetmakerError(400, 'password cannot be empty');
        if (password.length < MIN_PASSWORD) {
          throw new NetmakerError(500, `password must have a minimum of ${MIN_PASSWORD} characters`);
        }
        await guarded(request, new NetmakerError(400, 'invalid invite code'), async () => {
          const organization = await tenancy.resolve(hintsOf(request));
          return invites.accept(organization?.id ?? 0, email, queryText(request, 'invite_code'), password);
        });
        return envelope(`created user successfully ${email}`);
      },
    },
  ];
};
