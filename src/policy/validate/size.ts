/**
 * How much the rules of a file spell out. A filter lists each address of an IP set for each rule that names it, and each
 * destination for each range of ports: a file of some kilobytes could make filters of gigabytes.
 */
import type { Policy, ProtoPorts, Rule, Selector } from '../ast.ts';
import { refuseAt } from '../errors.ts';
import { selectorText } from './selectors.ts';

/**
 * Lines of sources and destinations of all rules together, which is the most that the filter of one device can have to hold:
 * as the wire has them, a line is some fifty bytes.
 */
const MAX_LINES = 500_000;

export function validateSize(policy: Policy): void {
  let lines = 0;
  const written = new Set<string>();
  for (const rule of policy.rules ?? []) {
    lines += destinationLines(policy, rule) + sourceLines(policy, rule, written);
    const { section, index } = rule;
    const problem = `${section}[${index}]: IP sets, destinations and ports of the rules up to this one come to ${lines} lines of a filter; ${MAX_LINES} are the most`;
    refuseAt(lines > MAX_LINES ? problem : undefined, () => policy.places.value(section, index));
  }
}

/** Lines that a selector takes on a device that has all of what it names. */
function linesOf({ ipsetAddresses }: Policy, selector: Selector): number {
  const set = selector.kind === 'ipset' ? ipsetAddresses.get(selector.name) : undefined;
  return set === undefined ? 1 : (set.v4.length + set.v6.length) / 2;
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  let total = 0;
  for (const one of list) total += of(one);
  return total;
}

const destinationLines = (policy: Policy, { targets, app }: Rule): number =>
  sum(targets, ({ dst, allow }) => {
    const ports = sum(allow, (one) => one.ports.length) + (app === undefined ? 0 : 1);
    return ports * sum(dst, (one) => linesOf(policy, one));
  });

const protocolsKey = ({ protocols }: ProtoPorts): string => protocols?.join() ?? '';

/** Rules with the same sources and protocols become one in a filter; those that give capabilities stay apart. */
function sourceLines(policy: Policy, { src, srcPosture, targets, app }: Rule, written: Set<string>): number {
  const own = sum(src, (one) => linesOf(policy, one));
  const from = `${src.map(selectorText).join(' ')}|${srcPosture?.join(' ') ?? ''}`;
  let times = app === undefined ? 0 : 1;
  for (const protocols of new Set(targets.flatMap(({ allow }) => allow.map(protocolsKey)))) {
    const key = `${from}|${protocols}`;
    if (!written.has(key)) times += 1;
    written.add(key);
  }
  return times * own;
}
