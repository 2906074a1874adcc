// The checkout's cache directory: a lock between launches, running npm, and packages kept there as npm carries them.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

/** Git-ignored; everything in it can be deleted at any time while nothing runs. */
export const CACHE_DIRECTORY = '.holdfast';

const LOCK_POLL_MS = 100;
const ERROR_TAIL_LINES = 12;

/** A failure whose message is meant for the person at the terminal. */
export class LaunchError extends Error {}

/**
 * Runs `work` while no other launch of this checkout installs anything. A lock whose owner has died is taken over.
 * @param {string} root of the checkout
 * @param {() => Promise<void>} work must look again whether it is still needed
 */
export async function withInstallLock(root, work) {
  const directory = path.join(root, CACHE_DIRECTORY);
  const lock = path.join(directory, 'install.lock');
  mkdirSync(directory, { recursive: true });
  while (!tryLock(lock)) await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function tryLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw new LaunchError(`cannot write ${lock}: ${error.message}`);
  }
  let owner;
  try {
    owner = Number(readFileSync(lock, 'utf8'));
  } catch {
    return false; // released meanwhile
  }
  // An empty file is a lock just being written.
  if (owner > 0 && !isAlive(owner)) rmSync(lock, { force: true });
  return false;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * Keeps one package, pinned by version and by content, in the cache; gets it through npm when it is not there yet.
 * @param {string} root of the checkout
 * @param {{ name: string, version: string, integrity: string }} wanted
 * @param {{ announce: string, failing: string, prepare?: (directory: string) => void }} how the progress line; the
 *   subject of "… failed"; what makes the unpacked package usable or throws
 * @returns {Promise<string>} the package's directory
 */
export async function ensurePackage(root, wanted, { announce, failing, prepare }) {
  const cache = path.join(root, CACHE_DIRECTORY);
  const home = path.join(cache, `${wanted.name.replace('@', '').replace('/', '-')}-${wanted.version}`);
  const inside = path.join('node_modules', wanted.name);
  if (existsSync(home)) return path.join(home, inside);
  await withInstallLock(root, async () => {
    if (existsSync(home)) return;
    process.stderr.write(`holdfast: ${announce}\n`);
    const temporary = mkdtempSync(path.join(cache, 'install-'));
    try {
      writeFileSync(path.join(temporary, 'package.json'), '{"private":true}\n');
      await runNpm(process.execPath, ['install', `${wanted.name}@${wanted.version}`], temporary, failing);
      checkIntegrity(wanted, temporary);
      prepare?.(path.join(temporary, inside));
      chmodSync(temporary, 0o755); // another user of this checkout may run it too
      renameSync(temporary, home);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
  return path.join(home, inside);
}

function checkIntegrity(wanted, directory) {
  const lock = JSON.parse(readFileSync(path.join(directory, 'package-lock.json'), 'utf8'));
  if (lock.packages?.[`node_modules/${wanted.name}`]?.integrity !== wanted.integrity) {
    throw new LaunchError(
      `the ${wanted.name} ${wanted.version} that npm got is not the known one; it was removed`,
    );
  }
}

/**
 * Runs npm quietly, without install scripts.
 * @param {string} node the Node to run it with
 * @param {string[]} args
 * @param {string} cwd
 * @param {string} purpose completes "… failed" in the error
 */
export async function runNpm(node, args, cwd, purpose) {
  const common = ['--prefix', cwd, '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier'];
  const env = { ...process.env, PATH: [path.dirname(node), process.env.PATH].join(path.delimiter) };
  const child = spawn(node, [findNpm(), ...args, ...common], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      output += text;
    });
  }
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(-1);
    });
    child.on('close', resolve);
  });
  if (code === 0) return;
  const errors = output.split('\n').filter((line) => line.startsWith('npm error') && line.length > 10);
  const tail = errors.length > 0 ? errors.slice(0, ERROR_TAIL_LINES) : [output.slice(-1000)];
  throw new LaunchError(`${purpose} failed:\n${tail.join('\n')}`);
}

/** npm's own script, so that it can run without a shell and under the Node that we choose. */
function findNpm() {
  const besideNode = path.dirname(realpathSync(process.execPath));
  const onPath = (process.env.PATH ?? '').split(path.delimiter).filter((entry) => path.isAbsolute(entry));
  const candidates = [
    process.env.npm_execpath,
    path.join(besideNode, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    path.join(besideNode, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    ...onPath
      .map((entry) => path.join(entry, 'npm'))
      .filter((file) => existsSync(file))
      .map((file) => realpathSync(file)),
    ...onPath.map((entry) => path.join(entry, 'node_modules', 'npm', 'bin', 'npm-cli.js')),
  ];
  const found = candidates.find((file) => file?.endsWith('npm-cli.js') && existsSync(file));
  if (found === undefined)
    throw new LaunchError('npm was not found; install it, it comes with Node from nodejs.org');
  return found;
}
