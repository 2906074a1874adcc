/** The passwords of members: of their organization alone, or of the person and good everywhere. */
import { invalid } from '../../kernel/errors.ts';
import type { Identity, Membership } from '../model/people.ts';
import { INSTALLATION, type Tx } from '../ports/store.ts';
import { insertPassword } from './new-identity.ts';

/** What NIST SP 800-63B asks for at least, where a password is not the only factor. */
export const MIN_PASSWORD_LENGTH = 8;

/** Errors: `invalid` (password). */
export function requireLength(password: string): void {
  if ([...password].length < MIN_PASSWORD_LENGTH) {
    throw invalid(`use at least ${MIN_PASSWORD_LENGTH} characters`, 'password');
  }
}

/**
 * The first password of an account whose address was proven, by a mail that reached it. `email` is normalised. The audit event
 * is the caller's.
 */
export const insertEverywherePassword = (
  tx: Tx,
  { account }: Pick<Membership, 'account'>,
  email: string,
  secretHash: string,
): Promise<Identity> =>
  insertPassword(tx, { org: INSTALLATION, account, email, emailVerified: true, secretHash });

/** Takes the place of the one before it. The audit event is the caller's. */
export async function setOrganizationPassword(
  tx: Tx,
  { org, account, email }: Membership,
  secretHash: string,
): Promise<Identity> {
  const [present] = await tx.find('identity', org, { account, kind: 'password' }, 1);
  if (present !== undefined) return tx.update('identity', org, present.id, { secretHash });
  return insertPassword(tx, { org, account, email, secretHash });
}
