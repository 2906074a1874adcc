// The real, unmodified Tailscale programs, of one pinned release.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { type GoTools, goCommand, goTools, isBuilt } from './go-tools.ts';
import { whyNoNamespaces } from './namespaces.ts';

export { BUILD_TIMEOUT_MS } from './go-tools.ts';

const execute = promisify(execFile);

/** Newer releases need a newer Go than distributions have. */
const VERSION = '1.102.5';
const PROGRAMS = ['tailscaled', 'tailscale', 'derper'] as const;
const TOOLS: GoTools = {
  folder: `tailscale-${VERSION}`,
  title: `${PROGRAMS.join(', ')} ${VERSION}`,
  packages: PROGRAMS.map((program) => `tailscale.com/cmd/${program}@v${VERSION}`),
  programs: PROGRAMS,
};

/** Names a folder that has the three programs already. */
const FOLDER_VARIABLE = 'HOLDFAST_CLIENT_BIN';

export interface RealClients {
  readonly tailscaled: string;
  readonly tailscale: string;
  readonly derper: string;
}

/** @returns undefined when real clients can run here, else what they lack */
export async function whyNoRealClients(): Promise<string | undefined> {
  const namespaces = await whyNoNamespaces();
  if (namespaces !== undefined) return namespaces;
  if (process.env[FOLDER_VARIABLE] !== undefined || isBuilt(TOOLS)) return undefined;
  if ((await goCommand()) !== undefined) return undefined;
  return `the real clients are built with Go, which this machine has not (or name a folder in ${FOLDER_VARIABLE})`;
}

/** The programs' paths; builds them with `go install` the first time. */
export async function realClients(): Promise<RealClients> {
  const folder = process.env[FOLDER_VARIABLE] ?? (await goTools(TOOLS));
  const clients = {
    tailscaled: path.join(folder, 'tailscaled'),
    tailscale: path.join(folder, 'tailscale'),
    derper: path.join(folder, 'derper'),
  };
  const { stdout } = await execute(clients.tailscale, ['version']);
  if (!stdout.startsWith(VERSION)) {
    throw new Error(`${clients.tailscale} is ${stdout.split('\n')[0]}, the tests are written for ${VERSION}`);
  }
  return clients;
}
