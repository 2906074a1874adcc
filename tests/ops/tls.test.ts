// TLS on the one origin: devices included, and with certificates that change while the server runs.
import { X509Certificate } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificate, whyNoCertificates } from '../support/certificates.ts';
import type { Server } from '../support/holdfast.ts';
import { createInstallation, type TestInstallation } from '../support/installation.ts';
import { unless } from '../support/requirements.ts';

interface Seen {
  readonly subject: string;
  readonly protocol: string | false | null;
}

describe('a server with a certificate', unless(whyNoCertificates()), () => {
  let installation: TestInstallation;
  let server: Server;
  const file = (name: string): string => path.join(installation.directory, name);

  /** Shakes hands, and looks at what the server showed. */
  const look = (ALPNProtocols: string[] = []): Promise<Seen> =>
    new Promise((resolve, reject) => {
      const { port } = new URL(server.url);
      const socket = connect({
        host: '127.0.0.1',
        port: Number(port),
        rejectUnauthorized: false,
        ALPNProtocols,
      });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        const certificate = new X509Certificate(socket.getPeerCertificate().raw);
        resolve({ subject: certificate.subject, protocol: socket.alpnProtocol });
        socket.destroy();
      });
    });
  const put = async (name: string): Promise<void> => {
    const { certFile, keyFile } = await createCertificate(installation.directory, name);
    copyFileSync(certFile, file('server.crt'));
    copyFileSync(keyFile, file('server.key'));
  };
  const untilLogged = async (text: string): Promise<void> => {
    for (let waited = 0; !server.process.log().includes(text); waited += 20) {
      if (waited > 10_000) throw new Error(`the log never said "${text}"`);
      await sleep(20);
    }
  };

  beforeAll(async () => {
    installation = await createInstallation('sqlite');
    await put('first');
    server = await installation.start('--tls-cert', file('server.crt'), '--tls-key', file('server.key'));
  });
  afterAll(() => installation.end());

  test('says https in the line that it prints', () => {
    expect(server.url).toMatch(/^https:\/\//);
  });

  test('shows its certificate, and offers HTTP/1.1 alone, which devices upgrade', async () => {
    expect(await look(['h2', 'http/1.1'])).toEqual({ subject: 'CN=first', protocol: 'http/1.1' });
  });

  test('takes another certificate over when it is told to, without a restart', async () => {
    await put('second');
    expect((await look()).subject).toBe('CN=first');
    process.kill(server.process.pid, 'SIGHUP');
    await untilLogged('the certificate was read again');
    expect((await look()).subject).toBe('CN=second');
  });

  test('keeps the certificate that it has when the new one is bad', async () => {
    writeFileSync(file('server.crt'), 'nonsense');
    process.kill(server.process.pid, 'SIGHUP');
    await untilLogged('the old one stays');
    expect((await look()).subject).toBe('CN=second');
  });
});
