import type { SshUnitSpec } from '../compile/unit.ts';
import { localpartDomain } from '../validate/ssh.ts';
import type { UserInput } from '../world.ts';
import { hasBit, isZero } from './bits.ts';
import type { DeviceState } from './device-state.ts';
import type { SshPrincipal, SshRuleOutput } from './output.ts';
import type { Program } from './program.ts';
import type { SourceTexts } from './source-texts.ts';

export interface SshInput {
  readonly program: Program;
  readonly sources: SourceTexts;
  /** A person's own devices. */
  devicesOfUser(user: number): readonly DeviceState[];
}

const NONROOT = 'autogroup:nonroot';

/** The SSH rules of a device, check rules first. */
export function buildSsh(input: SshInput, device: DeviceState): SshRuleOutput[] {
  const units = [...input.program.sshUnits.values()].sort((a, b) => a.rank - b.rank);
  const out: SshRuleOutput[] = [];
  for (const { slot, spec } of units) {
    const isDestination = hasBit(device.profile.ssh.dst, slot);
    const ownUser = device.user;
    const sources = isDestination ? input.sources.devicesOf(spec.source) : [];
    const perUser = spec.users.some((user) => localpartDomain(user) !== undefined);
    // Recorded: rules with localpart users also open each source user's own devices to that user, and a tagged source to itself.
    const reachesOwn = spec.self || perUser;
    const own = ownSources(input, device, slot);
    const devices = isDestination ? sources : reachesOwn ? own : [];
    const all = isDestination && reachesOwn ? unionOf(sources, own) : devices;
    if (all.length === 0) continue;
    if (perUser) out.push(...rulesByUser(spec, all));
    else {
      const login = isDestination ? undefined : wholeUser(input, ownUser, own);
      const now = (): DeviceState[] => ownSources(input, device, slot);
      out.push(rule(spec, login === undefined ? () => all : now, baseUsers(spec), login));
    }
  }
  return out;
}

/** Tagged devices are nobody's: such a rule opens each that is its source to itself alone. */
const isAlone = ({ active, user, tags }: DeviceState): boolean =>
  active && user === undefined && tags.length > 0;

/** The rules that open a tagged device to itself, as one comparable text. */
export const opensToItself = (device: DeviceState): string =>
  isAlone(device) && !isZero(device.profile.ssh.perUser)
    ? `${device.addressKey}/${device.profile.ssh.perUser.join()}`
    : '';

/** The sources of a rule among the devices of the device's person. */
function ownSources(input: SshInput, device: DeviceState, slot: number): DeviceState[] {
  const { active, user, profile } = device;
  if (!active) return [];
  if (isAlone(device)) return hasBit(profile.ssh.perUser, slot) ? [device] : [];
  if (user === undefined) return [];
  return input.devicesOfUser(user.id).filter((peer) => hasBit(peer.profile.ssh.src, slot));
}

/** The login, when these are all devices that a person has: then they can be told by it. */
function wholeUser(
  input: SshInput,
  user: UserInput | undefined,
  devices: readonly DeviceState[],
): string | undefined {
  if (user === undefined) return undefined;
  const active = input.devicesOfUser(user.id).filter((device) => device.active);
  return active.length === devices.length ? user.login : undefined;
}

const unionOf = (a: readonly DeviceState[], b: readonly DeviceState[]): DeviceState[] => [
  ...new Set([...a, ...b]),
];

/**
 * With `localpart:*@domain`, each source user gets the rule for their devices, and, if they are of the domain, one more
 * that logs them in under the local part of their login. Tagged sources have no local part.
 */
function rulesByUser(spec: SshUnitSpec, devices: readonly DeviceState[]): SshRuleOutput[] {
  const domains = new Set(spec.users.map(localpartDomain).filter((domain) => domain !== undefined));
  const users = baseUsers(spec);
  const byUser = new Map<number, { user: UserInput; devices: DeviceState[] }>();
  const tagged: DeviceState[] = [];
  for (const device of devices) {
    const { user } = device;
    if (user === undefined) {
      tagged.push(device);
      continue;
    }
    const entry = byUser.get(user.id) ?? { user, devices: [] };
    entry.devices.push(device);
    byUser.set(user.id, entry);
  }
  const out: SshRuleOutput[] = [];
  for (const { user, devices: own } of [...byUser.values()].sort((a, b) => a.user.id - b.user.id)) {
    out.push(rule(spec, () => own, users));
    const at = user.login.lastIndexOf('@');
    const local = user.login.slice(0, at);
    if (at > 0 && domains.has(user.login.slice(at + 1))) out.push(rule(spec, () => own, { [local]: local }));
  }
  if (tagged.length > 0) out.push(rule(spec, () => tagged, users));
  return out;
}

/** The login names of a rule: root only by name, everybody else by name or through autogroup:nonroot. */
function baseUsers(spec: SshUnitSpec): Record<string, string> {
  const out: Record<string, string> = {};
  const plain = spec.users.filter((user) => localpartDomain(user) === undefined);
  if (plain.includes(NONROOT)) out['*'] = '=';
  out.root = plain.includes('root') ? 'root' : '';
  for (const user of plain) if (user !== NONROOT && user !== 'root') out[user] = user;
  return out;
}

function rule(
  spec: SshUnitSpec,
  devices: () => readonly DeviceState[],
  sshUsers: Record<string, string>,
  everyDeviceOf?: string,
): SshRuleOutput {
  const { acceptEnv, check, checkPeriod, recorders, enforceRecorder } = spec;
  return {
    // Made when asked for: of a person with many devices the list is long, changes often, and the login says the same.
    get principals() {
      return principals(spec, devices());
    },
    everyDeviceOf,
    sshUsers,
    acceptEnv,
    check,
    checkPeriod,
    recorders,
    enforceRecorder,
  };
}

/** One principal an address, in the order of their texts. */
function principals(spec: SshUnitSpec, devices: readonly DeviceState[]): SshPrincipal[] {
  const byTag = spec.source.atoms.includes('autogroup:tagged');
  const texts: string[] = [];
  for (const device of devices) {
    // Recorded: autogroup:tagged stands for each of its tags, so a device with two tags is listed twice.
    const times = byTag ? Math.max(1, device.tags.length) : 1;
    for (let i = 0; i < times; i++) texts.push(...device.addresses.map(({ text }) => text));
  }
  return texts.sort().map((nodeIP) => ({ nodeIP }));
}
