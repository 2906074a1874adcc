/** Taking away what somebody is asked for after their password, as far as it holds in one organization. */
import type { Membership } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';

/** One-time codes go; passkeys stay, as ways to sign in, and are not asked for any more. Whether there was anything. */
export async function resetOwnFactors(
  tx: Tx,
  { org, account }: Pick<Membership, 'org' | 'account'>,
): Promise<boolean> {
  const codes = await tx.find('identity', org, { account, kind: 'totp' });
  for (const { id } of codes) await tx.remove('identity', org, id);
  const passkeys = await tx.find('identity', org, { account, kind: 'passkey' });
  const asked = passkeys.filter(({ data }) => data.afterPassword === true);
  for (const { id, data } of asked) {
    await tx.update('identity', org, id, { data: { ...data, afterPassword: false } });
  }
  return codes.length > 0 || asked.length > 0;
}
