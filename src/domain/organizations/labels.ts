/** Labels made from names: a domain name segment, as near to the name as can be. */
import { type Random, randomText } from '../../kernel/random.ts';

const MAX_LENGTH = 63;
const TAIL = 5;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Hosts that an installation may have for itself. */
const RESERVED: ReadonlySet<string> = new Set(['api', 'id', 'console', 'www', 'admin']);
const NANO_ID = /^[a-z0-9]{26}$/u;

const cut = (text: string, length: number): string => text.slice(0, length).replace(/-+$/u, '');

/** One that would be read as an id, a number or a host of the installation is no label. */
const isFree = (label: string): boolean =>
  label !== '' && !RESERVED.has(label) && !NANO_ID.test(label) && !/^[0-9]+$/u.test(label);

/** The label that a name suggests; the same with a tail, where that is taken or cannot be one. */
export function labelOf(name: string, random: Random, taken = false): string {
  const plain = cut(
    name
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .toLowerCase()
      .replace(/[^a-z0-9]+/gu, '-')
      .replace(/^-+/u, ''),
    MAX_LENGTH,
  );
  if (isFree(plain) && !taken) return plain;
  const base = cut(plain, MAX_LENGTH - TAIL - 1) || 'org';
  return `${base}-${randomText(random, TAIL, ALPHABET)}`;
}
