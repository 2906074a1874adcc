import type { Tx } from '../ports/store.ts';

/** Personal access tokens were given for the groups that their owner was in then. */
export async function revokePersonalTokens(tx: Tx, org: number, members: readonly number[]): Promise<void> {
  const held = await tx.find('credential', org, {
    ownerKind: 'membership',
    owner: members,
    kind: 'pat',
    revokedAt: null,
  });
  for (const { id } of held) await tx.update('credential', org, id, { revokedAt: tx.now });
}
