/** What decides whether a policy file may be saved, and what it would do. The policy engine stands behind it. */

/** Both count from 1; the column counts bytes of UTF-8. */
export interface PolicyPlace {
  readonly line: number;
  readonly column: number;
}

/** The tests of a file that failed, or hints, by the source that a test names. */
export interface PolicyFinding {
  readonly user: string;
  readonly errors: readonly string[];
  readonly warnings?: readonly string[];
  /** Of the test. */
  readonly place?: PolicyPlace;
}

export interface PolicyProblem {
  /** Written for the person who made the file. */
  readonly message: string;
  /** Of the value at fault, when one is. */
  readonly place?: PolicyPlace;
  readonly findings?: readonly PolicyFinding[];
}

export interface PolicyReport {
  /** Why the file is refused; null when it may be saved. */
  readonly problem: PolicyProblem | null;
  readonly warnings: readonly PolicyFinding[];
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
  /** Runs tests (the text of a list, in the form of the file's section) against a file. */
  runTests(text: string, tests: string, context: { readonly org: number }): Promise<PolicyReport>;
  /** The rules of a file that a person, or an address and port, is part of. */
  preview(
    text: string,
    subject: { readonly type: 'user' | 'ipport'; readonly of: string },
    context: { readonly org: number },
  ): Promise<PolicyPreview>;
}
