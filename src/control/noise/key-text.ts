// Curve25519 keys as text: a prefix that names the kind, then the 32 bytes as 64 lower-case hex digits.

const PREFIXES = {
  /** Public key of a device's machine, and of this server. */
  machine: 'mkey:',
  /** WireGuard key of a node. */
  node: 'nodekey:',
  disco: 'discokey:',
  challenge: 'chalpub:',
  /** Private key of a machine or node. */
  private: 'privkey:',
  /** Ed25519, unlike the others. */
  'network-lock': 'nlpub:',
} as const;

export type KeyKind = keyof typeof PREFIXES;
/** `mkey:…`, `nodekey:…` and so on, checked by `isKeyText` or made by `formatKey`. */
export type KeyText<K extends KeyKind> = `${(typeof PREFIXES)[K]}${string}`;
export type MachineKey = KeyText<'machine'>;
export type NodeKey = KeyText<'node'>;
export type DiscoKey = KeyText<'disco'>;

export const KEY_BYTES = 32;
const HEX_DIGITS = /^[0-9a-f]{64}$/;
const ZERO_DIGITS = '0'.repeat(2 * KEY_BYTES);

/** Whether `text` is exactly a key of this kind: prefix, 64 lower-case digits, nothing else. Zero keys are keys too. */
export function isKeyText<K extends KeyKind>(kind: K, text: unknown): text is KeyText<K> {
  const prefix = PREFIXES[kind];
  return typeof text === 'string' && text.startsWith(prefix) && HEX_DIGITS.test(text.slice(prefix.length));
}

/** The 32 bytes, or undefined where `text` is not exactly a key of this kind. */
export function parseKey(kind: KeyKind, text: unknown): Uint8Array | undefined {
  if (!isKeyText(kind, text)) return undefined;
  return new Uint8Array(Buffer.from(text.slice(PREFIXES[kind].length), 'hex'));
}

/** The text of 32 raw bytes. Throws RangeError on another length. */
export function formatKey<K extends KeyKind>(kind: K, raw: Uint8Array): KeyText<K> {
  if (raw.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${raw.length}`);
  return `${PREFIXES[kind]}${Buffer.from(raw).toString('hex')}` as KeyText<K>;
}

/** The text that stands for "no key" of this kind. */
export function zeroKey<K extends KeyKind>(kind: K): KeyText<K> {
  return `${PREFIXES[kind]}${ZERO_DIGITS}` as KeyText<K>;
}

/** Whether a key text stands for "no key". */
export function isZeroKey(text: KeyText<KeyKind>): boolean {
  return text.endsWith(ZERO_DIGITS) && text.length > ZERO_DIGITS.length;
}
