import { sha256Hex } from '../../kernel/hash.ts';
import type { ExactValue } from '../../kernel/hujson/index.ts';
import type { ProtoPorts, Rule, Selector } from '../ast.ts';
import { ANY_PORT } from '../parse/ports.ts';
import { postureSpec } from './postures.ts';
import { dstKey, dstSpec, makeSource, type Names, sourceAsDst, sourceSpec } from './selectors.ts';
import type {
  AttrUnitSpec,
  DstSpec,
  GrantSpec,
  Reach,
  SourceSpec,
  SshUnitSpec,
  TargetSpec,
  UnitSpec,
} from './unit.ts';

const ALLOW_ALL: ProtoPorts = { protocols: undefined, ports: [ANY_PORT] };

/** The capability that each of these gives the other side, so that it knows whom it serves. */
const COMPANIONS: ReadonlyMap<string, string> = new Map([
  ['tailscale.com/cap/drive', 'tailscale.com/cap/drive-sharer'],
  ['tailscale.com/cap/relay', 'tailscale.com/cap/relay-target'],
]);

/** Compiles acls and grants. */
export function compileRules(names: Names): UnitSpec[] {
  const { policy } = names;
  if (policy.rules === undefined) return [allowAll(names)];
  return policy.rules.flatMap((rule) => compileRule(names, rule));
}

function allowAll(names: Names): UnitSpec {
  const source = sourceSpec(names, [{ kind: 'any' }], undefined);
  return unit({
    origin: { kind: 'default' },
    source,
    targets: [{ dst: [{ kind: 'any' }], allow: [ALLOW_ALL] }],
    grants: [],
    reach: { kind: 'anywhere' },
    dstPosture: undefined,
  });
}

/** Every destination of a rule has the capabilities of the rule, which may be many: they are spelled once. */
const capsKeys = new WeakMap<GrantSpec['caps'], string>();

function capsKey(caps: GrantSpec['caps']): string {
  let key = capsKeys.get(caps);
  if (key === undefined) {
    key = sha256Hex(JSON.stringify([...caps]));
    capsKeys.set(caps, key);
  }
  return key;
}

/** Gives a unit its key: everything that its effect depends on, which leaves out where it came from. */
export function unit(parts: Omit<UnitSpec, 'key'>): UnitSpec {
  const { source, targets, grants, reach, dstPosture } = parts;
  const key = JSON.stringify([
    source.key,
    targets.map((target) => [target.dst.map(dstKey), target.allow]),
    grants.map((grant) => [grant.dst.map(dstKey), capsKey(grant.caps)]),
    reach,
    dstPosture?.key,
  ]);
  return { ...parts, key };
}

const isSelf = (selector: Selector): boolean =>
  selector.kind === 'autogroup' && selector.name === 'autogroup:self';

function compileRule(names: Names, rule: Rule): UnitSpec[] {
  if (rule.src.length === 0 || rule.targets.every((target) => target.dst.length === 0)) return [];
  const posture = postureSpec(names.policy, rule.srcPosture);
  const source = sourceSpec(names, rule.src, posture);
  const origin = { kind: 'rule', section: rule.section, index: rule.index, line: rule.line } as const;
  const base = { origin, source, dstPosture: undefined };

  if (rule.via.length > 0) {
    const targets = rule.targets.map(({ dst, allow }) => ({ dst: dst.map((d) => dstSpec(names, d)), allow }));
    // Recorded: the capabilities of a rule with via reach no device, though the rule still shows carriers and routes.
    return [unit({ ...base, targets, grants: [], reach: { kind: 'via', tags: [...rule.via].sort() } })];
  }

  const units: UnitSpec[] = [];
  const others: TargetSpec[] = [];
  const selfAllow: ProtoPorts[] = [];
  const otherDst: Selector[] = [];
  let namesSelf = false;
  for (const { dst, allow } of rule.targets) {
    const rest = dst.filter((selector) => !isSelf(selector));
    if (rest.length < dst.length) {
      namesSelf = true;
      selfAllow.push(...allow);
    }
    otherDst.push(...rest);
    if (rest.length > 0) others.push({ dst: rest.map((selector) => dstSpec(names, selector)), allow });
  }
  if (others.length > 0) {
    const dst = otherDst.map((selector) => dstSpec(names, selector));
    const grants =
      rule.app === undefined ? [] : dst.map((one) => ({ dst: [one], caps: rule.app ?? new Map() }));
    const reach = { kind: 'anywhere' } as const;
    units.push(unit({ ...base, targets: others, grants, reach }));
    units.push(...companions(rule.app, base.origin, source, dstSource(names, otherDst), reach));
  }
  if (namesSelf) {
    const self: DstSpec[] = [{ kind: 'any' }];
    const grants: GrantSpec[] = rule.app === undefined ? [] : [{ dst: self, caps: rule.app }];
    const reach = { kind: 'self' } as const;
    units.push(unit({ ...base, targets: [{ dst: self, allow: selfAllow }], grants, reach }));
    units.push(...companions(rule.app, base.origin, source, source, reach));
  }
  return units;
}

/** Destinations seen as sources. */
const dstSource = (names: Names, dst: readonly Selector[]): SourceSpec => sourceSpec(names, dst, undefined);

function companions(
  app: Rule['app'],
  origin: UnitSpec['origin'],
  source: SourceSpec,
  reversed: SourceSpec,
  reach: Reach,
): UnitSpec[] {
  const out: UnitSpec[] = [];
  for (const name of app?.keys() ?? []) {
    const companion = COMPANIONS.get(name);
    if (companion === undefined) continue;
    const dst: DstSpec[] = reach.kind === 'self' ? [{ kind: 'any' }] : sourceAsDst(source);
    const caps = new Map<string, ExactValue>([[companion, null]]);
    out.push(
      unit({
        origin,
        source: { ...reversed, posture: undefined, key: makeSource({ ...reversed, posture: undefined }).key },
        targets: [],
        grants: [{ dst, caps }],
        reach,
        dstPosture: source.posture,
      }),
    );
  }
  return out;
}

/** Compiles `ssh`; check rules come first, since clients take the first rule that matches. */
export function compileSsh(names: Names): SshUnitSpec[] {
  const units = names.policy.ssh.map((rule): SshUnitSpec => {
    const source = sourceSpec(names, rule.src, postureSpec(names.policy, rule.srcPosture));
    const self = rule.dst.some(isSelf);
    const atoms = rule.dst
      .filter((selector) => !isSelf(selector))
      .map((selector) => dstSpec(names, selector));
    const { users, checkPeriod, acceptEnv, recorder, enforceRecorder } = rule;
    const rest = {
      atoms: atoms.flatMap((dst) => (dst.kind === 'atom' ? [dst.atom] : [])),
      self,
      users,
      check: rule.action === 'check',
      checkPeriod,
      acceptEnv,
      recorders: recorder,
      enforceRecorder,
    };
    return {
      key: JSON.stringify([source.key, rest]),
      origin: { kind: 'rule', section: 'ssh', index: rule.index, line: rule.line },
      source,
      ...rest,
    };
  });
  return [...units.filter((rule) => rule.check), ...units.filter((rule) => !rule.check)];
}

/** Compiles nodeAttrs and the network-wide switches. */
export function compileAttrs(names: Names): AttrUnitSpec[] {
  const { policy } = names;
  const everybody = makeSource({
    any: true,
    danger: false,
    atoms: [],
    literals: [],
    posture: undefined,
  });
  const wide: string[] = [];
  if (policy.randomizeClientPort) wide.push('randomize-client-port');
  if (policy.disableIPv4) wide.push('disable-ipv4');
  if (policy.oneCGNATRoute !== '') wide.push(`one-cgnat?v=${policy.oneCGNATRoute === 'mac-always'}`);
  const units: AttrUnitSpec[] = wide.length === 0 ? [] : [attrUnit(0, 0, everybody, wide, new Map())];
  for (const { index, line, target, attr, app } of policy.nodeAttrs) {
    units.push(attrUnit(index + 1, line, sourceSpec(names, target, undefined), attr, app));
  }
  return units;
}

function attrUnit(
  index: number,
  line: number,
  source: SourceSpec,
  attr: readonly string[],
  app: ReadonlyMap<string, ExactValue>,
): AttrUnitSpec {
  return { key: JSON.stringify([index, source.key, attr, [...app]]), line, source, attr, app };
}
