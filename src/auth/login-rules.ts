/** Which ways to sign in an organization takes. */
import type { Identity, Membership } from '../domain/model/people.ts';
import type { Reader } from '../domain/ports/store.ts';
import { readSettings } from '../domain/settings/settings.ts';

/**
 * Whether a member may sign in this way. Without password login, passwords are for the owner alone, who always gets in: else
 * an organization could lock itself out. With a provider of its own as well, it wants everybody to come by that: then a
 * passkey, which would outlive the account at the provider, is the owner's alone too.
 */
export async function takesLogin(
  reader: Pick<Reader, 'find'>,
  { org, role }: Pick<Membership, 'org' | 'role'>,
  kind: Identity['kind'],
): Promise<boolean> {
  if (role === 'owner' || (kind !== 'password' && kind !== 'passkey')) return true;
  if ((await readSettings(reader, org)).password_login) return true;
  return kind === 'passkey' && (await reader.find('ssoConnection', org, {}, 1)).length === 0;
}
