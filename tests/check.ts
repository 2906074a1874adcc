// The static checks: types, format and lint, and the arrows between the layers. `npm run check` runs them alone.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = path.dirname(import.meta.dirname);

interface Check {
  readonly name: string;
  /** Script in node_modules, and its arguments. */
  readonly command: readonly [script: string, ...args: string[]];
  /** Must be in the output, where a tool that looked at nothing would be content as well. */
  readonly proof?: RegExp;
}

export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly output: string;
  readonly milliseconds: number;
}

// The native compiler checks the types; dependency-cruiser reads TypeScript through the API that only the older one has,
// and would cruise nothing at all without it.
const CHECKS: readonly Check[] = [
  { name: 'types (tsc)', command: ['typescript7/bin/tsc', '--noEmit'] },
  { name: 'format and lint (biome)', command: ['@biomejs/biome/bin/biome', 'check', '.'] },
  {
    name: 'arrows between layers (dependency-cruiser)',
    command: ['dependency-cruiser/bin/dependency-cruiser.mjs', '--config', '.dependency-cruiser.mjs', 'src'],
    proof: /\b[1-9]\d* modules/,
  },
  { name: 'files and exports that nobody uses (knip)', command: ['knip/bin/knip.js', '--no-progress'] },
];

/** Runs all static checks one after the other; `report` is told of each as it ends. */
export async function runChecks(report: (result: CheckResult) => void): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of CHECKS) {
    const result = await runCheck(check);
    report(result);
    results.push(result);
  }
  return results;
}

function runCheck({ name, command: [script, ...args], proof }: Check): Promise<CheckResult> {
  const begin = performance.now();
  const child = spawn(process.execPath, [path.join(ROOT, 'node_modules', script), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve) => {
    const end = (passed: boolean) =>
      resolve({ name, passed, output, milliseconds: Math.round(performance.now() - begin) });
    child.on('error', (error) => {
      output += error.message;
      end(false);
    });
    child.on('close', (code) => end(code === 0 && (proof?.test(output) ?? true)));
  });
}

/** One line for a result, followed by the tool's own words when it failed. */
export function describeCheck({ name, passed, output, milliseconds }: CheckResult): string {
  const line = `${passed ? '✓' : '✗'} ${name} (${milliseconds} ms)`;
  return passed ? line : `${line}\n${output.trimEnd()}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const results = await runChecks((result) => console.log(describeCheck(result)));
  process.exitCode = results.every((result) => result.passed) ? 0 : 1;
}
