// What the CLI of a real client says where it asks the server something: what is not to be had, and who it is taken for.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificate, whyNoCertificates } from '../support/certificates.ts';
import { initialise, type Server, serve } from '../support/holdfast.ts';
import { type InteractiveClient, startInteractiveClient } from '../support/interactive-client.ts';
import { startProgram } from '../support/program.ts';
import { BUILD_TIMEOUT_MS, realClients, whyNoRealClients } from '../support/real-clients.ts';
import { unless } from '../support/requirements.ts';
import { createRest } from '../support/rest.ts';
import { NewKey } from './wire.ts';

const execute = promisify(execFile);

const TEST_TIMEOUT_MS = 60_000;

describe('the CLI of a real client', unless((await whyNoRealClients()) ?? whyNoCertificates()), () => {
  let directory: string;
  let server: Server;
  let client: InteractiveClient;

  beforeAll(async () => {
    await realClients();
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-requests-'));
    const data = ['--data', path.join(directory, 'data')];
    const { api_key: token } = await initialise(data, 'acme');
    server = await serve(
      (command) => startProgram(command, path.join(directory, 'holdfast.log')),
      ...[...data, '--listen', '127.0.0.1:0'],
    );
    const body = { capabilities: { devices: { create: { preauthorized: true } } } };
    const rest = createRest({ url: server.url, token });
    const { key } = NewKey.parse(await rest.ask('POST', '/api/v2/tailnet/-/keys', body));
    client = await startInteractiveClient(directory, server.url, 'web');
    await client.cli(
      'up',
      `--login-server=${server.url}`,
      `--auth-key=${key}`,
      '--hostname=web',
      '--timeout=60s',
    );
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await client?.end();
    await server?.stop();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  /** Both streams, whatever the exit code is. */
  const said = (...args: string[]): Promise<string> =>
    client.cli(...args).catch((error: unknown) => {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return `${stdout}${stderr}`;
    });

  test(
    'says what is to be had instead of a name in the internet, and of HTTPS without certificates',
    async () => {
      expect(await said('funnel', '--bg', '3000')).toContain('Publishing to the internet is not offered');
      expect(await said('serve', '--bg', '3000')).toContain('Serve over plain HTTP or TCP instead');
      expect(await said('serve', '--bg', '--http=80', '3000')).toContain('http://web.acme.holdfast.internal');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'is told by which key the server knows it',
    async () => {
      const { certFile, keyFile } = await createCertificate(directory, 'server');
      const cert = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
      const { hostname, port } = new URL(server.url);
      // The command takes TLS alone.
      const proxy = createTlsServer({ ...cert, ALPNProtocols: ['http/1.1'] }, (near) => {
        const far = connect({ host: hostname, port: Number(port) });
        near.on('error', () => far.destroy());
        far.on('error', () => near.destroy());
        near.pipe(far).pipe(near);
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
      try {
        const { tailscale } = await realClients();
        const host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
        const env = { ...process.env, SSL_CERT_FILE: certFile };
        const { stdout } = await execute(tailscale, ['debug', 'ts2021', `--host=${host}`], { env });
        expect(stdout).toMatch(/whoami response: "mkey:[0-9a-f]{64}"/u);
      } finally {
        proxy.close();
      }
    },
    TEST_TIMEOUT_MS,
  );
});
