/** `holdfast serve`: runs until a signal ends it. */

import { createLog } from '../app/log.ts';
import { startApp } from '../app.ts';
import { loadServeConfig } from '../config/config.ts';
import { type CommandContext, configInput } from './command-context.ts';
import { flagsOf, type ParsedOptions, wantsJson } from './command-options.ts';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export async function serve(context: CommandContext, options: ParsedOptions): Promise<void> {
  const config = loadServeConfig(configInput(context, flagsOf(options)));
  const log = createLog(config.logLevel);
  const app = await startApp({ config, clock: context.clock, random: context.random, log });
  context.print(
    wantsJson(options) ? JSON.stringify({ listening: app.origin }) : `listening on ${app.origin}`,
  );

  const signal = await new Promise<string>((resolve) => {
    for (const name of STOP_SIGNALS) process.once(name, () => resolve(name));
  });
  log.info({ signal }, 'stopping');
  await app.close();
  log.info('stopped');
}
