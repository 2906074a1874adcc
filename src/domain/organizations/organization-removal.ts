/**
 * Deleting an organization with everything in it: devices are cut off, credentials die, its label and names are free again.
 * Its audit chain stays, and the installation's own says who did it.
 */
import { AppError, notFound } from '../../kernel/errors.ts';
import { type Actor, byOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { removeEach } from '../directory/each-row.ts';
import { type EntityKind, entities, type Row } from '../model/entities.ts';
import type { AuditOrigin } from '../model/operations.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';

export interface OrganizationRemoval {
  /**
   * The actor's own organization. By its owner; of an organization that was made over an API also by a client that holds
   * every scope, such as the one that it was made with. Errors: `forbidden`, `not_found`.
   */
  remove(actor: Actor, origin: AuditOrigin): Promise<void>;
}

/** Measurements and protocols: nobody can ask for them any more, and they are pruned by their age. */
const LEFT_TO_PRUNING: ReadonlySet<EntityKind> = new Set(['delivery']);
const MAX_ROWS = 2_000_000;
const MAX_TRIES = 5;

export function createOrganizationRemoval({ store }: { readonly store: Store }): OrganizationRemoval {
  /** Organizations with which devices are shared, in either direction. */
  const neighbours = async (reader: Reader, org: number): Promise<number[]> => {
    const given = await reader.find('shareAccept', org, {}, MAX_ROWS);
    const taken = await reader.find('sharedDevice', org, {}, MAX_ROWS);
    return [
      ...new Set([...given.map(({ acceptorOrg }) => acceptorOrg), ...taken.map(({ homeOrg }) => homeOrg)]),
    ];
  };

  const unshare = async (tx: Tx, org: number): Promise<void> => {
    for (const { device, membership, acceptorOrg, loginName } of await tx.find(
      'shareAccept',
      org,
      {},
      MAX_ROWS,
    )) {
      await tx.remove('sharedDevice', acceptorOrg, { homeOrg: org, device, membership });
      auditEnd(tx, acceptorOrg, 'sharedDevice', device, loginName);
    }
    for (const { homeOrg, share, device, membership } of await tx.find('sharedDevice', org, {}, MAX_ROWS)) {
      await tx.remove('shareAccept', homeOrg, { share, acceptorOrg: org, membership });
      auditEnd(tx, homeOrg, 'shareAccept', membership, `device ${device}`);
    }
  };

  return {
    remove: async (actor, origin) => {
      authorize(actor, 'organization:delete');
      const { org } = actor;
      for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
        const orgs = [INSTALLATION, org, ...(await neighbours(store, org))];
        const done = await store.write({ orgs, by: byOf(actor), origin }, async (tx) => {
          const organization = await tx.get('organization', INSTALLATION, org);
          if (organization === undefined) throw notFound('organization');
          requireOwnerOrMaker(actor, organization);
          if ((await neighbours(tx, org)).some((other) => !orgs.includes(other))) return false;
          await unshare(tx, org);
          for (const kind of Object.keys(entities) as EntityKind[]) {
            if (kind !== 'organization' && !LEFT_TO_PRUNING.has(kind)) await removeEach(tx, kind, org, {});
          }
          await tx.remove('organization', INSTALLATION, org);
          const entry = {
            verb: 'delete',
            objectKind: 'organization',
            objectId: org,
            objectName: organization.label,
            before: { label: organization.label, tailnetName: organization.tailnetName },
          } as const;
          tx.audit(INSTALLATION, entry);
          tx.audit(org, entry);
          return true;
        });
        if (done) return;
      }
      throw new AppError('unavailable', 'devices are being shared all the time; try again');
    },
  };
}

function requireOwnerOrMaker(actor: Actor, { parent }: Row<'organization'>): void {
  if (actor.kind === 'member' && actor.role === 'owner') return;
  if (actor.kind === 'client' && parent !== INSTALLATION && actor.credential.scopes.includes('all')) return;
  throw new AppError('forbidden', 'only the owner can delete the organization');
}

function auditEnd(tx: Tx, org: number, objectKind: string, objectId: number, objectName: string): void {
  const details = 'the other organization was deleted';
  tx.audit(org, { verb: 'delete', objectKind, objectId, objectName, details });
}
