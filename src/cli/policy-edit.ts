/** `holdfast policy show|set|remove`: the saved policy file, and changes of one value that leave every other byte alone. */
import type { Actor } from '../domain/access/actor.ts';
import { permissionsOfRole } from '../domain/access/permissions.ts';
import type { PolicyVersion } from '../domain/model/configuration.ts';
import {
  createPolicyFileService,
  type PolicyFileService,
  refuseProblem,
} from '../domain/policy-file/policy-file-service.ts';
import { createPolicyChecker } from '../effective-policy/policy-checker.ts';
import { AppError } from '../kernel/errors.ts';
import {
  type ExactValue,
  HujsonError,
  PathError,
  parse,
  pathOf,
  removeValue,
  setValue,
  toExactValue,
} from '../kernel/hujson/index.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError, UsageError } from './exit.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';

async function withPolicyFile<T>(
  context: CommandContext,
  options: ParsedOptions,
  command: string,
  work: (files: PolicyFileService, actor: Actor) => Promise<T>,
): Promise<T> {
  return withInstallation(context, options, async ({ store }) => {
    const organization = await organizationByLabel(store, textOption(options, 'org') ?? '');
    const files = createPolicyFileService({
      store,
      checker: createPolicyChecker({ store, clock: context.clock }),
    });
    return work(files, {
      kind: 'system',
      org: organization.id,
      name: `holdfast policy ${command}`,
      permissions: permissionsOfRole('owner'),
    });
  });
}

/** Printing a line ends it; a file that ends with one would get a second. */
const printText = (context: CommandContext, text: string): void => context.print(text.replace(/\n$/u, ''));

const jsonOf = ({ version, etag, text }: Pick<PolicyVersion, 'version' | 'etag' | 'text'>): string =>
  JSON.stringify({ version, etag, text });

/** The file as it was saved, comments included. */
export async function policyShow(context: CommandContext, options: ParsedOptions): Promise<void> {
  const file = await withPolicyFile(context, options, 'show', (files, actor) => files.read(actor));
  if (wantsJson(options)) context.print(jsonOf(file));
  else printText(context, file.text);
}

/** Sentences for what a person at a prompt can put right; everything else passes. */
function toSentence(error: unknown): unknown {
  if (error instanceof PathError) {
    return new CommandError(`${error.message}; "holdfast policy show" prints the file`);
  }
  if (!(error instanceof AppError)) return error;
  if (error.code === 'stale') {
    return new CommandError('somebody saved the policy file meanwhile: look at it, and run this again');
  }
  if (error.code !== 'policy_invalid') return error;
  return new CommandError(`${sentences(error)}; nothing has been saved`);
}

interface Told {
  readonly place?: { readonly line: number; readonly column: number };
  readonly findings?: readonly { readonly user: string; readonly errors: readonly string[] }[];
}

function sentences(error: AppError): string {
  const { place, findings = [] } = (error.details ?? {}) as Told;
  const where = place === undefined ? '' : `line ${place.line}, column ${place.column}: `;
  const message = error.message.startsWith(where) ? error.message : where + error.message;
  const failures = findings.flatMap(({ user, errors }) => errors.map((text) => `${user}: ${text}`));
  return [message, ...failures].join('; ');
}

async function change(
  context: CommandContext,
  options: ParsedOptions,
  command: string,
  edit: (text: string) => string,
): Promise<void> {
  const dry = options.dryRun === true;
  const saved = await withPolicyFile(context, options, command, async (files, actor) => {
    try {
      const before = await files.read(actor);
      const text = edit(before.text);
      if (dry) {
        refuseProblem((await files.validate(actor, text)).problem);
        return { ...before, text };
      }
      return await files.replace(actor, text, { kind: 'etag', etag: before.etag }, 'cli');
    } catch (error) {
      throw toSentence(error);
    }
  });
  if (wantsJson(options)) context.print(dry ? JSON.stringify({ text: saved.text }) : jsonOf(saved));
  else if (dry) printText(context, saved.text);
  else context.print(`Version ${saved.version} of the policy file is in force.`);
}

function writtenValue(text: string): ExactValue {
  try {
    return toExactValue(parse(text));
  } catch (error) {
    if (!(error instanceof HujsonError)) throw error;
    throw new UsageError(`VALUE is no JSON (${error.message}): texts need quotes, as in '"tag:web"'`);
  }
}

export const policySet = (
  context: CommandContext,
  pointer: string,
  value: string,
  options: ParsedOptions,
): Promise<void> =>
  change(context, options, 'set', (text) => setValue(text, pathOf(pointer), writtenValue(value)));

export const policyRemove = (
  context: CommandContext,
  pointer: string,
  options: ParsedOptions,
): Promise<void> => change(context, options, 'remove', (text) => removeValue(text, pathOf(pointer)));
