import { z } from 'zod';
import { decodeDecimalId, decodeExternalId, encodeExternalId } from '../../domain/ids/external-id.ts';
import type { Role } from '../../domain/model/people.ts';
import { displayName, loginName } from '../../domain/organizations/names.ts';
import { memberState } from '../../domain/people/member-state.ts';
import type { MemberRow } from '../../domain/ports/queries.ts';
import type { SharedUser } from '../../domain/shares/shared-users.ts';
import { DAY } from '../../kernel/clock.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody, queryValue } from './body.ts';
import { BASE, type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { tailnetId } from './tailnet.ts';
import { wireTime } from './times.ts';

/** Roles of this API by ours. Where several of ours are one here, the one that shows more power is shown. */
const WIRE_ROLES: Readonly<Record<Role, WireRole>> = {
  owner: 'owner',
  admin: 'admin',
  'network-admin': 'network-admin',
  'it-admin': 'it-admin',
  support: 'auditor',
  'access-reviewer': 'member',
  'billing-admin': 'billing-admin',
  auditor: 'auditor',
  member: 'member',
  'device-user': 'member',
};
const ROLES = ['owner', 'member', 'admin', 'it-admin', 'network-admin', 'billing-admin', 'auditor'] as const;
type WireRole = (typeof ROLES)[number];
export const isWireRole = (text: string): text is WireRole => ROLES.some((role) => role === text);

export const wireRole = (role: Role): WireRole => WIRE_ROLES[role];
const rolesShownAs = (wire: WireRole): Role[] =>
  (Object.keys(WIRE_ROLES) as Role[]).filter((role) => WIRE_ROLES[role] === wire);

const TYPES: ReadonlySet<string> = new Set(['member', 'shared', 'all']);
/** Not seen for longer than this: idle. */
const IDLE_MS = 28 * DAY;

/** Rows of members are as old as their invitation. */
const joinedAt = (member: MemberRow): number => member.joinedAt ?? member.createdAt;

function statusOf(member: MemberRow, now: number): string {
  const state = memberState(member);
  if (state === 'suspended' || state === 'needs-approval') return state;
  const seen = member.lastSeen ?? joinedAt(member);
  return !member.online && now - seen > IDLE_MS ? 'idle' : 'active';
}

function userWire(member: MemberRow, org: number, now: number): object {
  return {
    id: encodeExternalId('membership', member.id),
    displayName: displayName(member),
    loginName: loginName(member),
    profilePicUrl: member.avatarUrl ?? '',
    tailnetId: tailnetId(org),
    created: wireTime(joinedAt(member)),
    type: 'member',
    role: wireRole(member.role),
    status: statusOf(member, now),
    deviceCount: member.devices,
    lastSeen: wireTime(member.lastSeen ?? joinedAt(member)),
    currentlyConnected: member.online,
  };
}

/** Somebody of another organization who accepted a device. What they are there is not ours to know. */
const sharedUserWire = (user: SharedUser): object => ({
  id: encodeExternalId('membership', user.id),
  displayName: user.displayName,
  loginName: user.loginName,
  profilePicUrl: user.avatarUrl,
  tailnetId: tailnetId(user.org),
  created: wireTime(user.since),
  type: 'shared',
  role: 'member',
  status: 'active',
  deviceCount: 0,
  lastSeen: wireTime(user.since),
  currentlyConnected: false,
});

const roleBody = z.object({ role: z.string() });

function userId({ request }: GuardedCall): number {
  const text = pathText(request, 'userId');
  const id = decodeExternalId('membership', text) ?? decodeDecimalId(text);
  if (id === undefined) throw notFound('user');
  return id;
}

/** The roles that a query asks for; undefined for all. Errors: `invalid`. */
function askedRoles(text: string | undefined): Role[] | undefined {
  if (text === undefined || text === '' || text === 'all') return undefined;
  if (!isWireRole(text)) throw invalid(`role must be one of all, ${ROLES.join(', ')}`, 'role');
  return rolesShownAs(text);
}

export function userOperations({ services, clock }: TailscaleApiParts): Operation[] {
  const { organizations, memberList, memberAdmin, sharedUsers } = services;
  const path = `${BASE}/users/:userId`;
  const act = (name: 'approve' | 'suspend' | 'restore'): Operation => ({
    id: `tailscale.users.${name}`,
    method: 'POST',
    path: `${path}/${name}`,
    requires: 'members:write',
    handle: async (call) => {
      await memberAdmin[name](call.actor, userId(call), ORIGIN);
      return {};
    },
  });
  return [
    {
      id: 'tailscale.users.list',
      method: 'GET',
      path: `${TAILNET}/users`,
      requires: 'members:read',
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const type = queryValue(request, 'type') || 'member';
        if (!TYPES.has(type)) throw invalid('type must be one of member, shared, all', 'type');
        const roles = askedRoles(queryValue(request, 'role'));
        const members = type === 'shared' ? [] : await memberList.list(actor, roles);
        const isAsked = type !== 'member' && (roles === undefined || roles.includes('member'));
        const shared = isAsked ? await sharedUsers.list(actor) : [];
        const now = clock.now();
        return {
          users: [
            ...members.map((member) => userWire(member, actor.org, now)),
            ...shared.map(sharedUserWire),
          ],
        };
      }),
    },
    {
      id: 'tailscale.users.get',
      method: 'GET',
      path,
      requires: 'members:read',
      handle: async (call) => {
        const id = userId(call);
        const shared = await sharedUsers.find(call.actor, id);
        if (shared !== undefined) return sharedUserWire(shared);
        return userWire(await memberList.get(call.actor, id), call.actor.org, clock.now());
      },
    },
    {
      id: 'tailscale.users.role',
      method: 'POST',
      path: `${path}/role`,
      requires: 'members:write',
      handle: async (call) => {
        const { role } = jsonBody(call.request, roleBody);
        if (!isWireRole(role)) throw invalid(`role must be one of ${ROLES.join(', ')}`, 'role');
        const isSame = (present: Role): boolean => wireRole(present) === role;
        await memberAdmin.setRole(call.actor, userId(call), role, ORIGIN, isSame);
        return {};
      },
    },
    act('approve'),
    act('suspend'),
    act('restore'),
    {
      id: 'tailscale.users.delete',
      method: 'POST',
      path: `${path}/delete`,
      requires: 'members:write',
      handle: async (call) => {
        const id = userId(call);
        const isShared = (await sharedUsers.find(call.actor, id)) !== undefined;
        await (isShared ? sharedUsers : memberAdmin).remove(call.actor, id, ORIGIN);
        return {};
      },
    },
  ];
}
