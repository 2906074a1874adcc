/** What decides whether a policy file may be saved. The engine implements it; until one is plugged in, nothing opens. */
import { parseValue } from '../../kernel/hujson/index.ts';
import { canonicalJson } from '../../kernel/json.ts';
import { DEFAULT_POLICY } from './default-policy.ts';

/** The tests of a file that failed, or hints, by the source that a test names. */
export interface PolicyFinding {
  readonly user: string;
  readonly errors: readonly string[];
  readonly warnings?: readonly string[];
}

export interface PolicyProblem {
  /** Written for the person who made the file. */
  readonly message: string;
  readonly findings?: readonly PolicyFinding[];
}

export interface PolicyReport {
  /** Why the file is refused; null when it may be saved. */
  readonly problem: PolicyProblem | null;
  readonly warnings: readonly PolicyFinding[];
  /** The file may be right, and this program cannot enforce it: it must not be saved. */
  readonly unsupported?: boolean;
}

export interface PolicyMatch {
  readonly users: readonly string[];
  readonly ports: readonly string[];
  readonly lineNumber: number;
  readonly via?: readonly string[];
  readonly postures?: readonly string[];
}

export interface PolicyPreview {
  readonly problem: PolicyProblem | null;
  readonly matches: readonly PolicyMatch[];
}

export interface PolicyChecker {
  /** Syntax, names, rules and the file's own tests. The text is valid HuJSON. */
  check(text: string, context: { readonly org: number }): Promise<PolicyReport>;
  /** Runs tests (a list, in the form of the file's section) against a file. */
  runTests?(
    text: string,
    tests: readonly unknown[],
    context: { readonly org: number },
  ): Promise<PolicyReport>;
  /** The rules of a file that a person, or an address and port, is part of. */
  preview?(
    text: string,
    subject: { readonly type: 'user' | 'ipport'; readonly of: string },
    context: { readonly org: number },
  ): Promise<PolicyPreview>;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** The file's sections by lower-case name. */
export function sectionsOf(text: string): ReadonlyMap<string, unknown> {
  const value: unknown = parseValue(text);
  if (!isObject(value)) return new Map();
  return new Map(Object.entries(value).map(([name, section]) => [name.toLowerCase(), section]));
}

/** Rules that let everything through, in each of the forms that the language has for it. */
const ALLOW_ALL: ReadonlySet<string> = new Set(
  [
    { action: 'accept', src: ['*'], dst: ['*:*'] },
    { action: 'accept', users: ['*'], ports: ['*:*'] },
    { src: ['*'], dst: ['*'], ip: ['*'] },
  ].map(canonicalJson),
);
const RULE_SECTIONS = new Set(['acls', 'grants']);
/** Sections that name things and open nothing by themselves. */
const NAMING_SECTIONS = new Set(['tagowners', 'groups']);

/** Lets only the default file and files that let everything through pass: for a program that has no policy engine. */
export function createAllowAllChecker(): PolicyChecker {
  const defaultSsh = canonicalJson(sectionsOf(DEFAULT_POLICY).get('ssh'));
  const isAllowAll = (text: string): boolean => {
    const sections = sectionsOf(text);
    let rules = 0;
    for (const [name, section] of sections) {
      if (NAMING_SECTIONS.has(name)) continue;
      if (name === 'ssh' && canonicalJson(section) === defaultSsh) continue;
      if (!RULE_SECTIONS.has(name) || !Array.isArray(section)) return false;
      for (const rule of section) {
        const folded = isObject(rule)
          ? Object.fromEntries(Object.entries(rule).map(([key, value]) => [key.toLowerCase(), value]))
          : rule;
        if (!ALLOW_ALL.has(canonicalJson(folded))) return false;
        rules += 1;
      }
    }
    return rules > 0;
  };
  return {
    check: async (text) =>
      isAllowAll(text)
        ? { problem: null, warnings: [] }
        : {
            problem: {
              message: 'only the default policy file and one that allows everything can be enforced',
            },
            warnings: [],
            unsupported: true,
          },
  };
}
