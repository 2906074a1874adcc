/** What every command is given: its surroundings, injected so that tests can run commands in-process. */
import type { ConfigInput } from '../config/config.ts';
import type { Environment, Flags } from '../config/sources.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';

export interface CommandContext {
  readonly environment: Environment;
  readonly programDirectory: string;
  readonly clock: Clock;
  readonly random: Random;
  /** One line to stdout. */
  print(line: string): void;
  /** One line to stderr. */
  note(line: string): void;
}

export const configInput = (context: CommandContext, flags: Flags): ConfigInput => ({
  flags,
  environment: context.environment,
  programDirectory: context.programDirectory,
});
