/** A rule in words: as its author wrote it, where it stands in the file. */
import type { PortRange, ProtoPorts, Rule } from '../ast.ts';
import { spelledLiterals } from '../compile/selectors.ts';
import type { DstSpec, SourceSpec, TargetSpec, UnitSpec } from '../compile/unit.ts';
import type { Core } from '../engine/core.ts';
import { selectorText } from '../validate/index.ts';

export interface RuleText {
  readonly source: string;
  readonly destination: string;
  /** Protocols and ports: `tcp 80-90, udp 53`; empty for a rule that opens all of them, or none. */
  readonly ports: string;
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [58, 'icmpv6'],
  [132, 'sctp'],
]);
const LAST_PORT = 65_535;
/** Longer lists are cut. */
const MAX_LISTED = 20;

export function ruleText(core: Core, spec: UnitSpec): RuleText {
  const rule = ruleOf(core, spec);
  const via = spec.reach.kind === 'via' ? ` via ${spec.reach.tags.join(', ')}` : '';
  const ports = listed([...new Set(tellingTargets(spec).flatMap(({ allow }) => allow.flatMap(portsTexts)))]);
  return {
    source: rule === undefined ? sourceText(spec.source) : listed(rule.src.map(selectorText)),
    destination: `${destinationText(spec, rule)}${via}`,
    ports: ports.includes(ANYTHING) ? '' : ports,
  };
}

/** The rule of the file that a unit was made of; a companion capability goes the other way, and is spelled as it is. */
function ruleOf(core: Core, { origin, targets }: UnitSpec): Rule | undefined {
  if (origin.kind !== 'rule' || targets.length === 0) return undefined;
  return core.world.policy.rules?.find(
    ({ section, index }) => section === origin.section && index === origin.index,
  );
}

/** That a name can be asked for goes without saying where something else is open. */
function tellingTargets({ targets }: UnitSpec): readonly TargetSpec[] {
  const others = targets.filter(({ dst }) => dst.some(({ kind }) => kind !== 'resolver'));
  return others.length > 0 ? others : targets;
}

function destinationText(spec: UnitSpec, rule: Rule | undefined): string {
  const { reach, targets } = spec;
  if (targets.length === 0) return 'capabilities only';
  if (reach.kind === 'self') return SELF;
  if (rule === undefined) return listed(tellingTargets(spec).flatMap(({ dst }) => dst.map(specText)));
  return listed(rule.targets.flatMap(({ dst }) => dst.map(selectorText)).filter((text) => text !== SELF));
}
const SELF = 'autogroup:self';

const listed = (texts: readonly string[]): string =>
  texts.length <= MAX_LISTED
    ? texts.join(', ')
    : `${texts.slice(0, MAX_LISTED).join(', ')} and ${texts.length - MAX_LISTED} more`;

const sourceText = (source: SourceSpec): string =>
  listed([
    ...(source.any ? ['*'] : []),
    ...(source.danger ? ['autogroup:danger-all'] : []),
    ...source.atoms,
    ...spelledLiterals(source),
  ]);

function specText(dst: DstSpec): string {
  switch (dst.kind) {
    case 'any':
      return '*';
    case 'internet':
      return 'autogroup:internet';
    case 'exit':
      return 'the internet behind the network';
    case 'resolver':
      return 'names in the network';
    case 'atom':
      return dst.atom;
    case 'literal':
      return listed(dst.pieces.map((piece) => piece.text));
  }
}

const ANYTHING = '*';

function portsTexts({ protocols, ports }: ProtoPorts): string[] {
  const texts = ports.map(portText);
  if (protocols === undefined) return texts.map((text) => (text === '' ? ANYTHING : `any ${text}`));
  return protocols.flatMap((protocol) => {
    const name = PROTOCOLS.get(protocol) ?? `protocol ${protocol}`;
    return texts.map((text) => (text === '' ? name : `${name} ${text}`));
  });
}

function portText({ first, last }: PortRange): string {
  if (first === 0 && last === LAST_PORT) return '';
  return first === last ? String(first) : `${first}-${last}`;
}
