/** Passkeys as they are kept: an identity of an account, everywhere or in one organization. */
import type { Identity, Membership } from '../../domain/model/people.ts';
import { loginName } from '../../domain/organizations/names.ts';
import { INSTALLATION, type Reader } from '../../domain/ports/store.ts';
import { invalid } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { passkeyData } from './ceremony.ts';

export const PASSKEY_ISSUER = 'passkey';
const MAX_NAME = 60;

/** Everywhere, and in an organization. */
export async function passkeysOf(
  reader: Pick<Reader, 'find'>,
  { org, account }: Pick<Membership, 'org' | 'account'>,
): Promise<Identity[]> {
  const found: Identity[] = [];
  for (const place of [org, INSTALLATION]) {
    found.push(...(await reader.find('identity', place, { account, kind: 'passkey' })));
  }
  return found;
}

/** Whether one of them is asked for after a password. */
export const asksAfterPassword = (passkeys: readonly Identity[]): boolean =>
  passkeys.some((passkey) => passkeyData(passkey).afterPassword);

/** What a passkey says of whose it is: where to look, and a text that is the account's and tells nothing of it. */
export const handleOf = (org: number, account: number): string =>
  `${org}.${sha256Hex(`passkey ${org} ${account}`).slice(0, 40)}`;

const HANDLE = /^(\d{1,16})\.[0-9a-f]{40}$/u;

/** Where a handle says to look; undefined when it is none of ours. */
export function placeOfHandle(handle: string): number | undefined {
  const place = HANDLE.exec(handle)?.[1];
  return place === undefined ? undefined : Number(place);
}

/** Who a member is to the audit log. */
export const byMember = (member: Membership) =>
  ({ kind: 'membership', id: String(member.id), name: loginName(member) }) as const;

/** Errors: `invalid`. */
export function checkName(text: string): string {
  const name = text.trim() || 'Passkey';
  if (name.length > MAX_NAME) throw invalid(`must not exceed ${MAX_NAME} characters`, 'name');
  if (/\p{Cc}/u.test(name)) throw invalid('must not contain control characters', 'name');
  return name;
}
