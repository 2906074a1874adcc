/** The text of a regular expression as a tree; the syntax is told in pattern.ts. */
import { invalid } from './errors.ts';

const MAX_REPEAT = 100;
const MAX_DEPTH = 30;
const MAX_CODE_POINT = 0x10ffff;

/** Code points, both ends included. */
export type Range = readonly [from: number, to: number];

export type Tree =
  | { readonly kind: 'set'; readonly ranges: readonly Range[]; readonly negated: boolean }
  | { readonly kind: 'sequence' | 'either'; readonly parts: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly part: Tree; readonly min: number; readonly max: number }
  | { readonly kind: 'start' | 'end' };

export const point = (char: string): number => char.codePointAt(0) ?? 0;
const span = (from: string, to: string): Range => [point(from), point(to)];

const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: [span('0', '9')],
  w: [span('0', '9'), span('A', 'Z'), span('_', '_'), span('a', 'z')],
  s: [span('\t', '\r'), span(' ', ' ')],
};

/** All code points outside of the ranges. */
export const complement = (ranges: readonly Range[]): Range[] => {
  const sorted = [...ranges].sort(([a], [b]) => a - b);
  const gaps: Range[] = [];
  let next = 0;
  for (const [from, to] of sorted) {
    if (from > next) gaps.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  if (next <= MAX_CODE_POINT) gaps.push([next, MAX_CODE_POINT]);
  return gaps;
};

/** Throws `invalid` with what is not supported. */
export function parse(text: string): Tree {
  const chars = [...text];
  let at = 0;
  const fail = (why: string): never => {
    throw invalid(`the regular expression is not supported: ${why}`, 'regexp');
  };
  const peek = (): string | undefined => chars[at];
  const take = (): string => {
    const char = chars[at];
    if (char === undefined) return fail('it ends too soon');
    at += 1;
    return char;
  };

  const escaped = (): readonly Range[] => {
    const char = take();
    const known = CLASSES[char.toLowerCase()];
    if (known !== undefined) return char === char.toLowerCase() ? known : complement(known);
    if (char === 'n') return [span('\n', '\n')];
    if (char === 't') return [span('\t', '\t')];
    if (/[A-Za-z0-9]/u.test(char)) return fail(`\\${char}`);
    return [span(char, char)];
  };

  const classMember = (): readonly Range[] => {
    const char = take();
    if (char === '[') return fail('[ inside of []');
    return char === '\\' ? escaped() : [span(char, char)];
  };

  const set = (): Tree => {
    const negated = peek() === '^';
    if (negated) at += 1;
    const ranges: Range[] = [];
    let first = true;
    while (first || peek() !== ']') {
      const from = classMember();
      first = false;
      const [low] = from;
      if (
        from.length === 1 &&
        low !== undefined &&
        low[0] === low[1] &&
        peek() === '-' &&
        chars[at + 1] !== ']'
      ) {
        at += 1;
        const [high] = classMember();
        if (high === undefined || high[0] !== high[1] || high[0] < low[0])
          return fail('a range out of order');
        ranges.push([low[0], high[0]]);
      } else ranges.push(...from);
    }
    at += 1;
    return { kind: 'set', ranges, negated };
  };

  const group = (depth: number): Tree => {
    if (peek() === '?') {
      at += 1;
      if (take() !== ':') return fail('only (?:…) of the (? forms');
    }
    const inner = either(depth + 1);
    if (take() !== ')') return fail('a group that is not closed');
    return inner;
  };

  const atom = (depth: number): Tree => {
    const char = take();
    switch (char) {
      case '(':
        return group(depth);
      case '[':
        return set();
      case '.':
        return { kind: 'set', ranges: [span('\n', '\n')], negated: true };
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '\\':
        return { kind: 'set', ranges: escaped(), negated: false };
      case '*':
      case '+':
      case '?':
      case '{':
        return fail(`${char} after nothing`);
      default:
        return { kind: 'set', ranges: [span(char, char)], negated: false };
    }
  };

  const counted = (): readonly [number, number] | undefined => {
    const match = /^\{(\d{1,3})(,(\d{0,3}))?\}/u.exec(chars.slice(at, at + 10).join(''));
    if (match === null) return undefined;
    at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (min > MAX_REPEAT || (max !== Number.POSITIVE_INFINITY && (max > MAX_REPEAT || max < min))) {
      return fail('a repetition out of bounds');
    }
    return [min, max];
  };

  const repeated = (depth: number): Tree => {
    let part = atom(depth);
    for (;;) {
      const char = peek();
      let bounds: readonly [number, number] | undefined;
      if (char === '*') bounds = [0, Number.POSITIVE_INFINITY];
      else if (char === '+') bounds = [1, Number.POSITIVE_INFINITY];
      else if (char === '?') bounds = [0, 1];
      if (bounds !== undefined) at += 1;
      else if (char === '{') bounds = counted();
      if (bounds === undefined) {
        if (char === '{') return fail('{ that counts nothing');
        return part;
      }
      if (part.kind === 'start' || part.kind === 'end') return fail('a repeated anchor');
      // A lazy form takes another match, never a different answer.
      if (peek() === '?') at += 1;
      else if (peek() === '+' || peek() === '*') return fail('a repeated repetition');
      part = { kind: 'repeat', part, min: bounds[0], max: bounds[1] };
    }
  };

  const sequence = (depth: number): Tree => {
    const parts: Tree[] = [];
    while (peek() !== undefined && peek() !== '|' && peek() !== ')') parts.push(repeated(depth));
    return { kind: 'sequence', parts };
  };

  function either(depth: number): Tree {
    if (depth > MAX_DEPTH) return fail('it nests too deep');
    const parts = [sequence(depth)];
    while (peek() === '|') {
      at += 1;
      parts.push(sequence(depth));
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'either', parts };
  }

  const tree = either(0);
  if (at < chars.length) fail('a ) without its (');
  return tree;
}
