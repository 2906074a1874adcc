/** `holdfast backup FILE`. */
import { backUp } from '../app/backup.ts';
import { loadInstallationConfig } from '../config/config.ts';
import { type CommandContext, configInput } from './command-context.ts';
import { flagsOf, type ParsedOptions, wantsJson } from './command-options.ts';
import { createProgress } from './progress.ts';
import { programVersion } from './version.ts';

export async function backup(context: CommandContext, file: string, options: ParsedOptions): Promise<void> {
  const { clock } = context;
  const config = loadInstallationConfig(configInput(context, flagsOf(options)));
  const progress = createProgress(process.stderr, clock.now);
  const summary = await backUp({
    config,
    file,
    program: programVersion(context.programDirectory),
    clock,
    onProgress: (table, rows) => progress.show(`backing up: ${rows} rows, at ${table}`),
  }).finally(progress.end);
  if (wantsJson(options)) context.print(JSON.stringify({ file, ...summary }));
  else
    context.print(`${file}: ${summary.rows} rows of ${summary.tables} tables; keep it secret, it holds keys`);
}
