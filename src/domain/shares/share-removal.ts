/**
 * Ending what was shared. A share has a row in either organization; both go in one write, which must know beforehand which
 * organizations it locks.
 */
import { AppError } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import type { ShareAccept } from '../model/devices.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';

/** Ends acceptances: their rows in both organizations, and an audit event in the acceptor's. */
export type EndShares = (accepts: readonly ShareAccept[]) => Promise<void>;

/** How often the set of acceptors may change between being read and being locked. */
const MAX_TRIES = 5;
const MAX_ACCEPTORS = 1_000_000;

async function endShare(tx: Tx, accept: ShareAccept): Promise<void> {
  const { org, share, device, acceptorOrg, membership, exitNode, loginName } = accept;
  await tx.remove('shareAccept', org, { share, acceptorOrg, membership });
  if (!(await tx.remove('sharedDevice', acceptorOrg, { homeOrg: org, device, membership }))) return;
  tx.audit(acceptorOrg, {
    verb: 'delete',
    objectKind: 'sharedDevice',
    objectId: device,
    objectName: loginName,
    before: { device, exitNode },
  });
}

/** A write over the actor's organization and those of everybody who accepted what `which` names. */
export async function withAcceptors<T>(
  store: Store,
  actor: Actor,
  origin: AuditOrigin,
  which: { readonly share: number } | { readonly membership: number },
  work: (tx: Tx, end: EndShares) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const known = await store.find('shareAccept', actor.org, which, MAX_ACCEPTORS);
    const orgs = [...new Set([actor.org, ...known.map(({ acceptorOrg }) => acceptorOrg)])];
    let missed = false;
    try {
      return await store.write({ ...contextOf(actor, origin), orgs }, (tx) =>
        work(tx, async (accepts) => {
          missed = accepts.some(({ acceptorOrg }) => !orgs.includes(acceptorOrg));
          if (missed) throw new AppError('conflict', 'the device was accepted meanwhile');
          for (const accept of accepts) await endShare(tx, accept);
        }),
      );
    } catch (error) {
      if (!missed) throw error;
    }
  }
  throw new AppError('unavailable', 'the device is being accepted all the time; try again');
}
