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
const rows = shapes.map(({ name, text, compiles }) => {
  const time = (): number =>
    processorTime(() => {
      if (compile(text) !== compiles)
        throw new Error(`${name}: should be ${compiles ? 'compiled' : 'refused'}`);
    });
  const first = time();
  const times = Array.from({ length: RUNS }, time).sort((a, b) => a - b);
  return { name, first, median: times[RUNS >> 1] ?? 0 };
});
rows.sort((a, b) => b.median - a.median);
console.log(
  `${'processor time of a hundred kilobytes of'.padEnd(64)} ${'median'.padStart(9)} ${'first'.padStart(9)}`,
);
for (const { name, first, median } of rows) {
  const over = median > DEADLINE ? '  over' : '';
  console.log(
    `${name.padEnd(64)} ${median.toFixed(1).padStart(6)} ms ${first.toFixed(1).padStart(6)} ms${over}`,
  );
}
