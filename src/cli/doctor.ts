/** `holdfast doctor`. */
import { examine } from '../app/doctor.ts';
import { loadServeConfig } from '../config/config.ts';
import { type CommandContext, configInput } from './command-context.ts';
import { flagsOf, type ParsedOptions, wantsJson } from './command-options.ts';
import { CommandError } from './exit.ts';

const MARKS = { ok: 'ok     ', warning: 'warning', failure: 'FAILURE' } as const;
const CHECK_WIDTH = 16;

export async function doctor(context: CommandContext, options: ParsedOptions): Promise<void> {
  const config = loadServeConfig(configInput(context, flagsOf(options)));
  const findings = await examine({ config, clock: context.clock, random: context.random });
  const failures = findings.filter(({ state }) => state === 'failure');
  if (wantsJson(options)) context.print(JSON.stringify({ healthy: failures.length === 0, findings }));
  else {
    for (const { check, state, says } of findings)
      context.print(`${MARKS[state]}  ${check.padEnd(CHECK_WIDTH)} ${says}`);
  }
  const [first] = failures;
  if (first !== undefined) throw new CommandError(`${first.check}: ${first.says}`);
}
