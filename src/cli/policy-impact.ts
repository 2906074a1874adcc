/** `holdfast policy impact`: what saving a file would open and close, on the devices that there are. */
import { readFile } from 'node:fs/promises';
import { loadOrganizationPolicy } from '../effective-policy/organization-policy.ts';
import { type NamedImpact, policyImpact } from '../effective-policy/policy-impact.ts';
import { PolicyError, placedMessage } from '../policy/index.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError } from './exit.ts';
import { flowTexts } from './flow-texts.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';
import { printable } from './printable.ts';

/** Names of a group that are written out; the rest is counted. */
const MAX_NAMES = 6;

const listed = (names: readonly string[]): string =>
  names.length <= MAX_NAMES
    ? names.join(', ')
    : `${names.slice(0, MAX_NAMES).join(', ')} and ${names.length - MAX_NAMES} more`;

type Ssh = NamedImpact['ssh'][number];

/** Destinations together to which the same logins come and go. */
function sshGroups(ssh: readonly Ssh[]): (Omit<Ssh, 'target'> & { readonly targets: string[] })[] {
  const groups = new Map<string, Omit<Ssh, 'target'> & { readonly targets: string[] }>();
  for (const { target, opens, closes } of ssh) {
    const key = JSON.stringify([[...opens].sort(), [...closes].sort()]);
    const group = groups.get(key) ?? { targets: [], opens, closes };
    group.targets.push(target);
    groups.set(key, group);
  }
  return [...groups.values()];
}

const AS = ' as ';

/** `laptop as root` and `phone as root`: sources together that log in as the same. */
function loginTexts(logins: readonly string[]): string[] {
  const sources = new Map<string, string[]>();
  for (const text of logins) {
    const at = text.indexOf(AS);
    const login = text.slice(at + AS.length);
    const names = sources.get(login) ?? [];
    names.push(text.slice(0, at));
    sources.set(login, names);
  }
  return [...sources].map(([login, names]) => `${listed(names)} as ${login}`);
}

function lines(impact: NamedImpact): string[] {
  const out: string[] = [];
  const both = (what: string, opens: readonly string[], closes: readonly string[]): void => {
    out.push(what);
    for (const text of opens) out.push(`  + ${text}`);
    for (const text of closes) out.push(`  - ${text}`);
  };
  for (const { sources, targets, opens, closes } of impact.traffic) {
    both(`${listed(sources)} to ${listed(targets)}`, flowTexts(opens), flowTexts(closes));
  }
  for (const { viewers, carrier, opens, closes } of impact.routes) {
    both(`routes of ${carrier} for ${listed(viewers)}`, opens, closes);
  }
  for (const { targets, opens, closes } of sshGroups(impact.ssh)) {
    both(`SSH to ${listed(targets)}`, loginTexts(opens), loginTexts(closes));
  }
  if (out.length === 0) out.push('Nothing would open or close.');
  else out.push(`${impact.pairs} ordered pairs of devices would see a difference; nothing has been saved.`);
  return out;
}

export async function policyImpactCommand(
  context: CommandContext,
  file: string,
  options: ParsedOptions,
): Promise<void> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(`cannot read ${file}: ${(error as Error).message}; correct the name`);
  }
  const impact = await withInstallation(context, options, async ({ store }) => {
    const organization = await organizationByLabel(store, textOption(options, 'org') ?? '');
    const loaded = await loadOrganizationPolicy(store, context.clock, organization);
    try {
      return policyImpact(loaded, text);
    } catch (error) {
      if (error instanceof PolicyError) throw new CommandError(`${file}: ${placedMessage(error)}`);
      throw error;
    }
  });
  if (wantsJson(options)) context.print(JSON.stringify(impact));
  else for (const line of lines(impact)) context.print(printable(line));
}
