import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const execute = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** A project of its own with the real runner, so that what fails in it does not fail here. */
let project: string;
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'holdfast-runner-'));
  mkdirSync(path.join(project, 'tests', 'support'), { recursive: true });
  for (const entry of ['node_modules', 'package.json', 'tests/run.ts', 'tests/check.ts', 'bin']) {
    symlinkSync(path.join(ROOT, entry), path.join(project, entry));
  }
  for (const file of ['tally.ts', 'requirements.ts']) {
    symlinkSync(path.join(ROOT, 'tests', 'support', file), path.join(project, 'tests', 'support', file));
  }
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

async function runOn(files: Record<string, string>): Promise<{ code: number; lines: string[] }> {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(project, 'tests', name), text);
  const command = ['--preserve-symlinks', '--preserve-symlinks-main', 'tests/run.ts', 'tests/'];
  const env = { ...process.env, CI: '', NO_COLOR: '1' };
  try {
    const { stdout } = await execute(process.execPath, command, { cwd: project, env });
    return { code: 0, lines: stdout.trim().split('\n') };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, lines: stdout.trim().split('\n') };
  }
}

test('the closing line counts, and skipped tests are told with their reason', async () => {
  const { code, lines } = await runOn({
    'a.test.ts': `
      import { describe, test } from 'vitest';
      import { unless } from './support/requirements.ts';
      test('passes', () => {});
      test('skips itself', (context) => context.skip('not today'));
      describe('needs', unless('no tunnel device'), () => { test('one', () => {}); test('two', () => {}); });`,
  });
  expect(lines.slice(-3)).toEqual([
    'skipped 1 in tests/a.test.ts: not today',
    'skipped 2 in tests/a.test.ts: no tunnel device',
    '1 passed, 0 failed, 3 skipped',
  ]);
  expect(code).toBe(0);
});

test('a file that does not load, a failing set-up and an error outside every test are failures', async () => {
  const { code, lines } = await runOn({
    'load.test.ts': `import './missing.ts';`,
    'set-up.test.ts': `
      import { beforeAll, describe, test } from 'vitest';
      describe('broken', () => { beforeAll(() => { throw new Error('no'); }); test('never runs', () => {}); });`,
    'late.test.ts': `
      import { test } from 'vitest';
      test('passes', async () => {
        setTimeout(() => { throw new Error('late'); }, 1);
        await new Promise((resolve) => setTimeout(resolve, 50));
      });`,
  });
  expect(lines.at(-1)).toBe('1 passed, 3 failed, 1 skipped');
  expect(code).toBe(1);
});

test('a run in which no test ran is a failure', async () => {
  const { code, lines } = await runOn({
    'a.test.ts': `import { test } from 'vitest'; test.skip('one', () => {});`,
  });
  expect(lines.at(-1)).toBe('0 passed, 0 failed, 1 skipped');
  expect(code).toBe(1);
});
