import { hasNewline, skipComment, skipWhitespace } from './extra.ts';

/** How the whitespace and comments of one place are laid out; all off by default. */
export interface ExtraLayout {
  /** Begin with a newline if there is none at all. */
  startLine?: boolean;
  /** End with a newline. */
  endLine?: boolean;
  trimLeadingBlank?: boolean;
  trimTrailingBlank?: boolean;
  /** The last line (in front of a closing bracket) is indented one level less. */
  unindentLastLine?: boolean;
  /** A space where there would be nothing. */
  atLeastSpace?: boolean;
}

/** Unicode White_Space, which is what Go's unicode.IsSpace trims. */
const SPACES = new Set(
  [
    ...'\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a',
  ].concat([...'\u2028\u2029\u202f\u205f\u3000']),
);

export function trimEndSpace(text: string): string {
  let end = text.length;
  while (end > 0 && SPACES.has(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

function trimEndNewlines(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x0a) end--;
  return text.slice(0, end);
}

/** Formats one extra for a place at `depth`: at most one blank line in a row, comments indented, single spaces. */
export function formatExtra(extra: string, depth: number, layout: ExtraLayout): string {
  // Line ends of every platform become "\n", so that the result does not depend on the author's editor.
  const text = extra.includes('\r')
    ? extra.replaceAll('\r\n', '\n').replaceAll('\n\r', '\n').replaceAll('\r', ' ')
    : extra;
  let out = layout.startLine && !hasNewline(text) ? '\n' : '';

  for (let at = 0; at < text.length; ) {
    const afterSpace = skipWhitespace(text, at);
    if (afterSpace > at) {
      out += '\n'.repeat(Math.min(2, countNewlines(text, at, afterSpace)));
      at = afterSpace;
      continue;
    }
    const end = skipComment(text, at);
    if (end <= at) return extra;
    out += out.endsWith('\n') ? '\t'.repeat(depth) : ' ';
    const isLineComment = text.startsWith('//', at);
    const comment = text.slice(at, end);
    if (isLineComment || !hasNewline(comment)) {
      out += trimEndSpace(comment);
      at = isLineComment ? end - 1 : end; // the newline counts as whitespace of the next round
    } else {
      out += reindentBlock(comment, depth);
      at = end;
    }
  }

  if (layout.endLine && !out.endsWith('\n')) out += '\n';
  while (layout.trimLeadingBlank && out.startsWith('\n\n')) out = out.slice(1);
  while (layout.trimTrailingBlank && out.endsWith('\n\n')) out = out.slice(0, -1);
  if (out.endsWith('\n')) out += '\t'.repeat(layout.unindentLastLine ? depth - 1 : depth);
  else if (out !== '') out += ' ';
  return out === '' && layout.atLeastSpace ? ' ' : out;
}

function countNewlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) if (text.charCodeAt(i) === 0x0a) count++;
  return count;
}

/** Shifts a block comment of several lines to `depth`, keeping what the lines are indented against each other. */
function reindentBlock(comment: string, depth: number): string {
  const [head = '', ...rest] = comment.split('\n').map(trimEndSpace);
  const hasEmptyLine = head === '' || rest.includes('');
  let prefix = rest.find((line) => line !== '') ?? '';
  for (const [i, line] of rest.entries()) {
    if (line === '') continue;
    if (line.endsWith('*/') && skipWhitespace(line, 0) + 2 === line.length) {
      // A last line that only closes the comment takes the indentation of the others.
      rest[i] = `${prefix.slice(0, skipWhitespace(prefix, 0))}*/`;
      break;
    }
    const shared = Math.min(line.length, prefix.length);
    for (let k = 0; k < shared; k++) {
      if (line.charCodeAt(k) !== prefix.charCodeAt(k)) {
        prefix = prefix.slice(0, k);
        break;
      }
    }
  }
  const cut = skipWhitespace(prefix, 0);
  const starred = !hasEmptyLine && prefix.charAt(cut) === '*';
  const indent = '\t'.repeat(depth) + (starred ? ' ' : '');
  return trimEndNewlines(
    [head, ...rest.map((line) => (line === '' ? '' : indent + line.slice(cut)))].join('\n'),
  );
}
