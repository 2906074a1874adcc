/** What changes of the store are for the policy engine. */
import { EVERYONE } from '../domain/groups/group-reads.ts';
import type { AccessEdge, Resource } from '../domain/model/networks.ts';
import { isPatternName, nameTest, normalName } from '../domain/networks/resource-names.ts';
import type { Change } from '../domain/ports/store.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type { Change as PolicyChange } from '../policy/index.ts';
import { isOpenToSome } from './network-inputs.ts';
import { namesClaimed } from './network-serving.ts';
import { ADMINISTRATORS, type PolicySubjects } from './policy-subjects.ts';

export interface PolicyChangesParts {
  readonly snapshot: Snapshot;
  readonly subjects: PolicySubjects;
}

/** Tells all but devices: what else makes those different is asked of the snapshot (concerned-devices.ts). */
export function createPolicyChanges({
  snapshot,
  subjects,
}: PolicyChangesParts): (changes: readonly Change[]) => PolicyChange[] {
  const everyoneId = (): number | undefined =>
    [...snapshot.table('group').values()].find(({ systemKey }) => systemKey === EVERYONE)?.id;
  /** The edges of a group that are others with its members. */
  const edgesWithMembers = (group: number): AccessEdge[] =>
    snapshot.edgesOfPrincipal(group).filter((edge) => {
      const resource = snapshot.table('resource').get(String(edge.resource));
      return resource !== undefined && isOpenToSome(edge, resource);
    });

  /** What a change of the store is for the policy, once each subject. */
  return (changes) => {
    const noted = new Map<string, () => PolicyChange | PolicyChange[]>();
    const note = (kind: string, id: number | string, make: () => PolicyChange | PolicyChange[]): void =>
      void noted.set(`${kind} ${id}`, make);
    /** The resources of a network that are names, where what its gateways resolve may be another. */
    const noteNames = (network: number, concerned: (resource: Resource) => boolean): void => {
      for (const resource of snapshot.resourcesOf(network)) {
        if (resource.addressKind === 'dns' && concerned(resource))
          note('resource', resource.id, () => subjects.resource(resource.id));
      }
    };
    const noteEdges = (edges: Iterable<{ readonly id: number }>): void => {
      for (const { id } of edges) note('edge', id, () => subjects.edge(id));
    };
    /** Names of which gateways found something else, by network: there may be thousands, of thousands of resources. */
    const renamed = new Map<number, Set<string>>();
    for (const change of changes) {
      const id = Number(change.key);
      const row = (change.after ?? change.before) as Readonly<Record<string, unknown>> | null;
      switch (change.kind) {
        case 'membership': {
          note('user', id, () => subjects.user(id));
          if (snapshot.settings().admins_reach_networks)
            note('group', ADMINISTRATORS, subjects.administratorsGroup);
          const everyone = everyoneId();
          if (everyone === undefined) break;
          note('group', everyone, () => subjects.group(everyone));
          noteEdges(edgesWithMembers(everyone));
          break;
        }
        case 'group':
          note('group', id, () => subjects.group(id));
          break;
        case 'groupMember': {
          const group = Number(row?.group);
          note('group', group, () => subjects.group(group));
          noteEdges(edgesWithMembers(group));
          break;
        }
        case 'network':
          note('network', id, () => subjects.network(id));
          for (const gateway of snapshot.table('gateway').values()) {
            if (gateway.network === id) note('gateway', gateway.id, () => subjects.gateway(gateway.id));
          }
          break;
        case 'gateway':
          note('gateway', id, () => subjects.gateway(id));
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
          note('resource', id, () => subjects.resource(id));
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
            note('role', key, () => subjects.role(key));
          break;
        case 'groupNetworkRole':
          note('role', change.key, () => subjects.role(change.key));
          break;
        case 'service': {
          // Rules mean a service by its name: one that takes another name goes under the old one.
          const { before, after } = change;
          for (const name of new Set([before?.name, after?.name])) {
            if (name !== undefined) note('service', name, () => subjects.service(id, name));
          }
          break;
        }
        case 'serviceHost': {
          const service = Number(row?.service);
          const name = snapshot.table('service').get(String(service))?.name;
          if (name !== undefined) note('service', name, () => subjects.service(service, name));
          break;
        }
        case 'routePrimary':
          note('primary', change.key, () => subjects.primary(change.key));
          break;
        case 'setting':
          note('settings', '', subjects.settings);
          if (change.key === 'admins_reach_networks') {
            note('group', ADMINISTRATORS, subjects.administratorsGroup);
            note('role', ADMINISTRATORS, subjects.administratorsRole);
          }
          break;
        case 'policyVersion':
          note('policy', '', subjects.policy);
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
    return [...noted.values()].flatMap((make) => make());
  };
}
