/**
 * A policy that cannot be saved. `message` is the text that clients show and match; `line` and `column` (from 1) tell
 * where, when a place is known. `status` 500 stands for the one input that the real service fails on.
 */
export class PolicyError extends Error {
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly status: 400 | 500;

  constructor(message: string, place?: { line: number; column: number }, status: 400 | 500 = 400) {
    super(message);
    this.name = 'PolicyError';
    this.line = place?.line;
    this.column = place?.column;
    this.status = status;
  }
}
