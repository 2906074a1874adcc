/** `holdfast policy impact`: what saving a file would open and close, on the devices that there are. */
import { readFile } from 'node:fs/promises';
import type { NamedPlace } from '../effective-policy/named-places.ts';
import { loadOrganizationPolicy } from '../effective-policy/organization-policy.ts';
import { type NamedImpact, policyImpact } from '../effective-policy/policy-impact.ts';
import { PolicyError, placedMessage } from '../policy/index.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError } from './exit.ts';
import { flowTexts } from './flow-texts.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';
import { listed } from './listed.ts';
import { placeTexts } from './place-texts.ts';
import { printable } from './printable.ts';

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
    const told = targets.length === 1 ? targets[0] : undefined;
    // What is not for the destinations themselves goes through them.
    const way = [...opens, ...closes].some(({ own }) => own) ? 'to' : 'through';
    both(`${listed(sources)} ${way} ${listed(targets)}`, flowTexts(opens, told), flowTexts(closes, told));
  }
  for (const { viewers, carrier, opensPlaces, closesPlaces } of impact.routes) {
    both(
      `routes of ${carrier} for ${listed(viewers)}`,
      routeTexts(opensPlaces, carrier),
      routeTexts(closesPlaces, carrier),
    );
  }
  for (const one of impact.waiting) {
    const of = one.network === null ? '' : ` of ${one.network}`;
    const what = `resource ${one.resource}${of} (${one.address})`;
    if (one.opens.length > 0) both(`${listed(one.opens)} to ${what}`, [ONCE[one.for]], []);
    if (one.closes.length > 0) both(`${listed(one.closes)} to ${what}`, [], [ONCE[one.for]]);
  }
  for (const { targets, opens, closes } of sshGroups(impact.ssh)) {
    both(`SSH to ${listed(targets)}`, loginTexts(opens), loginTexts(closes));
  }
  for (const [key, found] of Map.groupBy(impact.capabilities, capabilityKey)) {
    const [capability, targets] = JSON.parse(key) as [string, string[]];
    const texts = (side: 'opens' | 'closes'): string[] =>
      found
        .filter((one) => one[side].length > 0)
        .map((one) => `${shortened(one.arguments)} for ${listed(one[side])}`);
    both(`capability ${capability} at ${listed(targets)}`, texts('opens'), texts('closes'));
  }
  for (const { devices, opens, closes } of impact.attributes) {
    both(`attributes of ${listed(devices)}`, opens.map(shortened), closes.map(shortened));
  }
  if (out.length === 0) return ['Nothing would open or close.'];
  const pairs = impact.pairs === 1 ? '1 ordered pair' : `${impact.pairs} ordered pairs`;
  out.push(
    impact.pairs === 0
      ? 'No packet between devices would fare differently; nothing has been saved.'
      : `${pairs} of devices would see a difference; nothing has been saved.`,
  );
  return out;
}

const capabilityKey = ({ capability, targets }: NamedImpact['capabilities'][number]): string =>
  JSON.stringify([capability, targets]);

/** Arguments are as long as their authors like. */
const MAX_SHOWN = 120;
const shortened = (text: string): string =>
  text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;

const ONCE = {
  address: 'as soon as a gateway has found an address of this name',
  gateway: 'as soon as the network has a gateway',
} as const;

/** One line for all, since they are as many as a network's resources. */
function routeTexts(places: readonly NamedPlace[], told: string): string[] {
  const texts = places.flatMap((place) =>
    place.kind === 'internet' ? ['the internet, as an exit node'] : placeTexts(place, told),
  );
  return texts.length === 0 ? [] : [listed(texts)];
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
