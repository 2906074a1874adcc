// Installs node_modules as package-lock.json says, when they are missing or of another lock file.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runNpm, withInstallLock } from './cache.mjs';

/** Says what was installed last: the lock file's hash and the extent. */
const STAMP = path.join('node_modules', '.holdfast-installed');
/** npm's own record, which it believes; but `npm install --package-lock-only` rewrites it and installs nothing. */
const NPM_RECORD = path.join('node_modules', '.package-lock.json');

/**
 * @param {string} root of the checkout
 * @param {string} node a Node that is new enough
 * @param {'production' | 'all'} extent with or without the development dependencies
 */
export async function ensureDependencies(root, node, extent) {
  if (areInstalled(root, extent)) return;
  await withInstallLock(root, async () => {
    if (areInstalled(root, extent)) return;
    const all = extent === 'all' || hasDevelopmentTools(root);
    const what = all ? 'dependencies and development tools' : 'dependencies';
    process.stderr.write(`holdfast: installing ${what} through npm\n`);
    // Not `npm ci`: it begins by deleting node_modules, which a server running from this checkout still loads from, and it
    // refuses a lock file that leaves out other platforms' optional binaries. This obeys the lock file too.
    const selection = all ? '--include=dev' : '--omit=dev';
    const hash = lockHash(root);
    rmSync(path.join(root, NPM_RECORD), { force: true });
    await runNpm(node, ['install', '--no-save', selection], root, `installing ${what}`);
    writeFileSync(path.join(root, STAMP), `${hash} ${all ? 'all' : 'production'}\n`);
  });
}

function areInstalled(root, extent) {
  const installed = readStamp(root);
  return installed.hash === lockHash(root) && (installed.extent === 'all' || extent === 'production');
}

/** npm would take them away when it is asked for the product's dependencies only. */
function hasDevelopmentTools(root) {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).some(([place, { dev }]) => dev && existsSync(path.join(root, place)));
}

function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
}

function readStamp(root) {
  try {
    const [hash, extent] = readFileSync(path.join(root, STAMP), 'utf8').trim().split(' ');
    return { hash, extent };
  } catch {
    return {};
  }
}
