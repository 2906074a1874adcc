/** Which rules concern a user, or an address and port: the preview of the admin API. */
import { parseAddr } from '../../kernel/netip/index.ts';
import type { PortRange, Rule, Selector } from '../ast.ts';
import { dstSpec, sourceSpec } from '../compile/selectors.ts';
import type { Core } from '../engine/core.ts';
import { PolicyError } from '../errors.ts';
import { endpointOfAddr, endpointOfSelector } from '../evaluate/endpoint.ts';
import { createLookup } from '../evaluate/lookup.ts';
import { namesDestination, namesSource } from '../evaluate/match.ts';
import { splitHostPorts } from '../parse/ports.ts';
import { parseSelector } from '../parse/selector.ts';
import { selectorText } from '../validate/index.ts';

export type PreviewType = 'user' | 'ipport';

export interface PreviewMatch {
  readonly users: readonly string[];
  readonly ports: readonly string[];
  readonly lineNumber: number;
  readonly via?: readonly string[];
  readonly postures: readonly string[];
}

/** The rules of the engine's policy that a user is a source of, or that lead to `address:port`. Throws PolicyError. */
export function preview(core: Core, type: PreviewType, previewFor: string): PreviewMatch[] {
  const rules = core.world.policy.rules ?? [];
  const concerns = type === 'user' ? userTest(core, previewFor) : addressTest(core, previewFor);
  return rules.filter(concerns).map((rule) => ({
    users: rule.src.map(selectorText),
    ports: rule.targets.flatMap(({ dst, allow }) =>
      dst.flatMap((one) =>
        portTexts(allow.flatMap(({ ports }) => ports)).map((ports) => `${selectorText(one)}:${ports}`),
      ),
    ),
    lineNumber: rule.line,
    ...(rule.via.length > 0 ? { via: rule.via } : {}),
    postures: rule.srcPosture ?? core.world.policy.defaultSrcPosture,
  }));
}

function userTest(core: Core, login: string): (rule: Rule) => boolean {
  const selector: Selector = parseSelector(login);
  const user = endpointOfSelector(createLookup(core), selector);
  if (typeof user === 'string') throw new PolicyError(user);
  return (rule) => namesSource(sourceSpec(core.names, rule.src, undefined), user);
}

function addressTest(core: Core, text: string): (rule: Rule) => boolean {
  const split = splitHostPorts(text);
  const addr = split && parseAddr(split.host);
  const port = Number(split?.ports);
  if (addr === undefined || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new PolicyError(`previewFor must be an address and a port, like "10.0.0.1:22"`);
  }
  const target = endpointOfAddr(createLookup(core), addr, text);
  return (rule) =>
    rule.targets.some(
      ({ dst, allow }) =>
        allow.some(({ ports }) => ports.some(({ first, last }) => port >= first && port <= last)) &&
        dst.some((one) => namesDestination(dstSpec(core.names, one), { kind: 'anywhere' }, target, target)),
    );
}

const portTexts = (ports: readonly PortRange[]): string[] =>
  ports.map(({ first, last }) => {
    if (first === 0 && last === 65_535) return '*';
    return first === last ? String(first) : `${first}-${last}`;
  });
