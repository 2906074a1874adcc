/** What e-mail addresses and names may be. */
import { invalid } from '../../kernel/errors.ts';

/** One @, something on either side, a domain with a dot and no character that mail or a policy file would take apart. */
const EMAIL =
  /^[^\s@"(),:;<>[\\\]\p{Cc}]{1,64}@(?=[^\s@]{1,189}$)[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)+$/u;
const MAX_NAME = 255;
export const MIN_USERNAME = 4;
export const MAX_USERNAME = 254;
export const PLAIN_USERNAME = /^[A-Za-z0-9.-]+$/u;
/** The name that a vendor's master key goes by. */
export const RESERVED_USERNAME = 'masteradministrator';

/** A name to sign in by that is no address. Errors: `invalid`. */
export function checkPlainUsername(name: string, field: string): string {
  const fits = name.length >= MIN_USERNAME && name.length <= MAX_USERNAME && PLAIN_USERNAME.test(name);
  if (fits && name.toLowerCase() !== RESERVED_USERNAME) return name;
  throw invalid(`use ${MIN_USERNAME} or more letters, digits, dots and hyphens`, field);
}

/** The address as given, without blanks around it. */
export function checkEmail(text: string, field = 'email'): string {
  const email = text.trim();
  if (!EMAIL.test(email)) throw invalid(`'${field}' must be an e-mail address`, field);
  return email;
}

/** Empty is allowed: it means none. */
export function checkPersonName(text: string, field: string): string {
  const name = text.trim();
  if (name.length > MAX_NAME) throw invalid(`the name must not exceed ${MAX_NAME} characters`, field);
  if (/\p{Cc}/u.test(name)) throw invalid('the name must not contain control characters', field);
  return name;
}
