// Starts Holdfast, or with --dev one of its TypeScript files, from a fresh checkout on any machine that has Node 18 or
// newer: gets Node 24 and the dependencies when they are missing, then runs the program with the same arguments,
// streams, signals and exit code. Everything in bin/ keeps to the syntax and modules that Node 18 has.
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LaunchError } from './cache.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { ensureNode, isNewEnough } from './node-runtime.mjs';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const PRODUCT_ENTRY = path.join(ROOT, 'src', 'main.ts');

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** Shells report a process that a signal ended as 128 + the signal's number. */
const SIGNAL_EXIT_BASE = 128;

/** The child reads this descriptor; its end means that the launcher is gone. See watch-parent.mjs. */
const PARENT_FD = 3;
/** How often to look whether npm is still there. */
const NPM_POLL_MS = 250;
const FORWARDED_SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGUSR2'];

/**
 * Runs the product (`arguments`), or with `--dev FILE …` a file of this checkout with the development dependencies.
 * @param {string[]} argv arguments after the script's name
 */
export async function main(argv) {
  try {
    const dev = argv[0] === '--dev';
    const [file, ...args] = dev ? argv.slice(1) : [PRODUCT_ENTRY, ...argv];
    if (file === undefined) {
      process.stderr.write('holdfast: --dev needs the TypeScript file to run\n');
      process.exit(EXIT_USAGE);
    }
    const entry = path.resolve(file);
    const node = await ensureNode(ROOT);
    await ensureDependencies(ROOT, node, dev ? 'all' : 'production');
    if (isNewEnough(process.versions.node)) {
      onEndOfNpm(() => process.kill(process.pid, 'SIGTERM'));
      process.argv = [process.execPath, entry, ...args];
      await runHere(entry);
    } else {
      runChild(node, entry, args);
    }
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    process.stderr.write(`holdfast: ${error.message}\n`);
    process.exit(EXIT_FAILED);
  }
}

/** Node ends quietly and with 0 when nothing is left to wait for, even if the program is still waiting: that is a defect. */
async function runHere(entry) {
  const onExit = () => {
    process.stderr.write('holdfast: the program ended before its work was done, please report it\n');
    process.exitCode = EXIT_FAILED;
  };
  // A program that ends itself by process.exit(CODE) has said how it went.
  process.once('beforeExit', onExit);
  await import(pathToFileURL(entry).href);
  process.off('beforeExit', onExit);
}

/** Stands in for replacing this process, which old Nodes cannot do: whoever signals or kills it reaches the child. */
function runChild(node, entry, args) {
  const watcher = pathToFileURL(path.join(ROOT, 'bin', 'watch-parent.mjs')).href;
  const env = {
    ...process.env,
    HOLDFAST_PARENT_FD: String(PARENT_FD),
    PATH: [path.dirname(node), process.env.PATH].join(path.delimiter),
  };
  const child = spawn(node, ['--import', watcher, entry, ...args], {
    env,
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));
  // A terminal sends Ctrl-C to the whole process group, so there the child has had it already.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  onEndOfNpm(() => child.kill('SIGTERM'));
  child.on('error', (error) => {
    process.stderr.write(`holdfast: could not start ${node}: ${error.message}\n`);
    process.exit(EXIT_FAILED);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const name of [...FORWARDED_SIGNALS, 'SIGINT']) process.removeAllListeners(name);
    process.kill(process.pid, signal);
    // Reached only where the signal does not end this process at once.
    process.exitCode = SIGNAL_EXIT_BASE + constants.signals[signal];
  });
}

/** `npm start` runs us under a shell, to which it hands SIGTERM; the shell dies of it and tells nobody. */
function onEndOfNpm(stop) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    stop();
  }, NPM_POLL_MS);
  timer.unref();
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2));
}
