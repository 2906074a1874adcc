/** Global ids: base64 with padding of `Type:<integer>`. Anything but the canonical text of a known type is no id. */
export const ID_TYPES = [
  'AccessRequest',
  'Connector',
  'Device',
  'DnsFilteringProfile',
  'Gateway',
  'Group',
  'RemoteNetwork',
  'Resource',
  'SecurityPolicy',
  'SerialNumber',
  'ServiceAccount',
  'ServiceAccountKey',
  'SSHCertificateAuthority',
  'User',
  'X509CertificateAuthority',
] as const;
export type IdType = (typeof ID_TYPES)[number];

const TYPES: ReadonlySet<string> = new Set(ID_TYPES);
const DECODED = /^([A-Za-z0-9]{1,40}):([1-9][0-9]{0,15})$/u;
const MAX_LENGTH = 100;

export const encodeGlobalId = (type: IdType, id: number): string =>
  Buffer.from(`${type}:${id}`).toString('base64');

export function decodeAnyGlobalId(text: string): { readonly type: IdType; readonly id: number } | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) return undefined;
  const match = DECODED.exec(bytes.toString('latin1'));
  const type = match?.[1] ?? '';
  const id = Number(match?.[2]);
  if (!TYPES.has(type) || !Number.isSafeInteger(id)) return undefined;
  return { type: type as IdType, id };
}

/** The integer, or undefined for what is no id of that very type. */
export function decodeGlobalId(type: IdType, text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const decoded = decodeAnyGlobalId(text);
  return decoded?.type === type ? decoded.id : undefined;
}
