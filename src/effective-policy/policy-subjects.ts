/** What each thing of an organization is to the policy engine now: the change that tells it, or none when it knows that already. */
import { ADMINISTRATIVE_ROLES } from '../domain/access/permissions.ts';
import { isExpired, keyEnd } from '../domain/devices/key-expiry.ts';
import { EVERYONE } from '../domain/groups/group-reads.ts';
import { opensNetwork } from '../domain/networks/network-roles.ts';
import { loginName } from '../domain/organizations/names.ts';
import type { ExternalDevice, Snapshot } from '../domain/snapshot/snapshot.ts';
import {
  type DeviceInput,
  type GroupInput,
  type Policy,
  type Change as PolicyChange,
  parsePolicy,
  type WorldSettings,
} from '../policy/index.ts';
import { deviceInput, externalInput } from './device-input.ts';
import { createDueTimes } from './due-times.ts';
import { clientInput, edgeInput, gatewayInput, resourceInput, serviceInput } from './network-inputs.ts';

/** The blocks of addresses of edge-only devices, in both families (domain/devices/addresses). */
const EDGE_ONLY_BLOCKS = ['100.127.0.0/16', 'fd7a:115c:a1e0:ab12:4843:cd96:627f:0/112'];

/** Stands for administrators as a group and as a role; rows have ids from 1 on. */
export const ADMINISTRATORS = 0;

/** What stands in for a file that cannot be read: nothing is open. */
const CLOSED_POLICY = '{"acls": []}';

export interface PolicySubjectsParts {
  readonly snapshot: Snapshot;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
  readonly cutsExpired: boolean;
}

export type PolicySubjects = ReturnType<typeof createPolicySubjects>;

/** Remembers what was last said of each subject: reports come often, and most change nothing for the policy. */
function createLastSaid() {
  const texts = new Map<string, string>();
  return {
    /** Whether this is something else than what was last said. */
    isNews: (kind: string, id: number, input: unknown): boolean => {
      const text = JSON.stringify(input);
      if (texts.get(`${kind}/${id}`) === text) return false;
      texts.set(`${kind}/${id}`, text);
      return true;
    },
    /** Whether anything was said of it. */
    forget: (kind: string, id: number): boolean => texts.delete(`${kind}/${id}`),
  };
}

export function worldSettings(snapshot: Snapshot): WorldSettings {
  const settings = snapshot.settings();
  const { tailnetName, domains } = snapshot.organization;
  return {
    domains: [...new Set([tailnetName, ...domains])],
    resourceOpening: settings.resource_opening,
    edgeOnlyBlocks: EDGE_ONLY_BLOCKS,
    httpsEnabled: settings.https_enabled,
  };
}

export function createPolicySubjects({ snapshot, now, onError, cutsExpired }: PolicySubjectsParts) {
  const roleIds = new Map<string, number>();
  const said = createLastSaid();
  const dueTimes = createDueTimes();

  /** Says when something is to be looked at again: at the first of these instants that is to come. */
  function ends(kind: 'edge' | 'device', id: number, instants: Iterable<number | null>): void {
    let next = Number.POSITIVE_INFINITY;
    for (const at of instants) if (at !== null && at > now() && at < next) next = at;
    dueTimes.set(`${kind}/${id}`, Number.isFinite(next) ? next : undefined);
  }

  const isSuspended = (membership: number): boolean =>
    (snapshot.memberships.get(membership)?.suspendedAt ?? null) !== null;

  function ownInput(id: number): DeviceInput | undefined {
    const facts = snapshot.devices.get(id);
    if (facts === undefined) return undefined;
    const input = deviceInput(snapshot, facts, now(), isSuspended);
    return cutsExpired && isExpired(facts.device, now()) ? { ...input, expired: true } : input;
  }

  function* endsOfDevice(id: number, external: ExternalDevice | undefined): Generator<number | null> {
    if (external !== undefined) yield keyEnd(external.facts.device);
    for (const { expiresAt } of snapshot.devices.get(id)?.attributes.values() ?? []) yield expiresAt;
  }

  function device(id: number): PolicyChange[] {
    const external = snapshot.external.get(id);
    if (external === undefined && !snapshot.devices.has(id)) {
      ends('device', id, []);
      return said.forget('device', id) ? [{ kind: 'device-removed', id }] : [];
    }
    const input = ownInput(id) ?? (external && externalInput(snapshot, external, now()));
    if (input === undefined) return [];
    ends('device', id, endsOfDevice(id, external));
    return said.isNews('device', id, input) ? [{ kind: 'device', device: input }] : [];
  }

  function client(id: number): PolicyChange[] {
    const row = snapshot.table('extClient').get(String(id));
    const input = row && clientInput(snapshot, row);
    if (input === undefined) return said.forget('device', id) ? [{ kind: 'device-removed', id }] : [];
    return said.isNews('device', id, input) ? [{ kind: 'device', device: input }] : [];
  }

  function user(id: number): PolicyChange {
    const member = snapshot.memberships.get(id);
    if (member === undefined) return { kind: 'user-removed', id };
    const { role, suspendedAt } = member;
    return { kind: 'user', user: { id, login: loginName(member), role, suspended: suspendedAt !== null } };
  }

  function membersOfGroup(id: number): number[] {
    if (snapshot.table('group').get(String(id))?.systemKey === EVERYONE)
      return [...snapshot.memberships.values()].filter((m) => m.joinedAt !== null).map((m) => m.id);
    return snapshot.membersOf(id).map((m) => m.membership);
  }

  function group(id: number): PolicyChange {
    const row = snapshot.table('group').get(String(id));
    if (row === undefined) return { kind: 'group-removed', id };
    const { key, name: label, active } = row;
    return { kind: 'group', group: { id, key, label, active, members: membersOfGroup(id) } };
  }

  function edge(id: number): PolicyChange[] {
    const row = snapshot.table('accessEdge').get(String(id));
    const made = row && edgeInput({ snapshot, now: now(), members: membersOfGroup }, row);
    ends('edge', id, made?.ends ?? []);
    if (made === undefined) return said.forget('edge', id) ? [{ kind: 'edge-removed', id }] : [];
    return said.isNews('edge', id, made.input) ? [{ kind: 'edge', edge: made.input }] : [];
  }

  function network(id: number): PolicyChange {
    const row = snapshot.table('network').get(String(id));
    return row === undefined
      ? { kind: 'network-removed', id }
      : { kind: 'network', network: { id, slug: row.slug, active: row.active, exit: row.kind === 'exit' } };
  }

  function gateway(id: number): PolicyChange {
    const row = snapshot.table('gateway').get(String(id));
    return row === undefined
      ? { kind: 'gateway-removed', id }
      : { kind: 'gateway', gateway: gatewayInput(snapshot, row) };
  }

  function resource(id: number): PolicyChange[] {
    const row = snapshot.table('resource').get(String(id));
    if (row === undefined) {
      said.forget('resource', id);
      return [{ kind: 'resource-removed', id }];
    }
    const input = resourceInput(snapshot, row);
    return said.isNews('resource', id, input) ? [{ kind: 'resource', resource: input }] : [];
  }

  /** Where the organization has it so, administrators hold a role on all networks. No rows stand behind it. */
  function administratorsGroup(): PolicyChange {
    if (!snapshot.settings().admins_reach_networks) return { kind: 'group-removed', id: ADMINISTRATORS };
    const members = [...snapshot.memberships.values()]
      .filter(({ role, joinedAt }) => ADMINISTRATIVE_ROLES.has(role) && joinedAt !== null)
      .map(({ id }) => id);
    // A key that no file can name.
    const all: GroupInput = { id: ADMINISTRATORS, key: '', label: 'Administrators', active: true, members };
    return { kind: 'group', group: all };
  }

  const administratorsRole = (): PolicyChange =>
    snapshot.settings().admins_reach_networks
      ? { kind: 'role', role: { id: ADMINISTRATORS, group: ADMINISTRATORS, network: undefined } }
      : { kind: 'role-removed', id: ADMINISTRATORS };

  function role(key: string): PolicyChange {
    const id = roleIds.get(key) ?? roleIds.size + 1;
    roleIds.set(key, id);
    const grant = snapshot.table('groupNetworkRole').get(key);
    const given = grant && snapshot.table('networkRole').get(String(grant.networkRole));
    if (grant === undefined || given === undefined || !opensNetwork(given))
      return { kind: 'role-removed', id };
    return {
      kind: 'role',
      role: { id, group: grant.group, network: grant.network === 0 ? undefined : grant.network },
    };
  }

  function service(id: number, name: string): PolicyChange {
    const row = snapshot.table('service').get(String(id));
    if (row?.name !== name) return { kind: 'service-removed', name };
    return { kind: 'service', service: serviceInput(snapshot, row, snapshot.serviceAddresses(id)) };
  }

  /** @param key `network/prefix` */
  function primary(key: string): PolicyChange {
    const slash = key.indexOf('/');
    const carrier = snapshot.primaries.get(key)?.device;
    return {
      kind: 'primary',
      primary: { network: Number(key.slice(0, slash)), prefix: key.slice(slash + 1), device: carrier },
    };
  }

  function readPolicy(): Policy {
    try {
      return parsePolicy(snapshot.policy()?.text ?? CLOSED_POLICY);
    } catch (error) {
      onError(error);
      return parsePolicy(CLOSED_POLICY);
    }
  }

  return {
    device,
    client,
    user,
    group,
    edge,
    network,
    gateway,
    resource,
    administratorsGroup,
    administratorsRole,
    role,
    roleKey: (id: number): string | undefined => [...roleIds].find(([, one]) => one === id)?.[0],
    service,
    primary,
    settings: (): PolicyChange => ({ kind: 'settings', settings: worldSettings(snapshot) }),
    policy: (): PolicyChange => ({ kind: 'policy', policy: readPolicy() }),
    /** What has ended by then, or begun: undefined when nothing did. */
    due: (time: number): PolicyChange[] | undefined => {
      const due = dueTimes.take(time);
      if (due.length === 0) return undefined;
      return due.flatMap((subject) => {
        const [kind, id] = subject.split('/');
        return kind === 'edge' ? edge(Number(id)) : device(Number(id));
      });
    },
  };
}
