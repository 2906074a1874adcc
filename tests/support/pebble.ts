// A real certificate authority for tests: Pebble, which Let's Encrypt's people make for those who write ACME clients.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createCertificate } from './certificates.ts';
import { type GoTools, goTools, whyNoGoTools } from './go-tools.ts';
import type { World } from './namespaces.ts';
import { untilLogged } from './program.ts';

const PEBBLE: GoTools = {
  name: 'pebble',
  version: '2.10.1',
  commands: 'github.com/letsencrypt/pebble/v2/cmd',
  programs: ['pebble'],
  folderVariable: 'HOLDFAST_PEBBLE_BIN',
};
const PORT = 14_000;
/** Where it listens itself, behind what completes its answers. */
const INNER_PORT = 14_001;
const MANAGEMENT_PORT = 15_000;
const FRONT = path.join(import.meta.dirname, 'order-locations.ts');
const START_TIMEOUT_MS = 30_000;

export interface CertificateAuthority {
  /** For clients: where its directory is. */
  readonly directoryUrl: string;
  /** Where it shows the root of what it issues, made anew at each start. */
  readonly rootUrl: string;
  /** The certificate that it shows itself, PEM. */
  readonly trust: string;
}

/** @returns undefined when the authority can run here, else what it lacks */
export const whyNoPebble = (): Promise<string | undefined> => whyNoGoTools(PEBBLE);

/** Starts it in a host; it asks that DNS server, `ADDRESS:PORT`, for whatever it checks. */
export async function startPebble(
  world: World,
  host: string,
  address: string,
  dnsServer: string,
): Promise<CertificateAuthority> {
  const program = path.join(await goTools(PEBBLE), 'pebble');
  const { certFile, keyFile } = await createCertificate(world.directory, 'pebble', `IP:${address}`);
  const configuration = path.join(world.directory, 'pebble.json');
  const pebble = {
    listenAddress: `${address}:${INNER_PORT}`,
    managementListenAddress: `${address}:${MANAGEMENT_PORT}`,
    certificate: certFile,
    privateKey: keyFile,
    httpPort: 5002,
    tlsPort: 5001,
    retryAfter: { authz: 1, order: 1 },
  };
  await writeFile(configuration, JSON.stringify({ pebble }));
  const running = await world.start(host, [program, '-config', configuration, '-dnsserver', dnsServer], {
    env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
  });
  await untilLogged(running, /ACME directory available at/u, START_TIMEOUT_MS);
  const ports = [String(PORT), String(INNER_PORT)];
  const front = await world.start(host, [process.execPath, FRONT, certFile, keyFile, address, ...ports]);
  await untilLogged(front, /listening/u, START_TIMEOUT_MS);
  return {
    directoryUrl: `https://${address}:${PORT}/dir`,
    rootUrl: `https://${address}:${MANAGEMENT_PORT}/roots/0`,
    trust: certFile,
  };
}
