/** The view of a network under its effective policy. */

import type { Role } from '../../domain/model/people.ts';
import type { Change } from '../../domain/ports/store.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { type ClientAccess, createClientAccess } from '../../effective-policy/client-access.ts';
import { createEffectivePolicy } from '../../effective-policy/effective-policy.ts';
import { DAY } from '../../kernel/clock.ts';
import {
  type ChangeSet,
  type SshPolicy as PolicySsh,
  type Relays,
  relaysOf,
  type SshRuleOutput,
  withRelays,
} from '../../policy/index.ts';
import type { AddrPort, CapMap, DerpMap, FilterRule, SshPolicy } from '../wire/index.ts';
import { hasCertificates } from './certificates.ts';
import { connectorCaps, connectorsConcerned } from './connector-caps.ts';
import type { NetworkView, OwnView, PeerView, ViewEffects } from './network-view.ts';
import { createRecorders } from './recorders.ts';
import { hostCapability, usableServices } from './service-caps.ts';
import { sshPolicyOf } from './ssh-policy.ts';

/** What every device may do: send files to the others of its owner, and offer SSH where the policy lets people in. */
const BASE_CAPABILITIES: CapMap = {
  'https://tailscale.com/cap/file-sharing': [],
  'https://tailscale.com/cap/ssh': [],
};
const ROLE_CAPABILITIES: Readonly<Partial<Record<Role, CapMap>>> = {
  owner: { 'https://tailscale.com/cap/is-owner': [], 'https://tailscale.com/cap/is-admin': [] },
  admin: { 'https://tailscale.com/cap/is-admin': [] },
  'network-admin': { 'https://tailscale.com/cap/is-admin': [] },
  'it-admin': { 'https://tailscale.com/cap/is-admin': [] },
};

/** With it a client asks for certificates for its name, and serves by HTTPS (tailcfg.CapabilityHTTPS). */
const HTTPS_CAPABILITY: CapMap = { https: [] };

/**
 * The policy file may let devices publish to the internet, and nothing here carries that traffic: a client that has the
 * attribute would say that it is published.
 */
const isFunnel = (capability: string): boolean =>
  capability === 'funnel' ||
  capability.startsWith('https://tailscale.com/cap/funnel-ports') ||
  capability === 'https://tailscale.com/cap/warn-funnel-no-https';

const withoutFunnel = (caps: CapMap): CapMap =>
  Object.keys(caps).some(isFunnel)
    ? Object.fromEntries(Object.entries(caps).filter(([capability]) => !isFunnel(capability)))
    : caps;

/** Settings of which devices are told among their own capabilities. */
const TOLD_SETTINGS: ReadonlySet<string> = new Set(['devices_auto_update', 'key_days']);

/** In a millisecond. */
const NANOSECONDS = 1_000_000;

/** Policies kept to be told apart by content; beyond this many the sharing starts anew. */
const MAX_SHARED_SSH = 4_096;

/** What a login becomes on the target: '' is refused. Names are the caller's, so only own properties count. */
const loginOf = (users: Readonly<Record<string, string>>, user: string): string =>
  (Object.hasOwn(users, user) ? users[user] : users['*']) ?? '';

export interface PolicyView extends NetworkView {
  /** What plain clients behind gateways may reach. */
  readonly clients: ClientAccess;
  /** The first SSH rule of the target that means the source and lets it in as that user. */
  sshRule(source: number, target: number, user: string): SshRuleOutput | undefined;
  /** Where sessions of an SSH rule are recorded now. */
  recordersOf(rule: SshRuleOutput): readonly AddrPort[];
  /** After the changes are in the snapshot. `touched`: the devices whose facts they changed. */
  update(changes: readonly Change[], touched: ReadonlySet<number>): ViewEffects;
  /** The relays of a map with what the policy says of them. */
  relays(map: DerpMap): DerpMap;
  /** What the policy says of relays: another object where it says something else. */
  saidOfRelays(): Relays | undefined;
  /** Ids of the resources that are open to a device. */
  opened(device: number): readonly number[];
  /** Lets time pass; undefined when nothing ended. */
  expire(now: number): ViewEffects | undefined;
}

export interface PolicyViewParts {
  readonly snapshot: Snapshot;
  readonly now: () => number;
  /** The domain for whose names devices can get certificates now. */
  readonly certificateDomain: () => string | undefined;
  readonly onError: (error: unknown) => void;
}

export function createPolicyView(parts: PolicyViewParts): PolicyView {
  const { snapshot, now, certificateDomain, onError } = parts;
  const policy = createEffectivePolicy({ snapshot, now, onError });
  const { engine } = policy;
  const saidOfRelays = (): Relays | undefined => relaysOf(engine.core.world.policy);
  let sshOnWire = new WeakMap<PolicySsh, SshPolicy>();
  const recorders = createRecorders(engine);
  const recordersOf = (rule: SshRuleOutput): readonly AddrPort[] => recorders.at(rule.recorders);

  /** Equal policies are one object, also when the engine made them anew. */
  const sshByText = new Map<string, SshPolicy>();

  const ssh = (device: number): SshPolicy => {
    const rules = engine.ssh(device);
    let wire = sshOnWire.get(rules);
    if (wire === undefined) {
      const made = sshPolicyOf(rules, snapshot.organization.id, recordersOf);
      const text = JSON.stringify(made);
      if (sshByText.size >= MAX_SHARED_SSH) sshByText.clear();
      wire = sshByText.get(text) ?? made;
      sshByText.set(text, wire);
      sshOnWire.set(rules, wire);
    }
    return wire;
  };

  /** What a client updates itself by unless its person said otherwise, and how long a key may be good for (nanoseconds). */
  const settingCapabilities = (): CapMap => {
    const { devices_auto_update, key_days } = snapshot.settings();
    return {
      'default-auto-update': [devices_auto_update],
      'tailnet.maxKeyDuration': [key_days * DAY * NANOSECONDS],
    };
  };

  const roleCapabilities = (device: number): CapMap => {
    const row = snapshot.devices.get(device)?.device;
    const role = row?.ownerKind === 'membership' ? snapshot.memberships.get(row.owner)?.role : undefined;
    return (role && ROLE_CAPABILITIES[role]) ?? {};
  };

  // The sets of the engine hold until its next change; what is gathered here is read later.
  const gather = (changes: ChangeSet): ViewEffects => {
    const peers = new Set<number>();
    const own = new Set([...changes.filters, ...changes.ssh, ...changes.self]);
    const services = snapshot.table('service').size > 0;
    for (const { subject, viewers } of changes.subjects()) {
      peers.add(subject);
      if (services && hostsServices(subject)) for (const viewer of viewers) own.add(viewer);
    }
    if (services) for (const viewer of changes.viewers) own.add(viewer);
    return { peers, own, standing: new Set(changes.viewers) };
  };
  const hostsServices = (device: number): boolean => {
    const [first] = snapshot.servicesOf(device);
    return first !== undefined;
  };
  /** What a service is called and where it listens is told to every device that may use it. */
  const withServices = (effects: ViewEffects, changes: readonly Change[]): ViewEffects =>
    changes.some(({ kind }) => kind === 'service')
      ? { ...effects, own: new Set([...effects.own, ...snapshot.devices.keys()]) }
      : effects;
  /** What a device is told of its owner's role, and of settings, is told again when those change. */
  const concernedThemselves = (changes: readonly Change[]): ReadonlySet<number> => {
    const isSetting = ({ kind, key }: Change): boolean => kind === 'setting' && TOLD_SETTINGS.has(key);
    if (changes.some(isSetting)) return new Set(snapshot.devices.keys());
    const isRole = (one: Change): boolean =>
      one.kind === 'membership' && one.before?.role !== one.after?.role;
    const owners = new Set(changes.filter(isRole).map(({ key }) => Number(key)));
    if (owners.size === 0) return owners;
    const owned = [...snapshot.devices.values()].filter(
      ({ device }) => device.ownerKind === 'membership' && owners.has(device.owner),
    );
    return new Set(owned.map(({ device }) => device.id));
  };
  /** Devices that are logged in to are told where that is recorded, so a recorder that comes or goes concerns them. */
  const withRecorders = (effects: ViewEffects): ViewEffects => {
    if (!recorders.refresh()) return effects;
    sshOnWire = new WeakMap();
    const isRecorded = (device: number): boolean =>
      engine.ssh(device).rules.some(({ recorders: tags }) => tags.length > 0);
    return { ...effects, own: new Set([...effects.own, ...[...snapshot.devices.keys()].filter(isRecorded)]) };
  };
  const peer = (viewer: number, device: number): PeerView | undefined =>
    viewer !== device && engine.sees(viewer, device) ? (engine.view(viewer, device) as PeerView) : undefined;

  /** The services that devices of a class may use, until the next change. */
  const servicesOfClass = new Map<number, CapMap>();
  const services = (device: number): CapMap => {
    if (hostsServices(device)) return usableServices(snapshot, (host) => peer(device, host));
    const kind = engine.viewerClass(device);
    let known = servicesOfClass.get(kind);
    if (known === undefined) {
      known = usableServices(snapshot, (host) => peer(device, host));
      servicesOfClass.set(kind, known);
    }
    return known;
  };

  // The engine speaks the wire's own shapes; the arguments of capabilities, which it passes on from the file, are lists
  // there and any JSON here: hence the casts below.
  return {
    clients: createClientAccess(engine),
    classOf: (device) => engine.viewerClass(device),
    peers: (viewer) => engine.peers(viewer),
    peer,
    own: (device): OwnView => {
      const self = engine.self(device);
      return {
        filter: engine.filter(device).rules as readonly FilterRule[],
        ssh: ssh(device),
        capMap: {
          ...BASE_CAPABILITIES,
          ...settingCapabilities(),
          ...roleCapabilities(device),
          ...hostCapability(snapshot, device),
          ...services(device),
          ...connectorCaps(snapshot, device),
          ...withoutFunnel(self.capMap as CapMap),
          ...(hasCertificates(snapshot, certificateDomain()) ? HTTPS_CAPABILITY : {}),
        },
        allowedIPs: self.allowedIPs,
        primaryRoutes: self.primaryRoutes,
      };
    },
    opened: engine.opened,
    relays: (map) => ({ ...map, Regions: withRelays(map.Regions ?? {}, saidOfRelays()) }),
    saidOfRelays,
    update: (changes, touched) => {
      servicesOfClass.clear();
      const effects = withRecorders(withServices(gather(policy.apply(changes, touched)), changes));
      return {
        ...effects,
        own: effects.own.union(connectorsConcerned(snapshot, changes)).union(concernedThemselves(changes)),
      };
    },
    sshRule: (source, target, user) => {
      const addresses = new Set(snapshot.devices.get(source)?.addresses.map(({ ip }) => ip));
      return engine
        .ssh(target)
        .rules.find(
          ({ principals, sshUsers }) =>
            loginOf(sshUsers, user) !== '' && principals.some(({ nodeIP }) => addresses.has(nodeIP)),
        );
    },
    recordersOf,
    expire: (time) => {
      const changes = policy.expire(time);
      if (changes !== undefined) servicesOfClass.clear();
      return changes === undefined ? undefined : withRecorders(gather(changes));
    },
  };
}
