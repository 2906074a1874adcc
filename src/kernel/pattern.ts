/**
 * Regular expressions from outside: a subset without back-references and look-around, matched in time linear in the text,
 * so that no expression can keep the program busy. Both databases give the same answers: SQLite calls `matches`,
 * PostgreSQL gets `postgres`, the same expression spelled without anything that depends on its settings.
 *
 * Syntax: literals, `.`, classes `[a-z]` and `[^…]`, `\d \w \s` and their capitals, groups `(…)` and `(?:…)`, `|`,
 * `* + ? {m} {m,} {m,n}` (lazy or not), `^`, `$`, and a backslash before anything else that is no letter or digit.
 */
import { invalid } from './errors.ts';
import { compile, run } from './pattern-program.ts';
import { complement, parse, type Tree } from './pattern-tree.ts';

const MAX_LENGTH = 500;

export interface Pattern {
  /** Whether some part of the text matches. */
  matches(text: string): boolean;
  /** The same expression for PostgreSQL's `~`. */
  readonly postgres: string;
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

/** Throws `invalid` for an expression outside the subset or too large. */
export function createPattern(text: string): Pattern {
  if (text.length > MAX_LENGTH) {
    throw invalid(`the regular expression exceeds ${MAX_LENGTH} characters`, 'regexp');
  }
  const tree = parse(text);
  const program = compile(tree);
  return { matches: (subject) => run(program, subject), postgres: toPostgres(tree) };
}
