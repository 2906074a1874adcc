/** Kinds whose rows a snapshot keeps as they are: what the policy is applied to, beside devices and people. */
import type { EntityKind } from '../model/entities.ts';

export const TABLE_KINDS = [
  'group',
  'groupMember',
  'network',
  'gateway',
  'gatewayAgent',
  'extClient',
  'resource',
  'accessEdge',
  'accessLock',
  'securityPolicy',
  'networkRole',
  'groupNetworkRole',
  'serviceAccount',
  'service',
  'serviceHost',
  'serialNumber',
  'resolvedName',
  'shareAccept',
  'sharedDevice',
] as const satisfies readonly EntityKind[];
export type TableKind = (typeof TABLE_KINDS)[number];

const ALL: ReadonlySet<EntityKind> = new Set(TABLE_KINDS);
export const isTableKind = (kind: EntityKind): kind is TableKind => ALL.has(kind);
