// The real, unmodified Tailscale programs, of one pinned release.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { CACHE_DIRECTORY, withInstallLock } from '../../bin/cache.mjs';
import { whyNoNamespaces } from './namespaces.ts';

const execute = promisify(execFile);

/** Newer releases need a newer Go than distributions have. */
const VERSION = '1.102.5';
const PROGRAMS = ['tailscaled', 'tailscale', 'derper'] as const;
const MODULE = 'tailscale.com';
const ROOT = path.resolve(import.meta.dirname, '..', '..');
const TOOLS = path.join(ROOT, CACHE_DIRECTORY, 'tools');

/** Names a folder that has the three programs already. */
const FOLDER_VARIABLE = 'HOLDFAST_CLIENT_BIN';

/** Building them from nothing takes about three minutes on two cores; for the timeout of a `beforeAll`. */
export const BUILD_TIMEOUT_MS = 20 * 60_000;

export interface RealClients {
  readonly tailscaled: string;
  readonly tailscale: string;
  readonly derper: string;
}

/** @returns undefined when real clients can run here, else what they lack */
export async function whyNoRealClients(): Promise<string | undefined> {
  const namespaces = await whyNoNamespaces();
  if (namespaces !== undefined) return namespaces;
  if (process.env[FOLDER_VARIABLE] !== undefined || hasPrograms(builtFolder())) return undefined;
  if ((await goCommand()) !== undefined) return undefined;
  return `the real clients are built with Go, which this machine has not (or name a folder in ${FOLDER_VARIABLE})`;
}

/** Go's own installer puts it where not every PATH leads. */
async function goCommand(): Promise<string | undefined> {
  for (const command of ['go', '/usr/local/go/bin/go']) {
    try {
      await execute(command, ['version']);
      return command;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/** The programs' paths; builds them with `go install` the first time. */
export async function realClients(): Promise<RealClients> {
  const given = process.env[FOLDER_VARIABLE];
  const folder = given ?? builtFolder();
  if (given === undefined && !hasPrograms(folder)) await build(folder);
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

function builtFolder(): string {
  return path.join(TOOLS, `tailscale-${VERSION}`);
}

function hasPrograms(folder: string): boolean {
  return PROGRAMS.every((program) => existsSync(path.join(folder, program)));
}

async function build(folder: string): Promise<void> {
  await withInstallLock(ROOT, async () => {
    if (hasPrograms(folder)) return;
    process.stderr.write(`holdfast: building ${PROGRAMS.join(', ')} ${VERSION} with Go, once\n`);
    mkdirSync(TOOLS, { recursive: true });
    const temporary = mkdtempSync(path.join(TOOLS, 'build-'));
    try {
      const packages = PROGRAMS.map((program) => `${MODULE}/cmd/${program}@v${VERSION}`);
      const env = { ...process.env, GOBIN: temporary, CGO_ENABLED: '0' };
      await execute((await goCommand()) ?? 'go', ['install', ...packages], {
        cwd: temporary,
        env,
        timeout: BUILD_TIMEOUT_MS,
      });
      renameSync(temporary, folder);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
}
