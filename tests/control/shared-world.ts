// Two organizations that share devices with each other, and what a packet between any two of their devices meets.
import { type Actor, memberPermissions } from '../../src/domain/access/actor.ts';
import type { Membership, Organization } from '../../src/domain/model/people.ts';
import { createShareAcceptance } from '../../src/domain/shares/share-acceptance.ts';
import { shareCode } from '../../src/domain/shares/share-code.ts';
import { createShareService } from '../../src/domain/shares/share-service.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Addr, parseAddr } from '../../src/kernel/netip/index.ts';
import { randomNanoId, systemRandom } from '../../src/kernel/random.ts';
import { packetFilter, type TestDevice } from '../client/index.ts';
import { covers, filterAccepts } from '../property/policy-packet.ts';
import { type ControlServer, startControlServer, type Tenant } from '../support/control-server.ts';
import type { EngineName } from '../support/engines.ts';

const SECRETS = { share: () => 'x'.repeat(43) };
export const TCP = 6;

const actorOf = (member: Membership): Actor => ({
  kind: 'member',
  org: member.org,
  membership: member.id,
  name: member.username,
  role: member.role,
  credential: null,
  permissions: memberPermissions(member.role, null),
});

export interface SharedWorld {
  readonly server: ControlServer;
  readonly rival: Tenant;
  /** By their names: `<label>.<organization>`. */
  readonly devices: ReadonlyMap<string, TestDevice>;
  organizationOf(name: string): Organization;
  device(name: string): TestDevice;
  /** The name that a device goes by in an organization: its label at home, its full name elsewhere. */
  nameIn(organization: Organization, name: string): string;
  addressOf(name: string): string;
  /** Shares a device of acme's owner, or of rival's, with a member of the other. Returns the invite's id. */
  share(name: string, acceptor: Membership, exitNode?: boolean): Promise<number>;
  revoke(id: number): Promise<void>;
  setPolicy(organization: Organization, file: object | null): Promise<void>;
  /** Whether a packet to an address reaches a device by what all maps say. */
  passes(source: string, target: string, port: number): boolean;
}

/** What clients begin with that keep a device which was shared with them from reaching them. */
const TOO_OLD = 93;
const EXIT_ROUTES = ['0.0.0.0/0', '::/0'];

async function addMember(server: ControlServer, of: Tenant): Promise<Membership> {
  const email = `mate@${of.organization.label}.test`;
  let made: Membership | undefined;
  const orgs = [0, of.organization.id];
  const context = { orgs, by: { kind: 'system', id: '', name: 'test' }, origin: 'system' } as const;
  await server.store.write(context, async (tx) => {
    const account = await tx.insert('account', { org: 0, id: tx.newId(), claimed: true, createdAt: tx.now });
    const { account: _a, id: _i, nano: _n, ...like } = of.owner;
    made = await tx.insert('membership', {
      ...like,
      id: tx.newId(),
      nano: randomNanoId(systemRandom),
      account: account.id,
      username: email,
      usernameKey: email,
      email,
      emailKey: email,
      role: 'admin',
    });
    tx.audit(0, { verb: 'create', objectKind: 'account', objectId: account.id, objectName: email });
    tx.audit(of.organization.id, {
      ...{ verb: 'create', objectKind: 'membership', objectId: made.id, objectName: email },
    });
  });
  return made!;
}

/**
 * Acme: `printer`, `spare`, and `gate`, which routes a subnet and the internet. Rival: `laptop` of its owner, `old`, whose
 * client is too old to meet what is shared, `tagged`, which is nobody's own, and `phone` of another member.
 */
export async function createSharedWorld(engine: EngineName): Promise<SharedWorld & { mate: Membership }> {
  const server = await startControlServer(engine);
  const rival = await server.tenant('rival');
  const mate = await addMember(server, rival);
  const devices = new Map<string, TestDevice>();
  for (const name of ['printer', 'spare']) devices.set(`${name}.acme`, await server.joined(name));
  const routes = { RoutableIPs: ['10.7.0.0/16', ...EXIT_ROUTES] };
  devices.set('gate.acme', await server.joined('gate', { hostinfo: routes }));
  for (const name of ['laptop', 'tagged', 'phone']) devices.set(`${name}.rival`, await rival.joined(name));
  devices.set('old.rival', await rival.joined('old', { capver: TOO_OLD }));

  const device = (name: string): TestDevice => {
    const found = devices.get(name);
    if (found === undefined) throw new Error(`no device ${name}`);
    return found;
  };
  const rowOf = (name: string) => server.row(device(name));
  const gate = await rowOf('gate.acme');
  await server.write(async (tx) => {
    const enabled = { manualAt: tx.now, manualBy: server.owner.id, auto: false, advertised: true };
    for (const prefix of routes.RoutableIPs) {
      await tx.put('route', { org: gate.org, device: gate.id, prefix, ...enabled });
    }
  });
  const [tagged, phone] = [await rowOf('tagged.rival'), await rowOf('phone.rival')];
  await rival.write(async (tx) => {
    await tx.insert('deviceTag', { org: tagged.org, device: tagged.id, tag: 'tag:x', source: 'admin' });
    await tx.update('device', tagged.org, tagged.id, { ownerKind: 'tags', owner: 0 });
    await tx.update('device', phone.org, phone.id, { owner: mate.id });
  });

  const organizationOf = (name: string): Organization =>
    name.endsWith('.acme') ? server.organization : rival.organization;
  const shares = createShareService({ store: server.store, clock: systemClock });
  const acceptance = createShareAcceptance({ store: server.store, clock: systemClock, secrets: SECRETS });
  const addressOf = (name: string): string =>
    (device(name).netmap().self?.Addresses?.[0] ?? '').replace(/\/\d+$/u, '');

  return {
    server,
    rival,
    mate,
    devices,
    organizationOf,
    device,
    nameIn: (organization, name) =>
      organizationOf(name).id === organization.id ? (name.split('.')[0] ?? '') : `${name}.holdfast.internal`,
    addressOf,
    share: async (name, acceptor, exitNode = false) => {
      const owner = organizationOf(name).id === server.organization.id ? server.owner : rival.owner;
      const wanted = [{ multiUse: false, exitNode, email: null }];
      const [made] = await shares.create(actorOf(owner), (await rowOf(name)).id, wanted, 'native-api');
      await acceptance.accept(actorOf(acceptor), shareCode(SECRETS, made!.share), 'native-api');
      return made!.share.id;
    },
    revoke: async (id) => shares.remove(actorOf(server.owner), id, 'native-api'),
    setPolicy: async (organization, file) => {
      const tenant = organization.id === server.organization.id ? server : rival;
      await tenant.write(async (tx) => {
        const org = organization.id;
        const version = 1 + (await tx.count('policyVersion', org));
        const text = JSON.stringify(file ?? { grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }] });
        const by = { byKind: 'system', byId: '', byName: 'test' } as const;
        const row = { version, text, etag: String(version), isDefault: false, createdAt: tx.now, ...by };
        await tx.insert('policyVersion', { org, id: tx.newId(), ...row });
      });
    },
    passes: (source, target, port) => {
      const from = parseAddr(addressOf(source));
      const to = parseAddr(devices.has(target) ? addressOf(target) : target);
      if (from === undefined || to === undefined) throw new Error(`${source} or ${target} has no address`);
      return [...devices].some(([name, receiver]) => {
        if (name === source || (devices.has(target) && name !== target)) return false;
        const peer = device(source).netmap().peers.get(idOf(receiver));
        const back = receiver.netmap().peers.get(idOf(device(source)));
        if (peer === undefined || back === undefined) return false;
        // Clients drop a peer whose key has ended by themselves.
        if (peer.Expired === true || back.Expired === true || back.IsJailed === true) return false;
        if (!longest(device(source), to, idOf(receiver))) return false;
        const rules = packetFilter(receiver.netmap());
        return filterAccepts(rules, { from, to, protocol: TCP, port });
      });
    },
  };
}

const idOf = (device: TestDevice): number => Number(device.netmap().self?.ID ?? 0);

/** Whether a client sends packets to an address to this peer: the longest of all prefixes that it was given holds it. */
function longest(source: TestDevice, to: Addr, peer: number): boolean {
  let best: { bits: number; id: number } | undefined;
  for (const { ID, AllowedIPs = [] } of source.netmap().peers.values()) {
    for (const prefix of AllowedIPs ?? []) {
      const bits = Number(prefix.slice(prefix.lastIndexOf('/') + 1));
      if (covers(prefix, to) && bits > (best?.bits ?? -1)) best = { bits, id: Number(ID) };
    }
  }
  return best?.id === peer;
}
