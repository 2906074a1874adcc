/** Runs the machine's own programs (ip, wg, nft). */
import { execFile } from 'node:child_process';

const TIMEOUT_MS = 20_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Resolves with what it printed; rejects with a sentence that holds what it said of its failure. */
export type RunCommand = (program: string, args: readonly string[], input?: string) => Promise<string>;

export const runCommand: RunCommand = (program, args, input) =>
  new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else if (error.code === 'ENOENT') reject(new Error(`${program} is not installed on this machine`));
        else reject(new Error(`${program} ${args.slice(0, 4).join(' ')}: ${stderr.trim() || error.message}`));
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
