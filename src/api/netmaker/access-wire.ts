/** What a network role allows, in this dialect's words and ours. */
import { EVERY } from '../../domain/groups/network-access.ts';
import { decodeUuid, encodeUuid, type UuidKind } from '../../domain/ids/uuid8.ts';
import type { AccessRights, NetworkThing, RoleAccess } from '../../domain/model/people.ts';
import { NetmakerError } from './envelope.ts';

interface WireRights {
  readonly create: boolean;
  readonly read: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  readonly vpn_access: boolean;
  readonly self_only: boolean;
}
export type ResourceAccess = Readonly<Record<string, Readonly<Record<string, WireRights>>>>;

interface Word {
  readonly type: string;
  readonly all: string;
  /** Roles that people make may be about it. */
  readonly custom?: true;
  /** Ids of this kind are UUIDs on the wire and integers inside. */
  readonly ids?: UuidKind;
  /** What dashboards before 1.0 call it. */
  readonly former?: string;
}

const WORDS: Readonly<Record<NetworkThing, Word>> = {
  device: { type: 'host', all: 'all_host', custom: true, ids: 'device', former: 'hosts' },
  relay: { type: 'relay', all: 'all_relay', custom: true, former: 'relays' },
  gateway: { type: 'remote_access_gw', all: 'all_remote_access_gw', custom: true, ids: 'gateway' },
  'ext-client': { type: 'extclient', all: 'all_extclients', custom: true, former: 'extclients' },
  'internet-gateway': { type: 'inet_gw', all: 'all_inet_gw', custom: true },
  resource: { type: 'egress', all: 'all_egress', custom: true },
  network: { type: 'network', all: 'all_network', custom: true, former: 'networks' },
  'auth-key': { type: 'enrollment_key', all: 'all_enrollment_key', custom: true },
  member: { type: 'user', all: 'all_user', custom: true, former: 'users' },
  policy: { type: 'acl', all: 'all_acl', custom: true },
  tag: { type: 'tag', all: 'all_tag' },
  dns: { type: 'dns', all: 'all_dns', custom: true },
  nameserver: { type: 'nameserver', all: 'all_nameserver' },
  'fail-over': { type: 'fail_over', all: 'all_fail_over', custom: true },
  metric: { type: 'metric', all: 'all_metric' },
  posture: { type: 'posturecheck', all: 'all_posturecheck' },
  'access-approval': { type: 'jit_admin', all: 'all_jit_admin' },
  'access-request': { type: 'jit_user', all: 'all_jit_user' },
  activity: { type: 'user_activity', all: 'all_user_activity' },
  'flow-log': { type: 'traffic_flow', all: 'all_traffic_flow' },
};
const THINGS = Object.keys(WORDS) as NetworkThing[];

const BY_TYPE = new Map(
  THINGS.filter((thing) => WORDS[thing].custom).flatMap((thing) => {
    const { type, former } = WORDS[thing];
    return [type, former].flatMap((name) => (name === undefined ? [] : [[name, thing] as const]));
  }),
);

const toRights = (rights: AccessRights): WireRights => ({
  create: rights.create,
  read: rights.read,
  update: rights.update,
  delete: rights.delete,
  vpn_access: rights.connect,
  self_only: rights.ownOnly,
});
const isSet = (rights: Partial<WireRights>, name: keyof WireRights): boolean => rights[name] === true;
const fromRights = (rights: Partial<WireRights>): AccessRights => ({
  create: isSet(rights, 'create'),
  read: isSet(rights, 'read'),
  update: isSet(rights, 'update'),
  delete: isSet(rights, 'delete'),
  connect: isSet(rights, 'vpn_access'),
  ownOnly: isSet(rights, 'self_only'),
});

function toId({ all, ids }: Word, id: string): string {
  if (id === EVERY) return all;
  return ids !== undefined && /^[1-9]\d{0,15}$/u.test(id) ? encodeUuid(ids, Number(id)) : id;
}
function fromId({ all, ids }: Word, id: string): string {
  if (id === all) return EVERY;
  const decoded = ids === undefined ? undefined : decodeUuid(ids, id);
  return decoded === undefined ? `name:${id}` : String(decoded);
}
const shownId = (word: Word, id: string): string =>
  id.startsWith('name:') ? id.slice('name:'.length) : toId(word, id);

export const toResourceAccess = (access: RoleAccess): ResourceAccess =>
  Object.fromEntries(
    THINGS.flatMap((thing) => {
      const held = access[thing];
      if (held === undefined) return [];
      const word = WORDS[thing];
      const entries = Object.entries(held).map(([id, rights]) => [shownId(word, id), toRights(rights)]);
      return [[word.type, Object.fromEntries(entries)]];
    }),
  );

const OWN_CLIENTS: AccessRights = {
  create: true,
  read: true,
  update: true,
  delete: true,
  connect: false,
  ownOnly: true,
};

/** Whoever may connect through a gateway may keep clients of their own. */
export function fromResourceAccess(
  given: Readonly<Record<string, Readonly<Record<string, object>>>>,
): RoleAccess {
  const access: { [T in NetworkThing]?: Record<string, AccessRights> } = {};
  for (const [type, byId] of Object.entries(given)) {
    const thing = BY_TYPE.get(type);
    if (thing === undefined) throw new NetmakerError(400, `invalid rsrc type ${type}`);
    access[thing] = Object.fromEntries(
      Object.entries(byId).map(([id, rights]) => [fromId(WORDS[thing], id), fromRights(rights)]),
    );
  }
  const connects = Object.values(access.gateway ?? {}).some(({ connect }) => connect);
  return connects ? { ...access, 'ext-client': { [EVERY]: OWN_CLIENTS } } : access;
}
