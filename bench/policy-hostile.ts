/** How long the policy engine is kept busy by a hundred kilobytes: node bench/policy-hostile.ts [part of a name] */
import {
  createPolicyEngine,
  EMPTY_CONTEXT,
  PolicyError,
  parsePolicy,
  policyWarnings,
  runSshTests,
  runTests,
  validatePolicy,
} from '../src/policy/index.ts';
import { hostileShapes } from './policy-shapes.ts';

const DEADLINE = 100;
const RUNS = 5;

function compile(text: string): boolean {
  try {
    const policy = parsePolicy(text);
    validatePolicy(policy, EMPTY_CONTEXT);
    policyWarnings(policy, EMPTY_CONTEXT);
    const { core } = createPolicyEngine({ policy });
    runTests(core);
    runSshTests(core);
    return true;
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    if (process.env.SHOW) console.log('      ', error.message.slice(0, 100));
    return false;
  }
}

function processorTime(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const shapes = hostileShapes().filter(({ name }) => name.includes(process.argv[2] ?? ''));
const wrong = new Set<string>();
const rows = shapes.map((shape) => {
  if (process.env.SHOW) console.error(shape.name);
  const time = (): number =>
    processorTime(() => {
      if (compile(shape.text) !== shape.compiles) wrong.add(shape.name);
    });
  const first = time();
  const rest = Array.from({ length: first > 10 * DEADLINE ? 1 : RUNS }, time);
  const median = rest.sort((a, b) => a - b)[rest.length >> 1] ?? 0;
  return { ...shape, first, median };
});
rows.sort((a, b) => b.median - a.median);
for (const { name, text, first, median } of rows) {
  console.log(
    `${name.padEnd(60)} ${String(text.length).padStart(7)} ${median.toFixed(1).padStart(8)} ms  ${first.toFixed(1).padStart(8)} ${median > DEADLINE ? '  OVER' : ''}`,
  );
}
console.log('wrong outcome:', [...wrong]);
