/** New rows of people: an account of the installation, and its membership of an organization. Checks are the caller's. */
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import type { Account, Membership } from '../model/people.ts';
import { INSTALLATION, type Tx } from '../ports/store.ts';

/** What is so of a member unless whoever makes one says otherwise: not in yet, known by nothing but a name. */
const PLAIN = {
  displayName: null,
  givenName: null,
  familyName: null,
  avatarUrl: null,
  joinedAt: null,
  approvedAt: null,
  suspendedAt: null,
  keepClients: false,
  managedBy: 'none',
  externalId: null,
} as const satisfies Partial<Membership>;

type Derived = 'id' | 'nano' | 'usernameKey' | 'emailKey' | 'createdAt' | 'updatedAt';
type Given = Omit<Membership, Derived | keyof typeof PLAIN> & Partial<Pick<Membership, keyof typeof PLAIN>>;

/** Names and addresses are found by keys that follow from them. The audit event is the caller's. */
export const insertMember = (tx: Tx, random: Random, given: Given): Promise<Membership> =>
  tx.insert('membership', {
    ...PLAIN,
    ...given,
    id: tx.newId(),
    nano: randomNanoId(random),
    usernameKey: normalizeKey(given.username),
    emailKey: given.email === null ? null : normalizeKey(given.email),
    createdAt: tx.now,
    updatedAt: tx.now,
  });

/** `claimed`: somebody signs in with it already. `id`: one that was kept for it. Without an audit event. */
export const insertAccount = (tx: Tx, claimed: boolean, id = tx.newId()): Promise<Account> =>
  tx.insert('account', { org: INSTALLATION, id, claimed, createdAt: tx.now });

/** `name`: what the audit log of the installation calls the account by. */
export async function insertAuditedAccount(
  tx: Tx,
  name: string,
  claimed: boolean,
  id?: number,
): Promise<Account> {
  const account = await insertAccount(tx, claimed, id);
  tx.audit(INSTALLATION, {
    verb: 'create',
    objectKind: 'account',
    objectId: account.id,
    objectName: name,
  });
  return account;
}
