/** Credentials that nobody can use any more, as rows. The audit event is the caller's. */
import { eachRow } from '../directory/each-row.ts';
import type { Credential } from '../model/credentials.ts';
import type { Tx, Where } from '../ports/store.ts';

/** With when it was last used. */
export async function removeCredential(tx: Tx, { org, id }: Pick<Credential, 'org' | 'id'>): Promise<void> {
  await tx.remove('credentialSeen', org, { credential: id });
  await tx.remove('credential', org, id);
}

export async function removeCredentials(tx: Tx, org: number, where: Where<'credential'>): Promise<void> {
  for await (const credential of eachRow(tx, 'credential', org, where))
    await removeCredential(tx, credential);
}

/** How many go with each that is made: more than one, so that they get fewer. */
const SWEPT = 20;

/** Those that ended by themselves are of no use to anybody; some go whenever another is made. Tells which went. */
export async function sweepEnded(tx: Tx, org: number, where: Where<'credential'>): Promise<Credential[]> {
  const ended = await tx.list('credential', org, {
    where,
    filters: [{ column: 'expiresAt', operator: '<=', value: tx.now }],
    limit: SWEPT,
    few: true,
  });
  for (const credential of ended) await removeCredential(tx, credential);
  return ended;
}
