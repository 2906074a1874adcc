/** What an external client's settings may be. Every function returns the canonical value or throws `invalid`. */
import { invalid } from '../../kernel/errors.ts';
import {
  formatAddr,
  formatPrefix,
  isDefaultRoute,
  masked,
  parseAddr,
  parsePrefix,
  prefixesOverlap,
} from '../../kernel/netip/index.ts';
import { type Random, randomText } from '../../kernel/random.ts';
import { isWireGuardKey } from '../../kernel/wireguard-keys.ts';

/** Names end up in file names and in commands of other systems, so there is nothing in them but these. */
const CLIENT_ID = /^[A-Za-z0-9-]{5,32}$/u;
const MAX_ADDRESSES = 50;
const MAX_TEXT = 255;

const CLIENT_NAME_RULE =
  'client validation: node name must be alphanumderic and/or dashes and less that 15 chars';

export function checkClientId(text: string): string {
  if (!CLIENT_ID.test(text)) throw invalid(CLIENT_NAME_RULE, 'clientid');
  return text;
}

const GENERATED_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const GENERATED_LENGTH = 8;
export const generatedClientId = (random: Random): string =>
  `client-${randomText(random, GENERATED_LENGTH, GENERATED_ALPHABET)}`;

export function checkPublicKey(text: string): string {
  if (!isWireGuardKey(text)) throw invalid('incorrect client public key', 'publickey');
  return text;
}

export function checkPresharedKey(text: string): string {
  if (!isWireGuardKey(text)) throw invalid('incorrect client preshared key', 'presharedkey');
  return text;
}

/** Addresses of resolvers, separated by commas. */
export function checkDns(text: string): string {
  const words = text.split(',').map((word) => word.trim());
  if (text.trim() === '') return '';
  if (words.length > MAX_ADDRESSES)
    throw invalid(`dns must not list more than ${MAX_ADDRESSES} addresses`, 'dns');
  return words
    .map((word) => {
      const addr = parseAddr(word);
      if (addr === undefined) throw invalid('client dns must be a valid ip address', 'dns');
      return formatAddr(addr);
    })
    .join(',');
}

/** Where devices have their addresses: no client stands for those. */
const DEVICE_BLOCKS = ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'].flatMap((text) => parsePrefix(text) ?? []);

/** Prefixes behind the client that its gateway sends to it. */
export function checkExtraAllowedIps(texts: readonly string[]): readonly string[] {
  if (texts.length > MAX_ADDRESSES) {
    throw invalid(`extraallowedips must not list more than ${MAX_ADDRESSES} ranges`, 'extraallowedips');
  }
  const canonical = texts.map((text) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined) throw invalid('client extra ip must be a valid cidr', 'extraallowedips');
    const range = masked(prefix);
    if (isDefaultRoute(range) || DEVICE_BLOCKS.some((block) => prefixesOverlap(block, range))) {
      throw invalid(`extraallowedips must not take in ${formatPrefix(range)}`, 'extraallowedips');
    }
    return formatPrefix(range);
  });
  return [...new Set(canonical)];
}

/** An id that a program chose for the machine or itself; null when there is none. */
export function checkProgramId(text: string | undefined, field: string): string | null {
  if (text === undefined || text === '') return null;
  if (text.length > MAX_TEXT || /\p{Cc}/u.test(text)) {
    throw invalid(
      `${field} must have at most ${MAX_TEXT} characters, none of them control characters`,
      field,
    );
  }
  return text;
}
