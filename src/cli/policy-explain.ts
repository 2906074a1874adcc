/** `holdfast policy explain`: whether one thing may reach another, and why. */
import { type AccessExplanation, explainAccess, type NamedRule } from '../effective-policy/explain-access.ts';
import { loadOrganizationPolicy } from '../effective-policy/organization-policy.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError } from './exit.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, sctp: 132 };
const MAX_PORT = 65_535;

/** `web:443`, `[fd7a::1]:443`: the port stands behind the last colon. */
function targetOf(text: string): { readonly target: string; readonly port: number } {
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
  return `${rule.rule}: ${rule.sources} to ${rule.destinations}${why === '' ? '' : `; it ${why}`}${posture === '' ? '' : `: ${posture}`}`;
}

function lines(answer: AccessExplanation): string[] {
  const out: string[] = [];
  for (const side of [answer.source, answer.target]) {
    if (side.problem !== null) out.push(`${side.asked}: ${side.problem}`);
  }
  for (const verdict of answer.verdicts) {
    out.push(
      `${verdict.source} ${verdict.allowed ? 'may' : 'may NOT'} reach ${verdict.target} on port ${answer.port}`,
    );
    for (const rule of verdict.by) out.push(`  by ${ruleLine(rule)}`);
    for (const rule of verdict.closest) out.push(`  closest: ${ruleLine(rule)}`);
    for (const problem of verdict.problems) out.push(`  ${problem}`);
    if (verdict.allowed && verdict.decidedAlsoBy !== null) {
      out.push(
        `  as far as this organization decides: ${verdict.decidedAlsoBy} decides about its own device`,
      );
    }
    const { path } = verdict;
    if (path === null) continue;
    const through = path.route === null ? '' : `, which carries ${path.route}`;
    const network = path.network === null ? '' : ` of the network ${path.network}`;
    out.push(`  taken by ${path.dns}${through}${network} (${path.online ? 'online' : 'offline'})`);
  }
  return out;
}

export async function policyExplain(context: CommandContext, options: ParsedOptions): Promise<void> {
  const { target, port } = targetOf(textOption(options, 'dst') ?? '');
  const name = textOption(options, 'proto') ?? 'tcp';
  const protocol = PROTOCOLS[name];
  if (protocol === undefined)
    throw new CommandError(`--proto ${name} is none of ${Object.keys(PROTOCOLS).join(', ')}`);
  const answer = await withInstallation(context, options, async ({ store }) => {
    const organization = await organizationByLabel(store, textOption(options, 'org') ?? '');
    const loaded = await loadOrganizationPolicy(store, context.clock, organization);
    return explainAccess(loaded, { source: textOption(options, 'src') ?? '', target, port, protocol });
  });
  if (wantsJson(options)) context.print(JSON.stringify(answer));
  else for (const line of lines(answer)) context.print(line);
}
