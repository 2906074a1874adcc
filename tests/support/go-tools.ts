// Programs of others, of one pinned release each, built with Go the first time that a test needs them.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { CACHE_DIRECTORY, withInstallLock } from '../../bin/cache.mjs';

const execute = promisify(execFile);

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const TOOLS = path.join(ROOT, CACHE_DIRECTORY, 'tools');

/** Building the largest of them from nothing takes about three minutes on two cores; for the timeout of a `beforeAll`. */
export const BUILD_TIMEOUT_MS = 20 * 60_000;

export interface GoTools {
  /** Of the folder that keeps them. */
  readonly name: string;
  readonly version: string;
  /** What comes before the programs' names in the packages: `tailscale.com/cmd`. */
  readonly commands: string;
  readonly programs: readonly string[];
  /** A variable that names a folder which has them already. */
  readonly folderVariable: string;
}

const folderOf = ({ name, version }: GoTools): string => path.join(TOOLS, `${name}-${version}`);

const areIn = (folder: string, { programs }: GoTools): boolean =>
  programs.every((program) => existsSync(path.join(folder, program)));

/** @returns undefined when the programs are here or can be built, else what they lack */
export async function whyNoGoTools(tools: GoTools): Promise<string | undefined> {
  if (process.env[tools.folderVariable] !== undefined || areIn(folderOf(tools), tools)) return undefined;
  if ((await goCommand()) !== undefined) return undefined;
  return `${tools.name} is built with Go, which this machine has not (or name a folder in ${tools.folderVariable})`;
}

/** The folder that has the programs; builds them with `go install` the first time. */
export async function goTools(tools: GoTools): Promise<string> {
  const given = process.env[tools.folderVariable];
  const folder = given ?? folderOf(tools);
  if (given === undefined && !areIn(folder, tools)) await build(folder, tools);
  return folder;
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

async function build(folder: string, tools: GoTools): Promise<void> {
  const { programs, version, commands } = tools;
  await withInstallLock(ROOT, async () => {
    if (areIn(folder, tools)) return;
    process.stderr.write(`holdfast: building ${programs.join(', ')} ${version} with Go, once\n`);
    mkdirSync(TOOLS, { recursive: true });
    const temporary = mkdtempSync(path.join(TOOLS, 'build-'));
    try {
      const packages = programs.map((program) => `${commands}/${program}@v${version}`);
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
