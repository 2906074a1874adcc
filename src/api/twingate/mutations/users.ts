import type { Membership } from '../../../domain/model/people.ts';
import { invalid } from '../../../kernel/errors.ts';
import type { Args, Context } from '../context.ts';
import { isRoleName, ROLE_NAMES, ROLES_WRITTEN, type RoleName } from '../projections.ts';
import type { RootField } from '../queries.ts';
import { defined, flagOf, idOf, ORIGIN, textOf } from './arguments.ts';
import { inWords } from './errors.ts';

function roleOf(args: Args): RoleName | undefined {
  const name = textOf(args, 'role');
  if (name === undefined) return undefined;
  if (!isRoleName(name)) throw invalid(`role '${name}' is unknown`, 'role');
  return name;
}

function updateDetails(args: Args, { actor, services }: Context): Promise<Membership> {
  const state = textOf(args, 'state');
  return inWords(
    { conflict: 'User in PENDING state cannot be disabled.' },
    services.members.update(
      actor,
      idOf(args, 'id', 'User'),
      defined({
        givenName: textOf(args, 'firstName'),
        familyName: textOf(args, 'lastName'),
        suspended: state === undefined ? undefined : state === 'DISABLED',
      }),
      ORIGIN,
    ),
  );
}

export const userMutations: Readonly<Record<string, RootField>> = {
  userCreate: {
    requires: 'members:write',
    resolve: async (args, { actor, services }) => {
      const { member } = await inWords(
        { taken: 'A User with this email already exists.' },
        services.members.invite(
          actor,
          {
            email: textOf(args, 'email') ?? '',
            role: ROLES_WRITTEN[roleOf(args) ?? 'MEMBER'],
            madeBy: 'twingate',
            send: flagOf(args, 'shouldSendInvite') ?? true,
            ...defined({ givenName: textOf(args, 'firstName'), familyName: textOf(args, 'lastName') }),
          },
          ORIGIN,
        ),
      );
      return { entity: member };
    },
  },
  userDetailsUpdate: {
    requires: 'members:write',
    resolve: async (args, context) => ({ entity: await updateDetails(args, context) }),
  },
  userRoleUpdate: {
    requires: 'members:write',
    resolve: async (args, { actor, services }) => {
      const name = roleOf(args) ?? 'MEMBER';
      return {
        entity: await services.members.setRole(
          actor,
          idOf(args, 'id', 'User'),
          ROLES_WRITTEN[name],
          ORIGIN,
          (present) => ROLE_NAMES[present] === name,
        ),
      };
    },
  },
  userDelete: {
    requires: 'members:write',
    resolve: async (args, { actor, services }) => {
      await services.members.remove(actor, idOf(args, 'id', 'User'), ORIGIN);
      return {};
    },
  },
  userResetMfa: {
    requires: 'members:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.members.resetSecondFactor(actor, idOf(args, 'id', 'User'), ORIGIN),
    }),
  },
};
