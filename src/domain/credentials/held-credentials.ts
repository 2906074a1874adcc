/** Ending what people hold, in writes that take something from them. The audit event is the caller's. */
import { eachRow } from '../directory/each-row.ts';
import type { CredentialKind } from '../model/credentials.ts';
import type { Tx } from '../ports/store.ts';

async function revokeHeld(
  tx: Tx,
  org: number,
  members: readonly number[],
  kind: CredentialKind,
  kept?: number,
): Promise<void> {
  const where = { ownerKind: 'membership', owner: members, kind, revokedAt: null } as const;
  for await (const { id } of eachRow(tx, 'credential', org, where)) {
    if (id !== kept) await tx.update('credential', org, id, { revokedAt: tx.now });
  }
}

/** They were given for the role and the groups that their owner had then. API tokens follow the present ones. */
export const revokePersonalTokens = (tx: Tx, org: number, members: readonly number[]): Promise<void> =>
  revokeHeld(tx, org, members, 'pat');

/** All sessions of a member but `kept`. */
export const revokeSessions = (tx: Tx, org: number, member: number, kept?: number): Promise<void> =>
  revokeHeld(tx, org, [member], 'session', kept);
