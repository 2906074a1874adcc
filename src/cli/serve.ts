/** `holdfast serve`: runs until a signal ends it. */

import { setTimeout as delay } from 'node:timers/promises';
import { createLog } from '../app/log.ts';
import { startApp } from '../app.ts';
import { loadServeConfig } from '../config/config.ts';
import { type CommandContext, configInput } from './command-context.ts';
import { flagsOf, type ParsedOptions, wantsJson } from './command-options.ts';
import { EXIT_FAILED } from './exit.ts';
import { programVersion } from './version.ts';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Service managers kill after 30 s; better to end by ourselves, and say so. */
const STOP_WITHIN_MS = 25_000;

export async function serve(context: CommandContext, options: ParsedOptions): Promise<void> {
  const { clock, random } = context;
  const config = loadServeConfig(configInput(context, flagsOf(options)));
  const log = createLog(config.logLevel);
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a defect of the program, please report it');
    process.exit(EXIT_FAILED);
  });
  const version = programVersion(context.programDirectory);
  const app = await startApp({ config, clock, random, log, version });
  // Whoever reads the next line may send a signal at once.
  process.on('SIGHUP', app.reload);
  const stopped = new Promise<string>((resolve) => {
    for (const name of STOP_SIGNALS) process.once(name, () => resolve(name));
  });
  context.print(
    wantsJson(options) ? JSON.stringify({ listening: app.origin }) : `listening on ${app.origin}`,
  );
  if (app.firstRunLink !== undefined) {
    context.note(
      `\nThis installation is new. Set it up in a browser, within a day:\n\n  ${app.firstRunLink}\n`,
    );
  }

  const signal = await stopped;
  log.info({ signal }, 'stopping');
  // Asked twice: whoever does is in a hurry.
  for (const name of STOP_SIGNALS) process.once(name, () => process.exit(EXIT_FAILED));
  const closed = await Promise.race([
    app.close().then(() => true),
    delay(STOP_WITHIN_MS, false, { ref: false }),
  ]);
  if (!closed) {
    log.error('some requests did not end in time');
    process.exit(EXIT_FAILED);
  }
  log.info('stopped');
}
