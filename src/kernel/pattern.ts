/**
 * Regular expressions from outside: a subset without back-references and look-around, matched in time linear in the text,
 * so that no expression can keep the program busy. Both databases give the same answers: SQLite calls `matches`,
 * PostgreSQL gets `postgres`, the same expression spelled without anything that depends on its settings.
 *
 * Syntax: literals, `.`, classes `[a-z]` and `[^…]`, `\d \w \s` and their capitals, groups `(…)` and `(?:…)`, `|`,
 * `* + ? {m} {m,} {m,n}` (lazy or not), `^`, `$`, and a backslash before anything else that is no letter or digit.
 */
import { invalid } from './errors.ts';

const MAX_LENGTH = 500;
const MAX_REPEAT = 100;
const MAX_INSTRUCTIONS = 4_000;
const MAX_DEPTH = 30;
const MAX_CODE_POINT = 0x10ffff;

type Range = readonly [from: number, to: number];

type Tree =
  | { readonly kind: 'set'; readonly ranges: readonly Range[]; readonly negated: boolean }
  | { readonly kind: 'sequence' | 'either'; readonly parts: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly part: Tree; readonly min: number; readonly max: number }
  | { readonly kind: 'start' | 'end' };

export interface Pattern {
  /** Whether some part of the text matches. */
  matches(text: string): boolean;
  /** The same expression for PostgreSQL's `~`. */
  readonly postgres: string;
}

const point = (char: string): number => char.codePointAt(0) ?? 0;
const span = (from: string, to: string): Range => [point(from), point(to)];

const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: [span('0', '9')],
  w: [span('0', '9'), span('A', 'Z'), span('_', '_'), span('a', 'z')],
  s: [span('\t', '\r'), span(' ', ' ')],
};

const complement = (ranges: readonly Range[]): Range[] => {
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

function parse(text: string): Tree {
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

const hex = (code: number): string => `\\U${code.toString(16).padStart(8, '0')}`;
const literal = (code: number): string => {
  const char = String.fromCodePoint(code);
  return /[A-Za-z0-9]/u.test(char) ? char : hex(code);
};

function toPostgres(tree: Tree): string {
  switch (tree.kind) {
    case 'start':
      return '^';
    case 'end':
      return '$';
    case 'set': {
      // PostgreSQL text holds no NUL.
      const ranges = (tree.negated ? complement(tree.ranges) : tree.ranges).filter(([, to]) => to > 0);
      return `[${ranges.map(([from, to]) => `${literal(Math.max(from, 1))}-${literal(to)}`).join('')}]`;
    }
    case 'sequence':
      return tree.parts.map(toPostgres).join('');
    case 'either':
      return `(?:${tree.parts.map(toPostgres).join('|')})`;
    case 'repeat': {
      const max = tree.max === Number.POSITIVE_INFINITY ? '' : tree.max;
      return `(?:${toPostgres(tree.part)}){${tree.min},${max}}`;
    }
  }
}

type Instruction =
  | { readonly op: 'set'; readonly holds: (code: number) => boolean }
  | { op: 'fork'; first: number; second: number }
  | { readonly op: 'start' | 'end' | 'match' };

function compile(tree: Tree): readonly Instruction[] {
  const program: Instruction[] = [];
  const emit = (instruction: Instruction): number => {
    if (program.length >= MAX_INSTRUCTIONS) {
      throw invalid('the regular expression is too large', 'regexp');
    }
    return program.push(instruction) - 1;
  };
  const fork = (): { op: 'fork'; first: number; second: number } => {
    const made = { op: 'fork' as const, first: 0, second: 0 };
    emit(made);
    return made;
  };
  const visit = (node: Tree): void => {
    switch (node.kind) {
      case 'start':
      case 'end':
        emit({ op: node.kind });
        return;
      case 'set': {
        const { ranges, negated } = node;
        emit({
          op: 'set',
          holds: (code) => ranges.some(([from, to]) => code >= from && code <= to) !== negated,
        });
        return;
      }
      case 'sequence':
        for (const part of node.parts) visit(part);
        return;
      case 'either': {
        const ends: { second: number; first: number }[] = [];
        node.parts.forEach((part, index) => {
          const last = index === node.parts.length - 1;
          const branch = last ? undefined : fork();
          if (branch !== undefined) branch.first = program.length;
          visit(part);
          if (!last) ends.push(fork());
          if (branch !== undefined) branch.second = program.length;
        });
        for (const end of ends) {
          end.first = program.length;
          end.second = program.length;
        }
        return;
      }
      case 'repeat': {
        for (let count = 0; count < node.min; count += 1) visit(node.part);
        if (node.max === Number.POSITIVE_INFINITY) {
          const begin = program.length;
          const loop = fork();
          loop.first = program.length;
          visit(node.part);
          const back = fork();
          back.first = begin;
          back.second = begin;
          loop.second = program.length;
          return;
        }
        const exits = [];
        for (let count = node.min; count < node.max; count += 1) {
          const exit = fork();
          exit.first = program.length;
          exits.push(exit);
          visit(node.part);
        }
        for (const exit of exits) exit.second = program.length;
      }
    }
  };
  visit(tree);
  emit({ op: 'match' });
  return program;
}

function run(program: readonly Instruction[], text: string): boolean {
  const codes = [...text].map(point);
  let current = new Set<number>();
  for (let position = 0; position <= codes.length; position += 1) {
    // Every position may begin a match.
    const pending = [0, ...current];
    current = new Set();
    const next = new Set<number>();
    const code = codes[position];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (current.has(index)) continue;
      current.add(index);
      const instruction = program[index];
      if (instruction === undefined) continue;
      if (instruction.op === 'match') return true;
      if (instruction.op === 'fork') pending.push(instruction.first, instruction.second);
      else if (instruction.op === 'set') {
        if (code !== undefined && instruction.holds(code)) next.add(index + 1);
      } else if (instruction.op === 'start' ? position === 0 : position === codes.length) {
        pending.push(index + 1);
      }
    }
    current = next;
  }
  return false;
}

/** Throws `invalid` for an expression outside the subset or too large. */
export function createPattern(text: string): Pattern {
  if (text.length > MAX_LENGTH) {
    throw invalid(`the regular expression exceeds ${MAX_LENGTH} characters`, 'regexp');
  }
  const tree = parse(text);
  const program = compile(tree);
  return { matches: (subject) => run(program, subject), postgres: toPostgres(tree) };
}
