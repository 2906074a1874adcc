/** Explains with names what the policy engine says of a question. */
import { magicDnsSuffix } from '../domain/organizations/names.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { AppError } from '../kernel/errors.ts';
import {
  explain,
  type Lack,
  type Problem,
  type Question,
  type RuleReport,
  type SshLogin,
  sshLogins,
  type Verdict,
} from '../policy/index.ts';
import type { AccessHistory } from './access-history.ts';
import type { AccessQuestion } from './access-question.ts';
import { closedAccess, type Ending, instant, type OpenRequest } from './closed-access.ts';
import { type EndedAccess, endedAccess } from './ended-access.ts';
import { accessText, deviceDns, deviceName, isOnline, originText, readablePrincipals } from './names.ts';
import type { OrganizationPolicy } from './organization-policy.ts';
import { placeOf } from './places.ts';
import { withUnresolved } from './unresolved-access.ts';

export interface NamedRule {
  readonly rule: string;
  readonly sources: string;
  readonly destinations: string;
  /** Protocols and ports that it opens; empty when that is all of them. */
  readonly ports: string;
  /** `time`: it has ended, see `ended`. */
  readonly lacks: readonly (Lack | 'time')[];
  /** The source's person, where it is locked or not opened to them, and open to others of their group. */
  readonly closedTo: string | null;
  /** When the access ended, for everybody or for that person. */
  readonly ended: Ending | null;
  /** What that person asked for last, where it did not open the access. */
  readonly request: OpenRequest | null;
  readonly posture: readonly {
    readonly condition: string;
    readonly actual: string | null;
    readonly holds: boolean;
  }[];
}

export interface NamedVerdict {
  readonly source: string;
  readonly target: string;
  readonly allowed: boolean;
  readonly by: readonly NamedRule[];
  /** How many more rules allow it. */
  readonly more: number;
  readonly closest: readonly NamedRule[];
  readonly problems: readonly string[];
  /** The source is the destination, or carries the route to it: what it sends there does not go through the network. */
  readonly itself: boolean;
  /** Of a question about SSH between two devices: as whom the rules let it log in, once it gets there. */
  readonly ssh: readonly SshLogin[];
  /** The other organization, by the suffix of its names, where a device of it takes part: packets pass if it agrees. */
  readonly decidedAlsoBy: string | null;
  /** How packets go: the device that takes them, and the route if the address is not its own. */
  readonly path: {
    readonly address: string;
    readonly receiver: string;
    readonly dns: string;
    readonly online: boolean | null;
    readonly route: string | null;
    readonly network: string | null;
    readonly gateways: readonly { readonly device: string; readonly online: boolean | null }[];
    readonly exitNode: boolean;
  } | null;
}

export interface NamedSide {
  readonly asked: string;
  readonly devices: readonly { readonly name: string; readonly online: boolean | null }[];
  readonly more: number;
  readonly addresses: readonly string[];
  /** Why there is nothing to say about it. */
  readonly problem: Problem | null;
}

export interface AccessExplanation {
  readonly allowed: boolean;
  readonly source: NamedSide;
  readonly target: NamedSide;
  readonly protocol: number;
  readonly port: number;
  readonly verdicts: readonly NamedVerdict[];
}

/** What answers to one question have in common. */
interface Telling {
  readonly loaded: OrganizationPolicy;
  readonly history: AccessHistory | undefined;
}

function namedRule({ loaded, history }: Telling, verdict: Verdict, rule: RuleReport): NamedRule {
  const { snapshot } = loaded;
  const source = { device: verdict.sourceDevice, label: verdict.source };
  const closed = closedAccess(snapshot, history, rule, source);
  return {
    rule: originText(loaded, rule.origin),
    sources: rule.origin.kind === 'rule' ? rule.source : readablePrincipals(snapshot, rule.source),
    destinations: rule.destination,
    ports: rule.ports,
    lacks: rule.lacks,
    closedTo: closed?.to ?? null,
    ended: closed?.ended ?? null,
    request: closed?.request ?? null,
    posture: rule.posture.map(({ condition, actual, holds }) => ({
      ...{ condition, actual: actual ?? null, holds },
    })),
  };
}

function endedRule(telling: Telling, verdict: Verdict, { edge, report }: EndedAccess): NamedRule {
  return {
    ...namedRule(telling, verdict, report),
    rule: accessText(telling.loaded.snapshot, { ...edge, expiresAt: null }),
    lacks: ['time', ...report.lacks],
    ended: { how: 'expired', at: instant(edge.expiresAt) },
  };
}

function namedPath(snapshot: Snapshot, path: Verdict['path']): NamedVerdict['path'] {
  if (path === undefined) return null;
  const { receiver, network } = path;
  return {
    address: path.address,
    receiver: deviceName(snapshot, receiver),
    dns: deviceDns(snapshot, receiver),
    online: isOnline(snapshot, receiver),
    route: path.route ?? null,
    network: (network && snapshot.table('network').get(String(network))?.name) || null,
    gateways: path.gateways.map((id) => ({
      device: deviceName(snapshot, id),
      online: isOnline(snapshot, id),
    })),
    exitNode: path.exit,
  };
}

function otherOrganization(snapshot: Snapshot, devices: readonly (number | undefined)[]): string | null {
  const homes = devices.map((id) => (id === undefined ? undefined : snapshot.external.get(id)?.home));
  const home = homes.find((one) => one !== undefined);
  return home === undefined ? null : magicDnsSuffix(home);
}

const [ICMP, TCP, ICMPV6] = [1, 6, 58];
const SSH_PORT = 22;

function requireThing(field: 'src' | 'dst', { asked, problem }: NamedSide): void {
  if (problem === null || problem.kind === 'empty') return;
  const code = problem.kind === 'unknown' ? 'not_found' : 'invalid';
  throw new AppError(code, `${asked}: ${problem.text}`, { field });
}

/**
 * An explanation for whoever asked: about what there is not, or what is no one thing, they are told so, and get no answer that
 * looks like a no. Throws `not_found` for a name that is nothing's, and `invalid` for one that cannot be asked about, with the field.
 */
export function answeredAccess(
  loaded: OrganizationPolicy,
  question: AccessQuestion,
  history: AccessHistory,
): AccessExplanation {
  const answer = explainAccess(loaded, question, history);
  requireThing('src', answer.source);
  requireThing('dst', answer.target);
  return answer;
}

/** Without a history it knows of no access that has ended. */
export function explainAccess(
  loaded: OrganizationPolicy,
  question: AccessQuestion,
  history?: AccessHistory,
): AccessExplanation {
  const { snapshot, policy } = loaded;
  const telling = { loaded, history };
  const inIPv4: Question = {
    source: placeOf(loaded, question.source),
    target: placeOf(loaded, question.target),
    protocol: question.protocol,
    port: question.port,
  };
  const first = explain(policy.engine, inIPv4);
  // Over IPv6 it is another protocol of the same name.
  const isIPv6 = first.verdicts.some(({ path }) => path?.address.includes(':'));
  const isOther = isIPv6 && question.protocol === ICMP;
  const asked: Question = isOther ? { ...inIPv4, protocol: ICMPV6 } : inIPv4;
  const answer = withUnresolved(policy.engine, asked, isOther ? explain(policy.engine, asked) : first);
  const ended = answer.allowed || history === undefined ? [] : endedAccess(loaded, history, asked, answer);
  const side = (asked: string, resolution: (typeof answer)['source']): NamedSide => ({
    asked,
    devices: resolution.devices.map((id) => ({
      name: deviceName(snapshot, id),
      online: isOnline(snapshot, id),
    })),
    more: resolution.more,
    addresses: resolution.addresses,
    problem: resolution.problem ?? null,
  });
  const sideName = (device: number | undefined, label: string): string =>
    device === undefined ? label : deviceName(snapshot, device);
  const isSsh = question.protocol === TCP && question.port === SSH_PORT;
  return {
    allowed: answer.allowed,
    source: side(question.source, answer.source),
    target: side(question.target, answer.target),
    protocol: question.protocol,
    port: question.port,
    verdicts: answer.verdicts.map((verdict, at) => ({
      source: sideName(verdict.sourceDevice, verdict.source),
      target: sideName(verdict.targetDevice, verdict.target),
      allowed: verdict.allowed,
      by: verdict.by.map((rule) => namedRule(telling, verdict, rule)),
      closest: [
        ...(verdict.by.length > 0 ? [] : (ended[at] ?? [])).map((one) => endedRule(telling, verdict, one)),
        ...verdict.closest.map((rule) => namedRule(telling, verdict, rule)),
      ],
      more: verdict.more,
      problems: verdict.problems,
      itself: verdict.itself,
      ssh:
        isSsh && verdict.sourceDevice !== undefined && verdict.targetDevice !== undefined
          ? sshLogins(policy.engine, verdict.sourceDevice, verdict.targetDevice)
          : [],
      decidedAlsoBy: otherOrganization(snapshot, [
        verdict.sourceDevice,
        verdict.targetDevice,
        verdict.path?.receiver,
      ]),
      path: namedPath(snapshot, verdict.path),
    })),
  };
}
