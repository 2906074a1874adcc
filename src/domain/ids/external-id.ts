/**
 * Ids as text for the outside, derived from the integer and never stored: `n2Xq…CNTRL`. The encoding is injective, and
 * only the canonical spelling decodes, so that two texts never mean one thing.
 */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const BASE = ALPHABET.length;
const MIN_DIGITS = 6;
const SUFFIX = 'CNTRL';

export type ExternalIdKind =
  | 'organization'
  | 'membership'
  | 'device'
  | 'credential'
  | 'webhook'
  | 'postureIntegration'
  | 'oauthApp';

const LETTERS: Readonly<Record<ExternalIdKind, string>> = {
  organization: 'T',
  membership: 'u',
  device: 'n',
  credential: 'k',
  webhook: 'w',
  postureIntegration: 'p',
  oauthApp: 'a',
};

function toDigits(id: number): string {
  let rest = id;
  let digits = '';
  while (rest > 0) {
    digits = ALPHABET[rest % BASE] + digits;
    rest = Math.floor(rest / BASE);
  }
  return digits.padStart(MIN_DIGITS, '1');
}

export const encodeExternalId = (kind: ExternalIdKind, id: number): string =>
  `${LETTERS[kind]}${toDigits(id)}${SUFFIX}`;

/** The integer, or undefined for anything but the canonical text of that kind. */
export function decodeExternalId(kind: ExternalIdKind, text: string): number | undefined {
  if (!text.startsWith(LETTERS[kind]) || !text.endsWith(SUFFIX)) return undefined;
  let id = 0;
  for (const char of text.slice(1, -SUFFIX.length)) {
    const digit = ALPHABET.indexOf(char);
    if (digit < 0) return undefined;
    id = id * BASE + digit;
    if (!Number.isSafeInteger(id)) return undefined;
  }
  return id > 0 && encodeExternalId(kind, id) === text ? id : undefined;
}

const MAX_DECIMAL_DIGITS = 16;

/** A positive integer in plain decimal digits, or undefined. */
export function decodeDecimalId(text: string): number | undefined {
  if (!/^[1-9][0-9]*$/u.test(text) || text.length > MAX_DECIMAL_DIGITS) return undefined;
  const id = Number(text);
  return Number.isSafeInteger(id) ? id : undefined;
}
