/** `holdfast policy explain`: whether one thing may reach another, and why. */

import { loadAccessHistory } from '../effective-policy/access-history.ts';
import { accessQuestion, hasPorts, PROTOCOLS } from '../effective-policy/access-question.ts';
import {
  type AccessExplanation,
  answeredAccess,
  type NamedRule,
  type NamedVerdict,
} from '../effective-policy/explain-access.ts';
import { loadOrganizationPolicy } from '../effective-policy/organization-policy.ts';
import { AppError } from '../kernel/errors.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError, UsageError } from './exit.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';
import { printable } from './printable.ts';

const LACKS = {
  source: 'does not name the source',
  'source-wildcard': 'says *, which stands for ordinary devices and approved routes, and not for the source',
  posture: 'asks for a posture that the source does not have',
  destination: 'does not name the destination',
  'destination-wildcard':
    'says *, which covers no resources of networks, no plain clients, and no devices of connectors and service keys',
  'protocol-or-port': 'does not open this protocol and port',
  carrier: 'names the destination, which is reached through another device',
} as const;

/** How an access that is others' is closed to a person. */
function closed({ closedTo, ended, request }: NamedRule): string {
  const state = {
    locked: `has been locked for ${closedTo} since ${ended?.at}`,
    'time-over': `was open to ${closedTo} until ${ended?.at}`,
    expired: '',
    none: `is closed to ${closedTo} now`,
  }[ended?.how ?? 'none'];
  if (request === null) {
    const also = ended?.how === 'time-over' ? ' and is closed' : '';
    return `${state},${also} until access is asked for and given`;
  }
  const asked = `the request of ${request.requestedAt}`;
  const answer = {
    pending: `${asked} waits for an answer`,
    rejected: `${asked} was rejected`,
    unanswered: `${asked} was never answered`,
  }[request.status];
  return `${state}, and ${answer}`;
}

function lackText(rule: NamedRule, lack: NamedRule['lacks'][number], protocol: number): string {
  if (lack === 'protocol-or-port' && !hasPorts(protocol)) return 'does not open this protocol';
  if (lack === 'time') return `expired at ${rule.ended?.at}`;
  return lack === 'source' && rule.closedTo !== null ? closed(rule) : LACKS[lack];
}

function ruleLine(rule: NamedRule, protocol: number): string {
  // A posture goes last, since its conditions follow.
  const lacks = [...rule.lacks].sort((a, b) => Number(a === 'posture') - Number(b === 'posture'));
  const why = lacks.map((lack) => lackText(rule, lack, protocol)).join(', and ');
  // What fails, where something does: else what it depends on.
  const isLacking = rule.lacks.includes('posture');
  const posture = rule.posture
    .filter(({ holds }) => !isLacking || !holds)
    .map(({ condition, actual }) => `${condition} (it is ${actual ?? 'not set'})`)
    .join(', ');
  const over = rule.ports === '' ? '' : ` over ${rule.ports}`;
  const sources = rule.sources === '' ? 'nobody' : rule.sources;
  const lacking = why === '' ? '' : `; it ${why}`;
  const given = posture === '' ? '' : isLacking ? `: ${posture}` : `; given ${posture}`;
  return `${rule.rule}: ${sources} to ${rule.destinations}${over}${lacking}${given}`;
}

/** `on port 443`, `on udp port 53`, `by icmp`. */
function traffic({ protocol, port }: AccessExplanation): string {
  const [name] = [...PROTOCOLS].find(([, number]) => number === protocol) ?? [`protocol ${protocol}`];
  if (!hasPorts(protocol)) return `by ${name}`;
  return `on ${name === 'tcp' ? '' : `${name} `}port ${port}`;
}

function sshLine({ ssh, allowed }: NamedVerdict): string[] {
  if (ssh.length === 0) return [];
  // Whoever logs in as any user logs in as each of them.
  const isAny = (check: boolean): boolean => ssh.some((one) => one.login === '*' && one.check === check);
  const apart = ssh.filter(({ login, check }) => login === '*' || login === 'root' || !isAny(check));
  const logins = apart.map(
    ({ login, check }) =>
      `${login === '*' ? 'any user but root' : login}${check ? ' after a fresh sign-in' : ''}`,
  );
  return [`  SSH rules let it log in as ${logins.join(', ')}${allowed ? '' : ', once it gets there'}`];
}

function pathLine({ path, itself }: NamedVerdict): string[] {
  if (path === null || itself) return [];
  const through = path.route === null ? '' : `, which carries ${path.route}`;
  const network = path.network === null ? '' : ` of the network ${path.network}`;
  const chosen = path.exitNode ? ' for whoever chose it as the exit node' : '';
  return [`  taken by ${path.dns}${through}${network}${chosen} (${path.online ? 'online' : 'offline'})`];
}

interface Told {
  readonly sources: string[];
  readonly targets: string[];
  readonly allowed: boolean;
  readonly why: readonly string[];
  readonly ways: readonly string[];
}

function whyLines(answer: AccessExplanation, verdict: NamedVerdict): string[] {
  const rule = (one: NamedRule): string => ruleLine(one, answer.protocol);
  return [
    ...verdict.problems.map((problem) => `  ${problem}`),
    ...verdict.by.map((one) => `  ${verdict.allowed ? 'by' : 'else it might, by'} ${rule(one)}`),
    ...(verdict.more > 0 ? [`  and by ${verdict.more} more`] : []),
    ...verdict.closest.map((one) => `  closest: ${rule(one)}`),
    ...(verdict.by.length + verdict.closest.length + verdict.problems.length === 0
      ? ['  no rule lets anything pass between them']
      : []),
    ...sshLine(verdict),
    ...(verdict.allowed && verdict.decidedAlsoBy !== null
      ? [`  as far as this organization decides: ${verdict.decidedAlsoBy} decides about its own device`]
      : []),
  ];
}

/** Verdicts that differ in one side alone, together: first those of several sources, then those to several targets. */
function together(verdicts: readonly Told[]): Told[] {
  const join = (
    some: readonly Told[],
    side: 'sources' | 'targets',
    sameBy: (one: Told) => unknown,
  ): Told[] => {
    const groups = new Map<string, Told>();
    for (const one of some) {
      const key = JSON.stringify([one.allowed, one.why, sameBy(one)]);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { ...one, [side]: [...one[side]] });
      else {
        group[side].push(...one[side]);
        groups.set(key, { ...group, ways: [...new Set([...group.ways, ...one.ways])] });
      }
    }
    return [...groups.values()];
  };
  const bySource = join(verdicts, 'sources', ({ targets, ways }) => [targets, ways]);
  return join(bySource, 'targets', ({ sources }) => sources);
}

function itselfLine({ source, target, path }: NamedVerdict): string {
  const how =
    path?.route == null ? `is ${target} itself` : `leads to ${target} itself, by its route ${path.route}`;
  return `${source} ${how}: the network is not asked`;
}

function verdictLines(answer: AccessExplanation): string[] {
  const asked = answer.verdicts.filter(({ itself }) => !itself);
  const told = together(
    asked.map((verdict) => ({
      ...{ sources: [verdict.source], targets: [verdict.target], allowed: verdict.allowed },
      ...{ why: whyLines(answer, verdict), ways: pathLine(verdict) },
    })),
  );
  const away = new Set(
    answer.source.devices.filter(({ online }) => online === false).map(({ name }) => name),
  );
  return [
    ...answer.verdicts.filter(({ itself }) => itself).map(itselfLine),
    ...told.flatMap(({ sources, targets, allowed, why, ways }) => {
      const offline = sources.filter((name) => away.has(name));
      return [
        `${sources.join(', ')} may ${allowed ? '' : 'NOT '}reach ${targets.join(', ')} ${traffic(answer)}`,
        ...why,
        ...ways,
        ...(offline.length === 0
          ? []
          : [`  ${offline.join(', ')} ${offline.length === 1 ? 'is' : 'are'} offline`]),
      ];
    }),
  ];
}

function lines(answer: AccessExplanation): string[] {
  const out: string[] = [];
  const isTold = (text: string): boolean => answer.verdicts.some(({ problems }) => problems.includes(text));
  for (const side of [answer.source, answer.target]) {
    if (side.problem !== null && !isTold(side.problem.text)) out.push(`${side.asked}: ${side.problem.text}`);
    if (side.more > 0)
      out.push(`${side.asked}: ${side.more} more devices are not looked at: ask about one of them`);
  }
  return [...out, ...verdictLines(answer)];
}

/** What is wrong with the question, in the words of the command. */
async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError) || !FIELDS.has(error.field)) throw error;
    const sentence = `--${error.field} ${printable(error.message)}; correct it`;
    throw error.code === 'invalid' ? new UsageError(sentence) : new CommandError(sentence);
  }
}
const FIELDS: ReadonlySet<string | undefined> = new Set(['src', 'dst', 'proto']);

export async function policyExplain(context: CommandContext, options: ParsedOptions): Promise<void> {
  const text = (name: string): string => textOption(options, name) ?? '';
  const answer = await asked(async () => {
    const question = accessQuestion({
      src: text('src'),
      dst: text('dst'),
      proto: textOption(options, 'proto'),
    });
    return withInstallation(context, options, async ({ store }) => {
      const organization = await organizationByLabel(store, text('org'));
      const loaded = await loadOrganizationPolicy(store, context.clock, organization);
      const history = await loadAccessHistory(store, organization.id, context.clock.now());
      return answeredAccess(loaded, question, history);
    });
  });
  if (wantsJson(options)) context.print(JSON.stringify(answer));
  else for (const line of lines(answer)) context.print(printable(line));
}
