// Somebody invited, put straight into the store.
import type { Invitation, Membership } from '../../src/domain/model/people.ts';
import type { Tx } from '../../src/domain/ports/store.ts';
import { insertMember, STAMP } from './seeds.ts';

const LIFETIME_MS = 7 * 24 * 60 * 60_000;

/** A member who has not joined, and the open invitation. */
export async function insertInvited(
  tx: Tx,
  org: number,
  email: string,
  patch: Partial<Membership> = {},
): Promise<{ readonly member: Membership; readonly invitation: Invitation }> {
  const member = await insertMember(tx, org, {
    username: email,
    joinedAt: null,
    approvedAt: null,
    ...patch,
  });
  const id = tx.newId();
  const invitation = await tx.insert('invitation', {
    org,
    id,
    nano: `invited${id}`.padEnd(26, 'x'),
    email,
    openKey: email,
    membership: member.id,
    role: null,
    groups: [],
    madeBy: 'native',
    tokenHash: null,
    epoch: 1,
    tries: 0,
    status: 'pending',
    createdAt: tx.now,
    expiresAt: tx.now + LIFETIME_MS,
    lastSentAt: null,
    acceptedBy: null,
    ...STAMP,
  });
  return { member, invitation };
}
