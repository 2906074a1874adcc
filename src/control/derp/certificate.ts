/**
 * The relay's own certificate, for servers that have none: self-signed, and trusted by clients because the map that they get
 * from the server names its hash.
 */
import { createHash, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { DAY, HOUR } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { der } from './der.ts';

export interface RelayCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A year that counts a leap day in four: ten are never less than ten. */
const YEAR_MS = 365.25 * DAY;
const VALID_MS = 10 * YEAR_MS;
/** Clients' clocks may be behind. */
const BACKDATED_MS = 24 * HOUR;
/** Renewed when less is left. */
const MIN_LEFT_MS = YEAR_MS;
const SERIAL_BYTES = 16;

const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;
/** Of GeneralName (RFC 5280 §4.2.1.6). */
const DNS_NAME = 2;
/** Bit 0, the highest, of KeyUsage. */
const DIGITAL_SIGNATURE = Uint8Array.of(0x80);
const DIGITAL_SIGNATURE_UNUSED_BITS = 7;

export interface CertificateParts {
  /** DNS names; the first is the subject's too. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

/** ECDSA on P-256, valid for ten years from the day before. */
export function makeCertificate({ names, clock, random }: CertificateParts): RelayCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256));
  const name = der.sequence(der.set(der.sequence(der.oid(OID.commonName), der.utf8(names[0] ?? ''))));
  const from = clock.now() - BACKDATED_MS;
  const body = der.sequence(
    der.context(0, der.integer(Uint8Array.of(2)), true),
    der.integer(serialNumber(random)),
    algorithm,
    name,
    der.sequence(der.time(from), der.time(clock.now() + VALID_MS)),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der.context(3, extensions(names), true),
  );
  const signature = sign('sha256', body, privateKey);
  return {
    certPem: pem('CERTIFICATE', der.sequence(body, algorithm, der.bits(signature))),
    keyPem: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
  };
}

function serialNumber(random: Random): Uint8Array {
  const bytes = Uint8Array.from(random.bytes(SERIAL_BYTES));
  // Neither zero nor led by zeros.
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes;
}

function extensions(names: readonly string[]): Buffer {
  const extension = (oid: string, value: Uint8Array, critical = false): Buffer =>
    der.sequence(der.oid(oid), ...(critical ? [der.true] : []), der.octets(value));
  const alternatives = names.map((name) => der.context(DNS_NAME, Buffer.from(name, 'latin1')));
  return der.sequence(
    extension(OID.basicConstraints, der.sequence(), true),
    extension(OID.keyUsage, der.bits(DIGITAL_SIGNATURE, DIGITAL_SIGNATURE_UNUSED_BITS), true),
    extension(OID.extendedKeyUsage, der.sequence(der.oid(OID.serverAuth))),
    extension(OID.subjectAltName, der.sequence(...alternatives)),
  );
}

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${(bytes.toString('base64').match(/.{1,64}/gu) ?? []).join('\n')}\n-----END ${label}-----\n`;

/** Whether a certificate still serves these names, and will for a while. */
export function isUsable({ certPem }: RelayCertificate, names: readonly string[], now: number): boolean {
  const certificate = new X509Certificate(certPem);
  return (
    certificate.validToDate.getTime() - now > MIN_LEFT_MS &&
    certificate.validFromDate.getTime() <= now &&
    names.every((name) => certificate.checkHost(name, { wildcards: false }) !== undefined)
  );
}

/** What pins the certificate in a map: `sha256-raw:` and the SHA-256 of its DER in hex. */
export const certificatePin = ({ certPem }: Pick<RelayCertificate, 'certPem'>): string =>
  `sha256-raw:${createHash('sha256').update(new X509Certificate(certPem).raw).digest('hex')}`;
