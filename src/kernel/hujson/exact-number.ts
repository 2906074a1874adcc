/**
 * Numbers as they are written. JavaScript rounds 9007199254740993, has no 1e400 and takes 1.0 for 1; whoever passes JSON on
 * without understanding it must not.
 */

/** A number that JavaScript would write in another way; `JSON.stringify` writes it as it is. */
export interface WrittenNumber {
  readonly rawJSON: string;
}

declare global {
  /** Of the language since 2025; the compiler's library does not have it yet. */
  interface JSON {
    rawJSON(text: string): WrittenNumber;
    isRawJSON(value: unknown): value is WrittenNumber;
  }
}

/** `raw`: a number literal of JSON. */
export function exactNumber(raw: string): number | WrittenNumber {
  const number = Number(raw);
  return String(number) === raw ? number : JSON.rawJSON(raw);
}
