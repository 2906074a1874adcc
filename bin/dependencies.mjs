// Installs node_modules as package-lock.json says, when they are missing or of another lock file.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { runNpm, withInstallLock } from './cache.mjs';

/**
 * @param {string} root of the checkout
 * @param {string} node a Node that is new enough
 * @param {'production' | 'all'} extent with or without the development dependencies
 */
export async function ensureDependencies(root, node, extent) {
  if (areInstalled(root, extent)) return;
  await withInstallLock(root, async () => {
    if (areInstalled(root, extent)) return;
    const what = extent === 'all' ? 'dependencies and development tools' : 'dependencies';
    process.stderr.write(`holdfast: installing ${what} through npm\n`);
    // Not `npm ci`: it begins by deleting node_modules, which a server running from this checkout still loads from, and it
    // refuses a lock file that leaves out other platforms' optional binaries. This obeys the lock file too.
    const selection = extent === 'all' ? '--include=dev' : '--omit=dev';
    await runNpm(node, ['install', '--no-save', selection], root, `installing ${what}`);
  });
}

/** Compares the lock file with npm's own record of what it installed, which it writes last. */
function areInstalled(root, extent) {
  const wanted = readPackages(path.join(root, 'package-lock.json'));
  const installed = readPackages(path.join(root, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return false;
  return Object.entries(wanted ?? {}).every(([place, { version, dev, optional }]) => {
    if (place === '' || (dev && extent === 'production')) return true;
    // Binaries for other platforms are optional and not installed here.
    if (optional && installed[place] === undefined) return true;
    return installed[place]?.version === version;
  });
}

/** @returns {Record<string, { version?: string, dev?: boolean, optional?: boolean }> | undefined} */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
