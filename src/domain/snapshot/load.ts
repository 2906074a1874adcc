/** An organization's snapshot, from the store. */
import { type EntityKind, keyTextOf } from '../model/entities.ts';
import type { Organization } from '../model/people.ts';
import { changeOf, type Reader } from '../ports/store.ts';
import { createSnapshot, type Snapshot } from './snapshot.ts';
import { TABLE_KINDS } from './table-kinds.ts';

/** Kinds of which a snapshot has more than tables. Of `policyVersion` it holds the last alone. */
const OWN_KINDS = [
  'device',
  'deviceLive',
  'presence',
  'address',
  'deviceTag',
  'route',
  'deviceAttribute',
  'routePrimary',
  'membership',
  'setting',
  'dnsConfig',
] as const satisfies readonly EntityKind[];

/** More rows of a kind than this do not fit the memory of one process. */
const MAX_ROWS = 2_000_000;

/** Fills a snapshot from the store. Follow the feed from a sequence that was read before. */
export async function loadSnapshot(reader: Reader, organization: Organization): Promise<Snapshot> {
  const snapshot = createSnapshot(organization);
  const org = organization.id;
  for (const kind of [...OWN_KINDS, ...TABLE_KINDS]) {
    for (const row of await reader.find(kind, org, {}, MAX_ROWS)) {
      const key = keyTextOf(kind, row as never);
      snapshot.apply(changeOf({ org, seq: 0, kind, key, before: null, after: row, at: 0 }));
    }
  }
  const [policy] = await reader.list('policyVersion', org, {
    orderBy: [{ column: 'version', descending: true }],
    limit: 1,
  });
  if (policy !== undefined) {
    snapshot.apply({
      org,
      seq: 0,
      kind: 'policyVersion',
      key: String(policy.id),
      before: null,
      after: policy,
      at: 0,
    });
  }
  return snapshot;
}
