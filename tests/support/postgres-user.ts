// PostgreSQL refuses to run as root. Where the tests do, it runs as an unprivileged user that they make.
import { execFileSync } from 'node:child_process';

/** For the options of child_process.spawn and fs.chown; undefined: stay who we are. */
export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
}

const TEST_USER = 'holdfast-test';
/** On every Unix; serves where users cannot be added. */
const FALLBACK_USER = 'nobody';

export function unprivilegedUser(): UnixUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return lookUp(TEST_USER) ?? addTestUser() ?? lookUp(FALLBACK_USER);
}

function lookUp(name: string): UnixUser | undefined {
  const uid = idOf('-u', name);
  const gid = idOf('-g', name);
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function idOf(flag: '-u' | '-g', name: string): number | undefined {
  try {
    return Number(
      execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
  } catch {
    return undefined;
  }
}

function addTestUser(): UnixUser | undefined {
  try {
    const options = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin'];
    execFileSync('useradd', [...options, TEST_USER], { stdio: 'ignore' });
  } catch {
    // No useradd here, or another run has just added the user.
  }
  return lookUp(TEST_USER);
}
