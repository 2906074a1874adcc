import type { ArrayNode, LiteralNode, Member, Node, ObjectNode } from './ast.ts';
import { isWhitespace, skipComment, skipWhitespace } from './extra.ts';

/** Deeper nesting than any hand-written file has, and shallow enough for recursion to be safe. */
const MAX_DEPTH = 256;

/** Line and column count from 1; the column counts UTF-8 bytes, as the vendor's tools do. */
export interface Position {
  line: number;
  column: number;
}

/** A syntax error; its message starts with `line N, column M: `. */
export class HujsonError extends Error {
  readonly position: Position;
  readonly offset: number;

  constructor(text: string, offset: number, problem: string) {
    const position = positionAt(text, offset);
    super(`line ${position.line}, column ${position.column}: ${problem}`);
    this.name = 'HujsonError';
    this.position = position;
    this.offset = offset;
  }
}

const encoder = new TextEncoder();

/** UTF-8 length of a string. */
export const byteLength = (text: string): number => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return encoder.encode(text).length;
  return text.length;
};

/** Where a string offset lies. */
function positionAt(text: string, offset: number): Position {
  let line = 1;
  let lineStart = 0;
  for (;;) {
    const newline = text.indexOf('\n', lineStart);
    if (newline < 0 || newline >= offset) break;
    line++;
    lineStart = newline + 1;
  }
  return { line, column: 1 + byteLength(text.slice(lineStart, offset)) };
}

/** Quotes the first UTF-8 byte at `offset` as Go's %q does, since tools match on these messages. */
function quoteByte(text: string, offset: number): string {
  const code = text.codePointAt(offset) ?? 0;
  const byte = code < 0x80 ? code : (encoder.encode(String.fromCodePoint(code))[0] ?? 0);
  const named: Record<number, string> = {
    7: '\\a',
    8: '\\b',
    9: '\\t',
    10: '\\n',
    11: '\\v',
    12: '\\f',
    13: '\\r',
    39: "\\'",
    92: '\\\\',
  };
  const name = named[byte];
  if (name !== undefined) return `'${name}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, '0')}'`;
  return `'${String.fromCharCode(byte)}'`;
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const ESCAPES = new Set([...'"\\/bfnrtu'].map((c) => c.charCodeAt(0)));
const HEX4 = /^[0-9a-fA-F]{4}$/;

const isLiteralCharacter = (c: number): boolean =>
  (c >= 0x61 && c <= 0x7a) ||
  (c >= 0x41 && c <= 0x5a) ||
  (c >= 0x30 && c <= 0x39) ||
  c === 0x2d ||
  c === 0x2b ||
  c === 0x2e;

/** Parses HuJSON text. Throws HujsonError, with line and column, on anything else. */
export function parse(text: string): Node {
  let at = 0;

  const fail = (offset: number, problem: string): never => {
    throw new HujsonError(text, offset, problem);
  };

  function takeExtra(): string {
    const start = at;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (isWhitespace(code)) {
        at = skipWhitespace(text, at);
      } else if (code === 0x2f) {
        const end = skipComment(text, at);
        if (end < 0) fail(at, 'parsing comment: unexpected EOF');
        if (end === at) break;
        at = end;
      } else break;
    }
    return start === at ? '' : text.slice(start, at);
  }

  function string(before: string): LiteralNode {
    const start = at;
    for (at++; ; at++) {
      if (at >= text.length) fail(text.length, 'parsing string: unexpected EOF');
      const code = text.charCodeAt(at);
      if (code === 0x22) break;
      if (code === 0x5c) at++;
    }
    at++;
    const raw = text.slice(start, at);
    if (!isValidString(raw)) fail(start, `invalid literal: ${raw}`);
    return { kind: 'string', raw, before, start, end: at, after: '' };
  }

  function word(before: string): LiteralNode {
    const start = at;
    while (at < text.length && isLiteralCharacter(text.charCodeAt(at))) at++;
    const raw = text.slice(start, at);
    if (raw === '') fail(start, `invalid character ${quoteByte(text, start)} at start of value`);
    const kind =
      raw === 'null'
        ? 'null'
        : raw === 'true' || raw === 'false'
          ? 'boolean'
          : NUMBER.test(raw)
            ? 'number'
            : undefined;
    if (kind === undefined) return fail(start, `invalid literal: ${raw}`);
    return { kind, raw, before, start, end: at, after: '' };
  }

  /** What stands between brackets; `readOne` takes one item or member, and returns the value at its end. */
  function sequence(
    what: 'array' | 'object',
    closer: ']' | '}',
    readOne: (before: string) => Node,
  ): { readonly inner: string; readonly trailingComma: boolean } {
    const closes = (): boolean => text[at] === closer;
    at++;
    for (let count = 0; ; count++) {
      const extra = takeExtra();
      if (closes()) {
        at++;
        return { inner: extra, trailingComma: count > 0 };
      }
      const last = readOne(extra);
      const after = takeExtra();
      if (closes()) {
        at++;
        return { inner: after, trailingComma: false };
      }
      last.after = after;
      if (at >= text.length) fail(at, `parsing ${what} after value: unexpected EOF`);
      if (text.charCodeAt(at) !== 0x2c) {
        fail(
          at,
          `invalid character ${quoteByte(text, at)} after ${what} value (expecting ',' or '${closer}')`,
        );
      }
      at++;
    }
  }

  function array(before: string, depth: number): ArrayNode {
    const start = at;
    const items: Node[] = [];
    const rest = sequence('array', ']', (extra) => {
      const item = value(extra, depth + 1);
      items.push(item);
      return item;
    });
    return { kind: 'array', items, ...rest, before, start, end: at, after: '' };
  }

  function object(before: string, depth: number): ObjectNode {
    const start = at;
    const members: Member[] = [];
    const rest = sequence('object', '}', (extra) => {
      const member = { name: memberName(extra, depth), value: value(takeExtra(), depth + 1) };
      members.push(member);
      return member.value;
    });
    return { kind: 'object', members, ...rest, before, start, end: at, after: '' };
  }

  /** A member's name with the colon behind it. */
  function memberName(before: string, depth: number): LiteralNode {
    const start = at;
    const name = value(before, depth + 1);
    if (name.kind !== 'string') {
      return fail(start, `invalid character ${quoteByte(text, start)} at start of object name`);
    }
    name.after = takeExtra();
    if (at >= text.length) fail(at, 'parsing object after name: unexpected EOF');
    if (text.charCodeAt(at) !== 0x3a) {
      fail(at, `invalid character ${quoteByte(text, at)} after object name`);
    }
    at++;
    return name;
  }

  function value(before: string, depth: number): Node {
    if (at >= text.length) fail(at, 'parsing value: unexpected EOF');
    if (depth > MAX_DEPTH) fail(at, `values nested deeper than ${MAX_DEPTH} levels`);
    switch (text.charCodeAt(at)) {
      case 0x7b:
        return object(before, depth);
      case 0x5b:
        return array(before, depth);
      case 0x22:
        return string(before);
      default:
        return word(before);
    }
  }

  const root = value(takeExtra(), 0);
  root.after = takeExtra();
  if (at < text.length) fail(at, `invalid character ${quoteByte(text, at)} after top-level value`);
  return root;
}

function isValidString(raw: string): boolean {
  for (let i = 1; i < raw.length - 1; i++) {
    const code = raw.charCodeAt(i);
    if (code < 0x20) return false;
    if (code !== 0x5c) continue;
    i++;
    const escaped = raw.charCodeAt(i);
    if (i >= raw.length - 1 || !ESCAPES.has(escaped)) return false;
    if (escaped === 0x75) {
      if (!HEX4.test(raw.slice(i + 1, i + 5))) return false;
      i += 4;
    }
  }
  return true;
}
