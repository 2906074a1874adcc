// A program that a test started and lets run.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const POLL_MS = 10;

/** The launcher's own way to end what it started when it is killed. */
const WATCH_PARENT = pathToFileURL(
  path.resolve(import.meta.dirname, '..', '..', 'bin', 'watch-parent.mjs'),
).href;
const PARENT_FD = 3;

export interface Program {
  /** Of the program itself, with no wrapper between, for signals. */
  readonly pid: number;
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** What it has written so far, both streams. */
  readonly log: () => string;
}

/** Our environment without the variables that would configure Holdfast: tests give it flags only. */
export function programEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_')));
}

/** Starts a Node program here, which ends with us; what runs in a namespace is started by its world. */
export function startProgram([node = '', ...args]: readonly string[], logFile: string): Program {
  writeFileSync(logFile, '');
  const output = openSync(logFile, 'a');
  const child = spawn(node, ['--import', WATCH_PARENT, ...args], {
    env: { ...programEnvironment(), HOLDFAST_PARENT_FD: String(PARENT_FD) },
    stdio: ['ignore', output, output, 'pipe'],
  });
  closeSync(output);
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'gone'));
    child.once('error', (error) => resolve(error.message));
  });
  return { pid: child.pid ?? 0, ended, log: () => readFileSync(logFile, 'utf8') };
}

/** Waits for a line in a program's log; throws with the log when the program ends or the time is over. */
export async function untilLogged(
  program: Program,
  pattern: RegExp,
  timeoutMs: number,
): Promise<RegExpExecArray> {
  const deadline = performance.now() + timeoutMs;
  let end: number | string | undefined;
  void program.ended.then((how) => {
    end = how;
  });
  while (true) {
    const found = pattern.exec(program.log());
    if (found !== null) return found;
    if (end !== undefined) throw new Error(`the program ended with ${end}:\n${program.log().slice(-2000)}`);
    if (performance.now() > deadline) {
      throw new Error(`no ${pattern} within ${timeoutMs} ms:\n${program.log().slice(-2000)}`);
    }
    await sleep(POLL_MS);
  }
}

/** Sends a signal, unless the program has ended by itself, and waits for the end. */
export async function endProgram(program: Program, signal: NodeJS.Signals): Promise<number | string> {
  const already = await Promise.race([program.ended, undefined]);
  if (already === undefined) process.kill(program.pid, signal);
  return program.ended;
}

/** Whether a process runs. A zombie does not: in a container it may stay long, as nobody collects it. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = `/proc/${pid}/stat`;
    return !existsSync(stat) || !/^\d+ \(.*\) Z/s.test(readFileSync(stat, 'utf8'));
  } catch {
    return false;
  }
}
