/** Members by what they are called. */
import { normalizeKey } from '../../kernel/text.ts';
import type { Membership } from '../model/people.ts';
import type { Reader } from '../ports/store.ts';

/** Whoever has the e-mail address, else whoever has the user name: nobody may have one that is another's of either. */
export async function memberByName(
  reader: Pick<Reader, 'find'>,
  org: number,
  name: string,
): Promise<Membership | undefined> {
  const key = normalizeKey(name);
  const [mailed] = await reader.find('membership', org, { emailKey: key }, 1);
  if (mailed !== undefined) return mailed;
  const [named] = await reader.find('membership', org, { usernameKey: key }, 1);
  return named;
}
