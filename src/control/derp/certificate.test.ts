import { createHash, X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../kernel/random.ts';
import { certificatePin, isUsable, makeCertificate } from './certificate.ts';

const NAMES = ['relay.example.internal', 'net.example.com'];
const DAY = 86_400_000;
const make = (now: number, names = NAMES) =>
  makeCertificate({ names, clock: { now: () => now }, random: systemRandom });

describe('the relay certificate', () => {
  test('is what TLS wants: a P-256 key of its own, its names, signed by itself', () => {
    const now = Date.UTC(2026, 0, 1);
    const made = make(now);
    const certificate = new X509Certificate(made.certPem);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(certificate.subjectAltName).toBe('DNS:relay.example.internal, DNS:net.example.com');
    expect(certificate.subject).toBe('CN=relay.example.internal');
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(certificate.validFromDate.toISOString()).toBe('2025-12-31T00:00:00.000Z');
    expect(certificate.validToDate.getTime() - now).toBe(3652.5 * DAY);
  });

  test('ends after 2049 when made then', () => {
    const certificate = new X509Certificate(make(Date.UTC(2045, 5, 1)).certPem);
    expect(certificate.validToDate.getUTCFullYear()).toBe(2055);
    expect(certificate.validFromDate.getUTCFullYear()).toBe(2045);
  });

  test('is accepted in a handshake by whoever trusts it, under its names only', async () => {
    const { certPem, keyPem } = make(Date.now());
    const server = createServer({ cert: certPem, key: keyPem });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const handshake = (servername: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({ port, host: '127.0.0.1', ca: certPem, servername });
        socket.once('secureConnect', () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        socket.once('error', (error) => resolve(error.message));
      });
    expect(await handshake('net.example.com')).toBe('TLSv1.3');
    expect(await handshake('other.example.com')).toMatch(/does not match/);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('is pinned by the hash of its DER', () => {
    const made = make(Date.now());
    const raw = Buffer.from(made.certPem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    expect(certificatePin(made)).toBe(`sha256-raw:${createHash('sha256').update(raw).digest('hex')}`);
  });

  test('is of use for its names, until its last year, and not before it was made', () => {
    const now = Date.UTC(2026, 0, 1);
    const made = make(now);
    expect(isUsable(made, NAMES, now)).toBe(true);
    expect(isUsable(made, NAMES.slice(0, 1), now)).toBe(true);
    expect(isUsable(made, [...NAMES, 'new.example.com'], now)).toBe(false);
    expect(isUsable(made, NAMES, now + 3200 * DAY)).toBe(true);
    expect(isUsable(made, NAMES, now + 3300 * DAY)).toBe(false);
    expect(isUsable(made, NAMES, now - 2 * DAY)).toBe(false);
  });
});
