// Processes that write to the same database.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import type { StoreLocation } from '../../src/store/open-store.ts';

const SCRIPT = path.join(import.meta.dirname, 'writing-process.ts');

export interface WritingProcess {
  /** Ids of the rows whose commit was acknowledged so far. */
  readonly acknowledged: number[];
  /** Resolves at the end of the process with its exit code; null when it was killed. */
  readonly ended: Promise<number | null>;
  /** Resolves when this many commits were acknowledged, or the process ended. */
  atLeast(count: number): Promise<void>;
  errors(): string;
  kill(): void;
}

export function startWriting(location: StoreLocation, org: number, count: number): WritingProcess {
  const child: ChildProcess = spawn(
    process.execPath,
    [SCRIPT, JSON.stringify(location), String(org), String(count)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const acknowledged: number[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  let errors = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    acknowledged.push(...lines.filter((line) => line !== 'open').map(Number));
    for (const check of waiting) check();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    acknowledged,
    ended,
    atLeast: (wanted) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (acknowledged.length >= wanted) resolve();
        };
        waiting.add(check);
        check();
        ended.then(() => resolve(), resolve);
      }),
    errors: () => errors,
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
