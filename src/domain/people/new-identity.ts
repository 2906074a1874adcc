/** New ways to sign in. Checks and audit events are the caller's. */
import type { Identity } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';

/** What is so of a way to sign in unless whoever makes it says otherwise: it proves no address, and holds no secret. */
const PLAIN = {
  email: null,
  emailVerified: false,
  secretHash: null,
  sealed: null,
  data: {},
  lastUsed: null,
} as const satisfies Partial<Identity>;

type Given = Pick<Identity, 'org' | 'account' | 'kind' | 'issuer' | 'subject'> &
  Partial<Pick<Identity, 'id' | keyof typeof PLAIN>>;

/** An id is given where something of the row was sealed for it. */
export const insertIdentity = (tx: Tx, given: Given): Promise<Identity> =>
  tx.insert('identity', { ...PLAIN, ...given, id: given.id ?? tx.newId(), createdAt: tx.now });

/** A password of the account: good in `org` alone, or, with organization 0, everywhere. */
export const insertPassword = (
  tx: Tx,
  given: Pick<Given, 'org' | 'account' | 'email' | 'emailVerified'> & { readonly secretHash: string },
): Promise<Identity> =>
  insertIdentity(tx, { ...given, kind: 'password', issuer: 'password', subject: String(given.account) });
