/** Settings as flags of a command. */
import { type Command, Option } from 'commander';
import { allOptions, fileKeyOf, type OptionName, optionNames } from '../config/options.ts';
import type { Flags } from '../config/sources.ts';

export type ParsedOptions = Readonly<Record<string, unknown>>;

/** Adds settings, `--config` and `--json` to a command. */
export function addSettings(command: Command, names: readonly OptionName[]): Command {
  for (const name of names) {
    const spec: { readonly value?: string; readonly help: string } = allOptions[name];
    if (spec.value !== undefined) command.option(`--${name} <${spec.value}>`, spec.help);
    else {
      command.option(`--${name}`, spec.help);
      // Only a switch that is on without being asked for needs its opposite shown.
      command.addOption(new Option(`--no-${name}`).hideHelp());
    }
  }
  return command
    .option(
      '--config <FILE>',
      'configuration file, JSON or HuJSON; default holdfast.json in the data directory',
    )
    .option('--json', 'print the result as JSON');
}

/** A command with its description, and the lines (without `holdfast`) that show how it is called at the end of its help. */
export const describeCommand = (command: Command, about: string, ...examples: readonly string[]): Command =>
  command
    .description(about)
    .addHelpText('after', ['', 'Examples:', ...examples.map((line) => `  holdfast ${line}`)].join('\n'));

/** What the command line said about settings. */
export function flagsOf(options: ParsedOptions): Flags {
  const flags: Partial<Record<OptionName | 'config', string | boolean>> = {};
  for (const name of [...optionNames, 'config'] as const) {
    const value = options[fileKeyOf(name)];
    if (typeof value === 'string' || typeof value === 'boolean') flags[name] = value;
  }
  return flags;
}

/** The value of an option that the command declares as text. */
export function textOption(options: ParsedOptions, name: string): string | undefined {
  const value = options[fileKeyOf(name)];
  return typeof value === 'string' ? value : undefined;
}

export const wantsJson = (options: ParsedOptions): boolean => options.json === true;
