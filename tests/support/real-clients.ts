// The real, unmodified Tailscale programs, of one pinned release.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { type GoTools, goTools, whyNoGoTools } from './go-tools.ts';
import { whyNoNamespaces } from './namespaces.ts';

export { BUILD_TIMEOUT_MS } from './go-tools.ts';

const execute = promisify(execFile);

const TAILSCALE: GoTools = {
  name: 'tailscale',
  /** Newer releases need a newer Go than distributions have. */
  version: '1.102.5',
  commands: 'tailscale.com/cmd',
  programs: ['tailscaled', 'tailscale', 'derper'],
  folderVariable: 'HOLDFAST_CLIENT_BIN',
};

export interface RealClients {
  readonly tailscaled: string;
  readonly tailscale: string;
  readonly derper: string;
}

/** @returns undefined when real clients can run here, else what they lack */
export const whyNoRealClients = async (): Promise<string | undefined> =>
  (await whyNoNamespaces()) ?? (await whyNoGoTools(TAILSCALE));

/** The programs' paths. */
export async function realClients(): Promise<RealClients> {
  const folder = await goTools(TAILSCALE);
  const clients = {
    tailscaled: path.join(folder, 'tailscaled'),
    tailscale: path.join(folder, 'tailscale'),
    derper: path.join(folder, 'derper'),
  };
  const { stdout } = await execute(clients.tailscale, ['version']);
  if (!stdout.startsWith(TAILSCALE.version)) {
    const found = stdout.split('\n')[0];
    throw new Error(`${clients.tailscale} is ${found}, the tests are written for ${TAILSCALE.version}`);
  }
  return clients;
}
