/**
 * Text for a terminal: what devices and people call themselves and their things is theirs to choose, and must not move the
 * cursor, colour the screen or begin a line of its own.
 */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
