// A program that a test started and lets run.
import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

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

/** Starts a program here; what runs in a namespace is started by its world. */
export function startProgram([command = '', ...args]: readonly string[], logFile: string): Program {
  writeFileSync(logFile, '');
  const output = openSync(logFile, 'a');
  const child = spawn(command, args, { env: programEnvironment(), stdio: ['ignore', output, output] });
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

/** Sends a signal and waits for the end. */
export async function endProgram(program: Program, signal: NodeJS.Signals): Promise<number | string> {
  try {
    process.kill(program.pid, signal);
  } catch {
    // It has ended by itself.
  }
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
