/**
 * The policy in force in an organization: its file, then access edges, then network roles, over its devices and people. It
 * follows the snapshot change by change; what a change means for packets is the policy engine's answer.
 */
import type { Change } from '../domain/ports/store.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { type ChangeSet, createPolicyEngine, type PolicyEngine } from '../policy/index.ts';
import { createConcernedDevices } from './concerned-devices.ts';
import { createPolicyChanges } from './policy-changes.ts';
import { createPolicySubjects, worldSettings } from './policy-subjects.ts';

export interface EffectivePolicy {
  readonly engine: PolicyEngine;
  /** After the changes are in the snapshot. `devices`: whose facts they touched. */
  apply(changes: readonly Change[], devices: ReadonlySet<number>): ChangeSet;
  /** Lets time pass: edges, open locks and attributes that end. Undefined when nothing did. */
  expire(now: number): ChangeSet | undefined;
  /** The key of the row that the engine's network role is; undefined for that of the organization's administrators. */
  roleKey(role: number): string | undefined;
}

export interface EffectivePolicyParts {
  readonly snapshot: Snapshot;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
  /** Whether devices whose key has ended are out, as clients have them. What goes into maps has them still, marked as such. */
  readonly cutsExpired?: boolean;
}

export function createEffectivePolicy(parts: EffectivePolicyParts): EffectivePolicy {
  const { snapshot, now, onError, cutsExpired = false } = parts;
  const engine = createPolicyEngine({ settings: worldSettings(snapshot) });
  const subjects = createPolicySubjects({ snapshot, now, onError, cutsExpired });
  const policyChanges = createPolicyChanges({ snapshot, subjects });
  const concerned = createConcernedDevices(snapshot);

  // Everything, once, when the snapshot has been loaded.
  engine.applyAll([
    subjects.policy(),
    ...[...snapshot.memberships.keys()].map(subjects.user),
    ...[...snapshot.table('group').values()].map(({ id }) => subjects.group(id)),
    ...[...snapshot.table('network').values()].map(({ id }) => subjects.network(id)),
    ...[...snapshot.table('gateway').values()].map(({ id }) => subjects.gateway(id)),
    ...[...snapshot.table('resource').values()].flatMap(({ id }) => subjects.resource(id)),
    ...[...snapshot.table('accessEdge').values()].flatMap(({ id }) => subjects.edge(id)),
    ...[...snapshot.table('groupNetworkRole').keys()].map(subjects.role),
    ...(snapshot.settings().admins_reach_networks
      ? [subjects.administratorsGroup(), subjects.administratorsRole()]
      : []),
    ...[...snapshot.table('service').values()].map(({ id, name }) => subjects.service(id, name)),
    ...[...snapshot.devices.keys(), ...snapshot.external.keys()].flatMap(subjects.device),
    ...[...snapshot.table('extClient').values()].flatMap(({ id }) => subjects.client(id)),
    ...[...snapshot.primaries.keys()].map(subjects.primary),
  ]);

  return {
    engine,
    apply: (changes, devices) =>
      engine.applyAll([
        ...policyChanges(changes),
        ...[...new Set([...devices, ...concerned.devices(changes)])].flatMap(subjects.device),
        ...[...concerned.clients(changes)].flatMap(subjects.client),
      ]),
    expire: (time) => {
      const due = subjects.due(time);
      return due && engine.applyAll(due);
    },
    roleKey: subjects.roleKey,
  };
}
