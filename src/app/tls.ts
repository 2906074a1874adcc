/** The certificate of the listener: checked before the server starts, and again before a new one is taken over. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';

export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

export interface TlsFiles {
  /** Reads and checks both files; throws `invalid` with a sentence that says what to do. */
  read(): TlsMaterial;
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `cannot read ${file}: ${(error as Error).message}; correct ${flag}`);
  }
}

function checked(certFile: string, keyFile: string, now: number): TlsMaterial {
  const cert = readText('--tls-cert', certFile);
  const key = readText('--tls-key', keyFile);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    throw new AppError('invalid', `${certFile} is not a certificate in PEM form: correct --tls-cert`);
  }
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new AppError(
      'invalid',
      `${keyFile} is not an unencrypted private key in PEM form: correct --tls-key`,
    );
  }
  if (!matches) {
    throw new AppError(
      'invalid',
      `the key in ${keyFile} does not belong to the certificate in ${certFile}: give a pair`,
    );
  }
  if (certificate.validToDate.getTime() <= now) {
    throw new AppError(
      'invalid',
      `the certificate in ${certFile} expired on ${certificate.validTo}: renew it`,
    );
  }
  return { cert, key };
}

export const createTlsFiles = (
  files: { readonly certFile: string; readonly keyFile: string },
  clock: Clock,
): TlsFiles => ({ read: () => checked(files.certFile, files.keyFile, clock.now()) });

/** When the certificate ends, in milliseconds. */
export const certificateExpiry = ({ cert }: TlsMaterial): number =>
  new X509Certificate(cert).validToDate.getTime();
