/** "Extra" is what HuJSON allows between tokens: whitespace, `// …` up to and including its newline, and block comments. */

export const isWhitespace = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Offset just past the whitespace that starts at `at`. */
export function skipWhitespace(text: string, at: number): number {
  let i = at;
  while (i < text.length && isWhitespace(text.charCodeAt(i))) i++;
  return i;
}

/**
 * Offset just past the comment that starts at `at`; `at` itself when no comment starts there; -1 when it never ends.
 * A line comment needs its newline, at the end of the text too: that is the vendor's grammar.
 */
export function skipComment(text: string, at: number): number {
  if (text.startsWith('//', at)) {
    const newline = text.indexOf('\n', at + 2);
    return newline < 0 ? -1 : newline + 1;
  }
  if (text.startsWith('/*', at)) {
    const close = text.indexOf('*/', at + 2);
    return close < 0 ? -1 : close + 2;
  }
  return at;
}

/** Whether an extra, already known to be well formed, holds a comment. */
export const hasComment = (extra: string): boolean => extra.includes('/');

export const hasNewline = (extra: string): boolean => extra.includes('\n');
