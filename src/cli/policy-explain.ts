/** `holdfast policy explain`: whether one thing may reach another, and why. */
import {
  type AccessExplanation,
  explainAccess,
  type NamedRule,
  type NamedVerdict,
} from '../effective-policy/explain-access.ts';
import { loadOrganizationPolicy } from '../effective-policy/organization-policy.ts';
import { parseAddr } from '../kernel/netip/index.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError } from './exit.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, sctp: 132 };
const WITHOUT_PORTS = [PROTOCOLS.icmp];
const MAX_PORT = 65_535;

/** `web:443`, `[fd7a::1]:443`: the port stands behind the last colon. ICMP has none, and needs none here. */
function targetOf(text: string, protocol: number): { readonly target: string; readonly port: number } {
  const isWhole =
    WITHOUT_PORTS.includes(protocol) && (!/:\d{1,5}$/u.test(text) || parseAddr(text) !== undefined);
  if (isWhole) return { target: text.replace(/^\[(.+)\]$/u, '$1'), port: 0 };
  const match = /^(?:\[(.+)\]|(.+)):(\d{1,5})$/u.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > MAX_PORT) {
    throw new CommandError(`--dst ${text} needs a port behind a colon, such as web:443: correct it`);
  }
  return { target: match[1] ?? match[2] ?? '', port };
}

const LACKS = {
  source: 'does not name the source',
  posture: 'asks for a posture that the source does not have',
  destination: 'does not name the destination',
  'protocol-or-port': 'does not open this protocol and port',
  carrier: 'names the destination, which is reached through another device',
} as const;

function ruleLine(rule: NamedRule): string {
  const why = rule.lacks.map((lack) => LACKS[lack]).join(', and ');
  const posture = rule.posture
    .map(({ condition, actual }) => `${condition} (it is ${actual ?? 'not set'})`)
    .join(', ');
  const over = rule.ports === '' ? '' : ` over ${rule.ports}`;
  return `${rule.rule}: ${rule.sources} to ${rule.destinations}${over}${why === '' ? '' : `; it ${why}`}${posture === '' ? '' : `: ${posture}`}`;
}

/** `on port 443`, `on udp port 53`, `by icmp`. */
function traffic({ protocol, port }: AccessExplanation): string {
  const name = Object.entries(PROTOCOLS).find(([, number]) => number === protocol)?.[0] ?? '';
  if (WITHOUT_PORTS.includes(protocol)) return `by ${name}`;
  return `on ${name === 'tcp' ? '' : `${name} `}port ${port}`;
}

function sshLine({ ssh, allowed }: NamedVerdict): string[] {
  if (ssh.length === 0) return [];
  const logins = ssh.map(
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

function verdictLines(answer: AccessExplanation, verdict: NamedVerdict): string[] {
  const { source, target, path } = verdict;
  if (verdict.itself) {
    return [`${source} leads to ${target} itself, by its route ${path?.route}: the network is not asked`];
  }
  const offline = answer.source.devices.some(({ name, online }) => name === source && online === false);
  return [
    `${source} may ${verdict.allowed ? '' : 'NOT '}reach ${target} ${traffic(answer)}`,
    ...verdict.problems.map((problem) => `  ${problem}`),
    ...verdict.by.map((rule) => `  ${verdict.allowed ? 'by' : 'else it might, by'} ${ruleLine(rule)}`),
    ...verdict.closest.map((rule) => `  closest: ${ruleLine(rule)}`),
    ...(verdict.by.length + verdict.closest.length + verdict.problems.length === 0
      ? ['  no rule has to do with both']
      : []),
    ...sshLine(verdict),
    ...(verdict.allowed && verdict.decidedAlsoBy !== null
      ? [`  as far as this organization decides: ${verdict.decidedAlsoBy} decides about its own device`]
      : []),
    ...pathLine(verdict),
    ...(offline ? [`  ${source} is offline`] : []),
  ];
}

function lines(answer: AccessExplanation): string[] {
  const out: string[] = [];
  for (const side of [answer.source, answer.target]) {
    if (side.problem !== null) out.push(`${side.asked}: ${side.problem}`);
    if (side.more > 0)
      out.push(`${side.asked}: ${side.more} more devices are not looked at: ask about one of them`);
  }
  return [...out, ...answer.verdicts.flatMap((verdict) => verdictLines(answer, verdict))];
}

export async function policyExplain(context: CommandContext, options: ParsedOptions): Promise<void> {
  const name = textOption(options, 'proto') ?? 'tcp';
  const protocol = PROTOCOLS[name];
  if (protocol === undefined)
    throw new CommandError(`--proto ${name} is none of ${Object.keys(PROTOCOLS).join(', ')}`);
  const { target, port } = targetOf(textOption(options, 'dst') ?? '', protocol);
  const answer = await withInstallation(context, options, async ({ store }) => {
    const organization = await organizationByLabel(store, textOption(options, 'org') ?? '');
    const loaded = await loadOrganizationPolicy(store, context.clock, organization);
    return explainAccess(loaded, { source: textOption(options, 'src') ?? '', target, port, protocol });
  });
  if (wantsJson(options)) context.print(JSON.stringify(answer));
  else for (const line of lines(answer)) context.print(line);
}
