// Counts what a vitest run did, for the closing line of `npm test`.
import type { TestCase, TestModule, TestSuite } from 'vitest/node';

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly Skipped[];
}

export interface Skipped {
  readonly file: string;
  readonly name: string;
  readonly reason: string;
}

const NO_REASON = 'no reason given';

export const nothing: Tally = { passed: 0, failed: 0, skipped: [] };

export function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: [...a.skipped, ...b.skipped],
  };
}

/**
 * A file that does not load, a set-up or tear-down that fails and an error outside every test count as one failure each:
 * they would otherwise only show as tests that did not run.
 */
export function tally(modules: readonly TestModule[], unhandledErrors: number): Tally {
  let passed = 0;
  let failed = unhandledErrors;
  const skipped: Skipped[] = [];
  for (const module of modules) {
    failed += module.errors().length;
    for (const suite of module.children.allSuites()) failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') passed += 1;
      else if (state === 'failed') failed += 1;
      else skipped.push({ file: module.relativeModuleId, name: test.fullName, reason: skipReason(test) });
    }
  }
  return { passed, failed, skipped };
}

/** The note of `ctx.skip(note)`, else the reason that `unless` (requirements.ts) left on the test or a suite around it. */
function skipReason(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  let task: TestCase | TestSuite | TestModule = test;
  while (task.type !== 'module') {
    const reason = task.meta().skipReason;
    if (reason !== undefined) return reason;
    task = task.parent;
  }
  return NO_REASON;
}

/** One line for each reason in each file, with the number of tests it kept from running. */
export function describeSkipped({ skipped }: Tally): string[] {
  const groups = Map.groupBy(skipped, ({ file, reason }) => `${file}: ${reason}`);
  return [...groups].map(([group, tests]) => `skipped ${tests.length} in ${group}`);
}
