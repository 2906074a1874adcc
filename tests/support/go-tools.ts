// Vendors' programs that tests run, built with Go from one pinned release, once, into the checkout's cache.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { CACHE_DIRECTORY, withInstallLock } from '../../bin/cache.mjs';

const execute = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..', '..');
const TOOLS = path.join(ROOT, CACHE_DIRECTORY, 'tools');

/** Building them from nothing takes minutes on two cores; for the timeout of a `beforeAll`. */
export const BUILD_TIMEOUT_MS = 20 * 60_000;

export interface GoTools {
  /** Of the folder that they are kept in: name and release. */
  readonly folder: string;
  /** What is told while they are built. */
  readonly title: string;
  /** Import paths with their release, `example.com/cmd/x@v1.2.3`. */
  readonly packages: readonly string[];
  /** The programs that come of it. */
  readonly programs: readonly string[];
}

const hasAll = (folder: string, { programs }: GoTools): boolean =>
  programs.every((program) => existsSync(path.join(folder, program)));

export const builtFolder = ({ folder }: GoTools): string => path.join(TOOLS, folder);
export const isBuilt = (tools: GoTools): boolean => hasAll(builtFolder(tools), tools);

/** Go's own installer puts it where not every PATH leads. */
export async function goCommand(): Promise<string | undefined> {
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

/** The folder that has the programs; builds them the first time. */
export async function goTools(tools: GoTools): Promise<string> {
  const folder = builtFolder(tools);
  if (isBuilt(tools)) return folder;
  await withInstallLock(ROOT, async () => {
    if (isBuilt(tools)) return;
    process.stderr.write(`holdfast: building ${tools.title} with Go, once\n`);
    mkdirSync(TOOLS, { recursive: true });
    const temporary = mkdtempSync(path.join(TOOLS, 'build-'));
    try {
      const env = { ...process.env, GOBIN: temporary, CGO_ENABLED: '0' };
      await execute((await goCommand()) ?? 'go', ['install', ...tools.packages], {
        cwd: temporary,
        env,
        timeout: BUILD_TIMEOUT_MS,
      });
      renameSync(temporary, folder);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
  return folder;
}
