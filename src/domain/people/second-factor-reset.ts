/** Taking away what somebody is asked for after their password, as far as it holds in one organization. */
import type { Membership } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';

const ownFactors = async (tx: Tx, { org, account }: Pick<Membership, 'org' | 'account'>) => {
  const passkeys = await tx.find('identity', org, { account, kind: 'passkey' });
  return {
    codes: await tx.find('identity', org, { account, kind: 'totp' }),
    asked: passkeys.filter(({ data }) => data.afterPassword === true),
  };
};

/** Whether `resetOwnFactors` would take anything away. */
export async function hasOwnFactors(tx: Tx, member: Pick<Membership, 'org' | 'account'>): Promise<boolean> {
  const { codes, asked } = await ownFactors(tx, member);
  return codes.length > 0 || asked.length > 0;
}

/** One-time codes go; passkeys stay, as ways to sign in, and are not asked for any more. Whether there was anything. */
export async function resetOwnFactors(tx: Tx, member: Pick<Membership, 'org' | 'account'>): Promise<boolean> {
  const { org } = member;
  const { codes, asked } = await ownFactors(tx, member);
  for (const { id } of codes) await tx.remove('identity', org, id);
  for (const { id, data } of asked) {
    await tx.update('identity', org, id, { data: { ...data, afterPassword: false } });
  }
  return codes.length > 0 || asked.length > 0;
}
