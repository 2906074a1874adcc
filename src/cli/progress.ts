/** Progress of long work: a line that is rewritten on a terminal, a line every few seconds elsewhere. */
const REWRITE_MS = 100;
const LINE_MS = 5_000;
const CLEAR_LINE = '\r\u001b[2K';

export interface Progress {
  show(text: string): void;
  /** Leaves nothing of it on a terminal. */
  end(): void;
}

export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export function createProgress(output: ProgressOutput, now: () => number): Progress {
  const interval = output.isTTY ? REWRITE_MS : LINE_MS;
  let last = now();
  let shown = false;
  return {
    show: (text) => {
      if (now() - last < interval) return;
      last = now();
      shown = true;
      output.write(output.isTTY ? `${CLEAR_LINE}${text}` : `${text}\n`);
    },
    end: () => {
      if (shown && output.isTTY) output.write(CLEAR_LINE);
    },
  };
}
