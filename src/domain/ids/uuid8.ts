/**
 * Ids in the form of a UUID, for dialects that know no other. Version 8 (RFC 9562: the content is ours): a fixed start, the
 * kind of thing, and its integer. Only the canonical text decodes, and only as the kind that it was made for.
 */
const KIND_CODES = {
  organization: 0x01,
  membership: 0x02,
  group: 0x03,
  device: 0x04,
  gateway: 0x05,
  network: 0x06,
  networkRole: 0x07,
  credential: 0x08,
  invitation: 0x09,
  resource: 0x0a,
  extClient: 0x0b,
} as const;
export type UuidKind = keyof typeof KIND_CODES;

/** "hold" in ASCII. */
const START = '686f6c64';
const ID_HEX_DIGITS = 14;
const UUID = /^686f6c64-00([0-9a-f]{2})-8000-80([0-9a-f]{2})-([0-9a-f]{12})$/u;

export function encodeUuid(kind: UuidKind, id: number): string {
  const code = KIND_CODES[kind].toString(16).padStart(2, '0');
  const digits = id.toString(16).padStart(ID_HEX_DIGITS, '0');
  return `${START}-00${code}-8000-80${digits.slice(0, 2)}-${digits.slice(2)}`;
}

export function decodeUuid(kind: UuidKind, text: string): number | undefined {
  const match = UUID.exec(text);
  if (match === null || Number.parseInt(match[1] ?? '', 16) !== KIND_CODES[kind]) return undefined;
  const id = Number.parseInt(`${match[2]}${match[3]}`, 16);
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}
