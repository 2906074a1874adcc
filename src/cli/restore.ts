/** `holdfast restore FILE`. */
import { restore } from '../app/restore.ts';
import { loadInstallationConfig } from '../config/config.ts';
import { type CommandContext, configInput } from './command-context.ts';
import { flagsOf, type ParsedOptions, wantsJson } from './command-options.ts';
import { createProgress } from './progress.ts';

export async function restoreBackup(
  context: CommandContext,
  file: string,
  options: ParsedOptions,
): Promise<void> {
  const { clock } = context;
  const config = loadInstallationConfig(configInput(context, flagsOf(options)));
  const progress = createProgress(process.stderr, clock.now);
  const summary = await restore({
    config,
    file,
    clock,
    onProgress: (what, rows) => progress.show(`restoring: ${rows} rows, at ${what}`),
  }).finally(progress.end);
  if (wantsJson(options)) context.print(JSON.stringify({ file, ...summary }));
  else {
    const { rows, tables, auditEvents, chains } = summary;
    context.print(`restored and read back: ${rows} rows of ${tables} tables`);
    context.print(`the audit log is intact: ${auditEvents} events in ${chains} chains`);
  }
}
