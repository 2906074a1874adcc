/** Takes away an organization's rows of shares whose other side is gone: a deleted device, a person who left. */
import type { Store } from '../../domain/ports/store.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { ExternalLink } from './external-link.ts';

export interface TidyParts {
  readonly store: Store;
  readonly snapshot: Snapshot;
  /** The other organization. */
  readonly org: number;
  /** What is known of it; undefined when it is gone. */
  readonly link: ExternalLink | undefined;
}

const BY = { kind: 'system', id: '', name: 'control' } as const;

export async function tidyShares({ store, snapshot, org, link }: TidyParts): Promise<void> {
  const own = snapshot.organization.id;
  const devices = [...snapshot.table('sharedDevice').values()].filter(
    ({ homeOrg, device }) => homeOrg === org && link?.facts.devices.has(device) !== true,
  );
  const accepts = [...snapshot.table('shareAccept').values()].filter(
    ({ acceptorOrg, membership }) => acceptorOrg === org && link?.facts.memberships.has(membership) !== true,
  );
  if (devices.length + accepts.length === 0) return;
  await store.write({ orgs: [own, org], by: BY, origin: 'control' }, async (tx) => {
    for (const { homeOrg, device, membership } of devices) {
      // What was known may be old by now: the row itself decides.
      if ((await tx.get('device', org, device)) !== undefined) continue;
      if (!(await tx.remove('sharedDevice', own, { homeOrg, device, membership }))) continue;
      tx.audit(own, {
        verb: 'delete',
        objectKind: 'sharedDevice',
        objectId: device,
        objectName: `device ${device}`,
        details: 'the device is gone',
      });
    }
    for (const { share, acceptorOrg, membership, loginName } of accepts) {
      if ((await tx.get('membership', org, membership)) !== undefined) continue;
      if (!(await tx.remove('shareAccept', own, { share, acceptorOrg, membership }))) continue;
      tx.audit(own, {
        verb: 'delete',
        objectKind: 'shareAccept',
        objectId: membership,
        objectName: loginName,
        details: 'the person is gone',
      });
    }
  });
}
