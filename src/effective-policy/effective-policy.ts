/**
 * The policy in force in an organization: its file, then access edges, then network roles, over its devices and people. It
 * follows the snapshot change by change; what a change means for packets is the policy engine's answer.
 */

import { ADMINISTRATIVE_ROLES } from '../domain/access/permissions.ts';
import { isExpired, keyEnd } from '../domain/devices/key-expiry.ts';
import { EVERYONE } from '../domain/groups/group-reads.ts';
import type { Device } from '../domain/model/devices.ts';
import type { Row } from '../domain/model/entities.ts';
import type { AccessEdge, Resource } from '../domain/model/networks.ts';
import { opensNetwork } from '../domain/networks/network-roles.ts';
import { isPatternName, nameTest, normalName } from '../domain/networks/resource-names.ts';
import { loginName } from '../domain/organizations/names.ts';
import type { Change } from '../domain/ports/store.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import {
  type ChangeSet,
  createPolicyEngine,
  type GroupInput,
  type Policy,
  type Change as PolicyChange,
  type PolicyEngine,
  parsePolicy,
  type WorldSettings,
} from '../policy/index.ts';
import { deviceInput, externalInput } from './device-input.ts';
import { followsRegions } from './device-place.ts';
import { createDueTimes } from './due-times.ts';
import {
  clientInput,
  edgeInput,
  gatewayInput,
  isOpenToSome,
  resourceInput,
  serviceInput,
} from './network-inputs.ts';
import { namesClaimed } from './network-serving.ts';

/** The blocks of addresses of edge-only devices, in both families (domain/devices/addresses). */
const EDGE_ONLY_BLOCKS = ['100.127.0.0/16', 'fd7a:115c:a1e0:ab12:4843:cd96:627f:0/112'];

/** Stands for administrators as a group and as a role; rows have ids from 1 on. */
const ADMINISTRATORS = 0;

/** What stands in for a file that cannot be read: nothing is open. */
const CLOSED_POLICY = '{"acls": []}';

export interface EffectivePolicy {
  readonly engine: PolicyEngine;
  /** After the changes are in the snapshot. `devices`: whose facts they touched. */
  apply(changes: readonly Change[], devices: ReadonlySet<number>): ChangeSet;
  /** Lets time pass: edges, open locks and attributes that end. Undefined when nothing did. */
  expire(now: number): ChangeSet | undefined;
}

export interface EffectivePolicyParts {
  readonly snapshot: Snapshot;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
  /** Whether devices whose key has ended are out, as clients have them. What goes into maps has them still, marked as such. */
  readonly cutsExpired?: boolean;
}

function readPolicy(text: string | undefined, onError: (error: unknown) => void): Policy {
  try {
    return parsePolicy(text ?? CLOSED_POLICY);
  } catch (error) {
    onError(error);
    return parsePolicy(CLOSED_POLICY);
  }
}

function worldSettings(snapshot: Snapshot): WorldSettings {
  const settings = snapshot.settings();
  const { tailnetName, domains } = snapshot.organization;
  return {
    domains: [...new Set([tailnetName, ...domains])],
    resourceOpening: settings.resource_opening,
    edgeOnlyBlocks: EDGE_ONLY_BLOCKS,
    httpsEnabled: settings.https_enabled,
  };
}

export function createEffectivePolicy(parts: EffectivePolicyParts): EffectivePolicy {
  const { snapshot, now, onError, cutsExpired = false } = parts;
  const engine = createPolicyEngine({ settings: worldSettings(snapshot) });
  const roleIds = new Map<string, number>();
  /** What each device was last said to be, to tell reports that change nothing for the policy. */
  const lastDevice = new Map<number, string>();
  const lastResource = new Map<number, string>();
  const lastEdge = new Map<number, string>();
  const dueTimes = createDueTimes();

  /** Says when something is to be looked at again: at the first of these instants that is to come. */
  const ends = (kind: 'edge' | 'device', id: number, instants: Iterable<number | null>): void => {
    let next = Number.POSITIVE_INFINITY;
    for (const at of instants) if (at !== null && at > now() && at < next) next = at;
    dueTimes.set(`${kind}/${id}`, Number.isFinite(next) ? next : undefined);
  };

  const isSuspended = (membership: number): boolean =>
    (snapshot.memberships.get(membership)?.suspendedAt ?? null) !== null;

  /** Devices with routes that one of these members enabled. */
  const routersOf = (changes: readonly Change[]): number[] => {
    const members = new Set(
      changes.filter(({ kind }) => kind === 'membership').map(({ key }) => Number(key)),
    );
    if (members.size === 0) return [];
    return [...snapshot.devices].flatMap(([id, { routes }]) =>
      [...routes.values()].some(({ manualBy }) => members.has(manualBy)) ? [id] : [],
    );
  };

  /** Devices with a serial number that came to the list of trusted ones, or left it. */
  const holdersOf = (changes: readonly Change[]): number[] => {
    const serials = new Set(
      changes.flatMap((change) => {
        const row = change.kind === 'serialNumber' ? (change.after ?? change.before) : null;
        return row === null ? [] : [row.serial];
      }),
    );
    if (serials.size === 0) return [];
    return [...snapshot.devices].flatMap(([id, { device }]) =>
      device.serials.some((serial) => serials.has(serial)) ? [id] : [],
    );
  };

  /** Devices that meet others, or do not any more, because of what was accepted or taken back. */
  const sharersOf = (changes: readonly Change[]): number[] =>
    changes.flatMap((change) => {
      if (change.kind !== 'shareAccept' && change.kind !== 'sharedDevice') return [];
      const row = change.after ?? change.before;
      if (row === null) return [];
      if (change.kind === 'shareAccept') return [row.device];
      const { device: shared, membership } = row;
      const own = [...snapshot.devices.values()].filter(
        ({ device }) => device.ownerKind === 'membership' && device.owner === membership,
      );
      return [shared, ...own.map(({ device }) => device.id)];
    });

  /** Where devices are matters only while routes follow regions; what serves a service then is asked whether it is there. */
  const movedOf = (changes: readonly Change[]): Iterable<number> => {
    if (changes.some(({ kind, key }) => kind === 'setting' && key === 'regional_routing'))
      return snapshot.devices.keys();
    if (!followsRegions(snapshot)) return [];
    return changes.flatMap(({ kind, key, before, after }) => {
      if (kind === 'serviceHost') return [Number(key.slice(key.indexOf('/') + 1))];
      const rows = kind === 'gateway' ? ([before, after] as (Row<'gateway'> | null)[]) : [];
      return rows.flatMap((row) => row?.device ?? []);
    });
  };

  const expiry = (device: Device): { readonly expired?: boolean } =>
    cutsExpired && isExpired(device, now()) ? { expired: true } : {};
  const deviceChange = (id: number): PolicyChange[] => {
    const facts = snapshot.devices.get(id);
    const external = snapshot.external.get(id);
    if (facts === undefined && external === undefined) {
      ends('device', id, []);
      return lastDevice.delete(id) ? [{ kind: 'device-removed', id }] : [];
    }
    const device =
      facts === undefined
        ? external && externalInput(snapshot, external, now())
        : { ...deviceInput(snapshot, facts, now(), isSuspended), ...expiry(facts.device) };
    if (device === undefined) return [];
    ends('device', id, [
      ...(external === undefined ? [] : [keyEnd(external.facts.device)]),
      ...[...(facts?.attributes.values() ?? [])].map(({ expiresAt }) => expiresAt),
    ]);
    const text = JSON.stringify(device);
    if (lastDevice.get(id) === text) return [];
    lastDevice.set(id, text);
    return [{ kind: 'device', device }];
  };
  const clientChange = (id: number): PolicyChange[] => {
    const row = snapshot.table('extClient').get(String(id));
    const input = row && clientInput(snapshot, row);
    if (input === undefined) return lastDevice.delete(id) ? [{ kind: 'device-removed', id }] : [];
    const text = JSON.stringify(input);
    if (lastDevice.get(id) === text) return [];
    lastDevice.set(id, text);
    return [{ kind: 'device', device: input }];
  };
  /** Plain clients that these changes may concern. */
  const clientsOf = (changes: readonly Change[]): ReadonlySet<number> => {
    const out = new Set<number>();
    const [owners, gateways] = [new Set<number>(), new Set<number>()];
    for (const { kind, key, before, after } of changes) {
      if (kind === 'extClient') out.add(Number(key));
      else if (kind === 'membership') owners.add(Number(key));
      else if (kind === 'gateway') gateways.add(Number(key));
      else if (kind === 'address') {
        const row = after ?? before;
        if (row?.holderKind === 'ext-client') out.add(row.holder);
      }
    }
    if (owners.size + gateways.size === 0) return out;
    for (const client of snapshot.table('extClient').values()) {
      const isOwned = client.ownerKind === 'membership' && owners.has(client.owner);
      if (isOwned || gateways.has(client.gateway)) out.add(client.id);
    }
    return out;
  };
  const userChange = (id: number): PolicyChange => {
    const member = snapshot.memberships.get(id);
    if (member === undefined) return { kind: 'user-removed', id };
    const user = { id, login: loginName(member), role: member.role, suspended: member.suspendedAt !== null };
    return { kind: 'user', user };
  };
  const membersOfGroup = (id: number): number[] => {
    if (snapshot.table('group').get(String(id))?.systemKey === EVERYONE)
      return [...snapshot.memberships.values()].filter((m) => m.joinedAt !== null).map((m) => m.id);
    return snapshot.membersOf(id).map((m) => m.membership);
  };
  const groupChange = (id: number): PolicyChange => {
    const row = snapshot.table('group').get(String(id));
    if (row === undefined) return { kind: 'group-removed', id };
    const members = membersOfGroup(id);
    const group: GroupInput = { id, key: row.key, label: row.name, active: row.active, members };
    return { kind: 'group', group };
  };
  const edgeChange = (id: number): PolicyChange[] => {
    const row = snapshot.table('accessEdge').get(String(id));
    const edge = row && edgeInput({ snapshot, now: now(), members: membersOfGroup }, row);
    ends('edge', id, edge?.ends ?? []);
    if (edge === undefined) return lastEdge.delete(id) ? [{ kind: 'edge-removed', id }] : [];
    const text = JSON.stringify(edge.input);
    if (lastEdge.get(id) === text) return [];
    lastEdge.set(id, text);
    return [{ kind: 'edge', edge: edge.input }];
  };
  const networkChange = (id: number): PolicyChange => {
    const row = snapshot.table('network').get(String(id));
    return row === undefined
      ? { kind: 'network-removed', id }
      : { kind: 'network', network: { id, slug: row.slug, active: row.active, exit: row.kind === 'exit' } };
  };
  const gatewayChange = (id: number): PolicyChange => {
    const row = snapshot.table('gateway').get(String(id));
    return row === undefined
      ? { kind: 'gateway-removed', id }
      : { kind: 'gateway', gateway: gatewayInput(snapshot, row) };
  };
  const resourceChange = (id: number): PolicyChange[] => {
    const row = snapshot.table('resource').get(String(id));
    if (row === undefined) {
      lastResource.delete(id);
      return [{ kind: 'resource-removed', id }];
    }
    const resource = resourceInput(snapshot, row);
    const text = JSON.stringify(resource);
    if (lastResource.get(id) === text) return [];
    lastResource.set(id, text);
    return [{ kind: 'resource', resource }];
  };
  /** Where the organization has it so, administrators hold a role on all networks. No rows stand behind it. */
  const administratorsGroup = (): PolicyChange => {
    if (!snapshot.settings().admins_reach_networks) return { kind: 'group-removed', id: ADMINISTRATORS };
    const members = [...snapshot.memberships.values()]
      .filter(({ role, joinedAt }) => ADMINISTRATIVE_ROLES.has(role) && joinedAt !== null)
      .map(({ id }) => id);
    // A key that no file can name.
    const group: GroupInput = { id: ADMINISTRATORS, key: '', label: 'Administrators', active: true, members };
    return { kind: 'group', group };
  };
  const administratorsRole = (): PolicyChange =>
    snapshot.settings().admins_reach_networks
      ? { kind: 'role', role: { id: ADMINISTRATORS, group: ADMINISTRATORS, network: undefined } }
      : { kind: 'role-removed', id: ADMINISTRATORS };
  const roleChange = (key: string): PolicyChange => {
    const id = roleIds.get(key) ?? roleIds.size + 1;
    roleIds.set(key, id);
    const grant = snapshot.table('groupNetworkRole').get(key);
    const role = grant && snapshot.table('networkRole').get(String(grant.networkRole));
    if (grant === undefined || role === undefined || !opensNetwork(role)) return { kind: 'role-removed', id };
    return {
      kind: 'role',
      role: { id, group: grant.group, network: grant.network === 0 ? undefined : grant.network },
    };
  };
  const serviceChange = (id: number, name: string): PolicyChange => {
    const row = snapshot.table('service').get(String(id));
    if (row?.name !== name) return { kind: 'service-removed', name };
    return { kind: 'service', service: serviceInput(snapshot, row, snapshot.serviceAddresses(id)) };
  };

  const everyoneId = (): number | undefined =>
    [...snapshot.table('group').values()].find(({ systemKey }) => systemKey === EVERYONE)?.id;
  /** The edges of a group that are others with its members. */
  const edgesWithMembers = (group: number): AccessEdge[] =>
    snapshot.edgesOfPrincipal(group).filter((edge) => {
      const resource = snapshot.table('resource').get(String(edge.resource));
      return resource !== undefined && isOpenToSome(edge, resource);
    });

  /** What a change of the store is for the policy, once each subject. */
  const translate = (changes: readonly Change[]): PolicyChange[] => {
    const subjects = new Map<string, () => PolicyChange | PolicyChange[]>();
    const note = (kind: string, id: number | string, make: () => PolicyChange | PolicyChange[]): void =>
      void subjects.set(`${kind} ${id}`, make);
    /** The resources of a network that are names, where what its gateways resolve may be another. */
    const noteNames = (network: number, concerned: (resource: Resource) => boolean): void => {
      for (const resource of snapshot.resourcesOf(network)) {
        if (resource.addressKind === 'dns' && concerned(resource))
          note('resource', resource.id, () => resourceChange(resource.id));
      }
    };
    const noteEdges = (edges: Iterable<{ readonly id: number }>): void => {
      for (const { id } of edges) note('edge', id, () => edgeChange(id));
    };
    /** Names of which gateways found something else, by network: there may be thousands, of thousands of resources. */
    const renamed = new Map<number, Set<string>>();
    for (const change of changes) {
      const id = Number(change.key);
      const row = (change.after ?? change.before) as Readonly<Record<string, unknown>> | null;
      switch (change.kind) {
        case 'membership': {
          note('user', id, () => userChange(id));
          if (snapshot.settings().admins_reach_networks) note('group', ADMINISTRATORS, administratorsGroup);
          const everyone = everyoneId();
          if (everyone === undefined) break;
          note('group', everyone, () => groupChange(everyone));
          noteEdges(edgesWithMembers(everyone));
          break;
        }
        case 'group':
          note('group', id, () => groupChange(id));
          break;
        case 'groupMember': {
          const group = Number(row?.group);
          note('group', group, () => groupChange(group));
          noteEdges(edgesWithMembers(group));
          break;
        }
        case 'network':
          note('network', id, () => networkChange(id));
          for (const gateway of snapshot.table('gateway').values()) {
            if (gateway.network === id) note('gateway', gateway.id, () => gatewayChange(gateway.id));
          }
          break;
        case 'gateway':
          note('gateway', id, () => gatewayChange(id));
          noteNames(Number(row?.network), () => true);
          break;
        case 'resolvedName': {
          const name = String(row?.name ?? change.key.slice(change.key.indexOf('/') + 1));
          const device = Number(change.key.slice(0, change.key.indexOf('/')));
          for (const { network } of snapshot.gatewaysOf(device)) {
            const names = renamed.get(network);
            if (names === undefined) renamed.set(network, new Set([name]));
            else names.add(name);
          }
          break;
        }
        case 'resource':
          note('resource', id, () => resourceChange(id));
          noteEdges(snapshot.edgesOfResource(id));
          break;
        case 'accessEdge':
          noteEdges([{ id }]);
          break;
        case 'accessLock':
          noteEdges([{ id: Number(row?.edge) }]);
          break;
        case 'securityPolicy':
          noteEdges(snapshot.table('accessEdge').values());
          break;
        case 'networkRole':
          for (const key of snapshot.table('groupNetworkRole').keys())
            note('role', key, () => roleChange(key));
          break;
        case 'groupNetworkRole':
          note('role', change.key, () => roleChange(change.key));
          break;
        case 'service': {
          // Rules mean a service by its name: one that takes another name goes under the old one.
          const { before, after } = change;
          for (const name of new Set([before?.name, after?.name])) {
            if (name !== undefined) note('service', name, () => serviceChange(id, name));
          }
          break;
        }
        case 'serviceHost': {
          const service = Number(row?.service);
          const name = snapshot.table('service').get(String(service))?.name;
          if (name !== undefined) note('service', name, () => serviceChange(service, name));
          break;
        }
        case 'routePrimary': {
          const slash = change.key.indexOf('/');
          const network = Number(change.key.slice(0, slash));
          const prefix = change.key.slice(slash + 1);
          const carrier = snapshot.primaries.get(change.key)?.device;
          note('primary', change.key, () => ({
            kind: 'primary',
            primary: { network, prefix, device: carrier },
          }));
          break;
        }
        case 'setting':
          note('settings', '', () => ({ kind: 'settings', settings: worldSettings(snapshot) }));
          if (change.key === 'admins_reach_networks') {
            note('group', ADMINISTRATORS, administratorsGroup);
            note('role', ADMINISTRATORS, administratorsRole);
          }
          break;
        case 'policyVersion':
          note('policy', '', () => ({
            kind: 'policy',
            policy: readPolicy(snapshot.policy()?.text, onError),
          }));
          break;
        default:
          break;
      }
    }
    for (const [network, names] of namesClaimed(snapshot, changes)) {
      renamed.set(network, new Set([...(renamed.get(network) ?? []), ...names]));
    }
    for (const [network, names] of renamed) {
      noteNames(network, (resource) => {
        const own = normalName(resource.addressText);
        return isPatternName(own) ? [...names].some(nameTest(resource)) : names.has(own);
      });
    }
    return [...subjects.values()].flatMap((make) => make());
  };

  /** Everything, once, when the snapshot has been loaded. */
  const load = (): void => {
    engine.applyAll([
      { kind: 'policy', policy: readPolicy(snapshot.policy()?.text, onError) },
      ...[...snapshot.memberships.keys()].map(userChange),
      ...[...snapshot.table('group').values()].map(({ id }) => groupChange(id)),
      ...[...snapshot.table('network').values()].map(({ id }) => networkChange(id)),
      ...[...snapshot.table('gateway').values()].map(({ id }) => gatewayChange(id)),
      ...[...snapshot.table('resource').values()].flatMap(({ id }) => resourceChange(id)),
      ...[...snapshot.table('accessEdge').values()].flatMap(({ id }) => edgeChange(id)),
      ...[...snapshot.table('groupNetworkRole').keys()].map(roleChange),
      ...(snapshot.settings().admins_reach_networks ? [administratorsGroup(), administratorsRole()] : []),
      ...[...snapshot.table('service').values()].map(({ id, name }) => serviceChange(id, name)),
      ...[...snapshot.devices.keys(), ...snapshot.external.keys()].flatMap(deviceChange),
      ...[...snapshot.table('extClient').values()].flatMap(({ id }) => clientChange(id)),
      ...[...snapshot.primaries.values()].map(
        ({ network, prefix, device }): PolicyChange => ({
          kind: 'primary',
          primary: { network, prefix, device },
        }),
      ),
    ]);
  };
  load();

  return {
    engine,
    apply: (changes, devices) =>
      engine.applyAll([
        ...translate(changes),
        ...[
          ...new Set([
            ...devices,
            ...routersOf(changes),
            ...holdersOf(changes),
            ...sharersOf(changes),
            ...movedOf(changes),
          ]),
        ].flatMap(deviceChange),
        ...[...clientsOf(changes)].flatMap(clientChange),
      ]),
    expire: (time) => {
      const due = dueTimes.take(time);
      if (due.length === 0) return undefined;
      return engine.applyAll(
        due.flatMap((subject) => {
          const [kind, id] = subject.split('/');
          return kind === 'edge' ? edgeChange(Number(id)) : deviceChange(Number(id));
        }),
      );
    },
  };
}
