/** What a certificate authority is made of: an X.509 certificate in PEM, or the public key of an SSH authority. */
import { X509Certificate } from 'node:crypto';
import { invalid } from '../../kernel/errors.ts';
import { sha256Base64 } from '../../kernel/hash.ts';

export interface AuthorityMaterial {
  /** Without blanks around it, and of an SSH key without its comment. */
  readonly material: string;
  readonly fingerprint: string;
}

const MAX_LENGTH = 32_768;
const PEM = /^-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----$/u;

/** One certificate of an authority. Its fingerprint is the SHA-256 of its DER form, as `AB:CD:…`: clients compute it too. */
export function parseCertificate(text: string): AuthorityMaterial {
  const refused = (why: string) => invalid(`certificate ${why}`, 'certificate');
  const material = text.trim();
  if (material.length > MAX_LENGTH) throw refused(`must not exceed ${MAX_LENGTH} characters`);
  if (!PEM.test(material)) throw refused('must be one X.509 certificate in PEM');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(material);
  } catch {
    throw refused('must be one X.509 certificate in PEM');
  }
  if (!certificate.ca) throw refused('must be that of a certificate authority');
  return { material, fingerprint: certificate.fingerprint256 };
}

/** Kinds of keys that OpenSSH takes for an authority. */
const SSH_KINDS: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);
const LENGTH_BYTES = 4;

/** `ssh-ed25519 AAAA… comment`. The fingerprint is the one that `ssh-keygen -l` shows. */
export function parseSshPublicKey(text: string): AuthorityMaterial {
  const refused = (why: string) => invalid(`publicKey ${why}`, 'publicKey');
  const line = text.trim();
  if (line.length > MAX_LENGTH) throw refused(`must not exceed ${MAX_LENGTH} characters`);
  const [kind = '', encoded = ''] = line.split(/[ \t]+/u);
  const blob = Buffer.from(encoded, 'base64');
  // RFC 4253 §6.6: the blob begins with its own kind, as a string with its length before it.
  const named = blob.length > LENGTH_BYTES ? blob.readUInt32BE(0) : 0;
  const inner = blob.subarray(LENGTH_BYTES, LENGTH_BYTES + named).toString('latin1');
  const isKey = SSH_KINDS.has(kind) && inner === kind && blob.length > LENGTH_BYTES + named;
  if (/[\r\n]/u.test(line) || !isKey || blob.toString('base64') !== encoded) {
    throw refused('must be one public key in the form of OpenSSH');
  }
  const fingerprint = `SHA256:${sha256Base64(blob).replace(/=+$/u, '')}`;
  return { material: `${kind} ${encoded}`, fingerprint };
}
