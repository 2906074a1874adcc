// Certificates for tests, made by the machine's openssl.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const onPath = (process.env.PATH ?? '').split(path.delimiter);

/** Why no certificate can be made here, or undefined. */
export const whyNoCertificates = (): string | undefined =>
  onPath.some((directory) => existsSync(path.join(directory, 'openssl')))
    ? undefined
    : 'openssl is not installed';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A self-signed certificate, good for a month. */
export async function createCertificate(
  directory: string,
  name: string,
  names = 'DNS:localhost,IP:127.0.0.1',
): Promise<CertificateFiles> {
  const certFile = path.join(directory, `${name}.crt`);
  const keyFile = path.join(directory, `${name}.key`);
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  await execute('openssl', ['req', '-x509', ...key, '-out', certFile, ...subject, '-days', '30']);
  return { certFile, keyFile };
}
