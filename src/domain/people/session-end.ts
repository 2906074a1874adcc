/** Ending the sessions that a way to sign in has opened, when it is not one any more. */
import { eachRow } from '../directory/each-row.ts';
import type { Identity, SsoConnection } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';

const PAGE = 1_000;

/** In one organization, which the write must name. */
export async function endSessionsOf(
  tx: Tx,
  org: number,
  identities: readonly Pick<Identity, 'org' | 'id'>[],
  kept?: number,
): Promise<void> {
  if (identities.length === 0) return;
  const where = { identity: identities.map(({ id }) => id) };
  for await (const { credential } of eachRow(tx, 'session', org, where)) {
    if (credential === kept) continue;
    await tx.update('credential', org, credential, { revokedAt: tx.now });
    await tx.remove('session', org, { credential });
  }
}

/** Whom a provider let in is out when the organization does not believe it any more. The audit event is the caller's. */
export async function endSsoSessions(
  tx: Tx,
  { org, identifier }: Pick<SsoConnection, 'org' | 'identifier'>,
): Promise<void> {
  let after: number | undefined;
  for (;;) {
    const identities: Identity[] = await tx.list('identity', org, {
      where: { kind: 'sso', issuer: identifier },
      ...(after === undefined ? {} : { after: [after] }),
      limit: PAGE,
    });
    await endSessionsOf(tx, org, identities);
    after = identities.at(-1)?.id;
    if (identities.length < PAGE) return;
  }
}
