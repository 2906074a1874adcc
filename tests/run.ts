// `npm test`: the static checks, then every test. Options: `--long` runs the long variants (more rounds, more devices);
// anything else filters test files by path, which leaves the static checks out.
import { parseArgs } from 'node:util';
import { startVitest } from 'vitest/node';
import { describeCheck, runChecks } from './check.ts';
import { add, describeSkipped, nothing, type Tally, tally } from './support/tally.ts';

const { values: options, positionals: filters } = parseArgs({
  options: { long: { type: 'boolean', default: false } },
  allowPositionals: true,
});
if (options.long) process.env.HOLDFAST_LONG = '1';

const checks = filters.length === 0 ? await checkTree() : nothing;
const tests = await runTests();
const total = add(checks, tests);

const ran = total.passed + total.failed;
if (ran === 0) console.log('No test ran.');
process.exitCode = total.failed > 0 || ran === 0 ? 1 : 0;
for (const line of describeSkipped(total)) console.log(line);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);

async function checkTree(): Promise<Tally> {
  const results = await runChecks((result) => console.log(describeCheck(result)));
  const passed = results.filter((result) => result.passed).length;
  return { passed, failed: results.length - passed, skipped: [] };
}

async function runTests(): Promise<Tally> {
  const vitest = await startVitest('test', filters, { run: true, watch: false });
  const result = tally(vitest.state.getTestModules(), vitest.state.getUnhandledErrors().length);
  await vitest.close();
  return result;
}
