// Devices of two organizations that meet where one is shared: what each is told, in both organizations' maps.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/access/actor.ts';
import { memberPermissions } from '../../src/domain/access/actor.ts';
import { removeDevice } from '../../src/domain/devices/device-removal.ts';
import type { Membership } from '../../src/domain/model/people.ts';
import { moveDnsBase } from '../../src/domain/organizations/dns-base.ts';
import { createOrganizationRemoval } from '../../src/domain/organizations/organization-removal.ts';
import { createMemberAdmin } from '../../src/domain/people/member-admin.ts';
import { createShareAcceptance } from '../../src/domain/shares/share-acceptance.ts';
import { shareCode } from '../../src/domain/shares/share-code.ts';
import { createShareService } from '../../src/domain/shares/share-service.ts';
import { createSharedUsers } from '../../src/domain/shares/shared-users.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Netmap, packetFilter, peerNamed, type TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer, type Tenant } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';
import { insertMember, insertPolicy } from '../support/seeds.ts';

// Five times the second that others may need to hear of a change.
const SOON_MS = 5_000;
const SECRETS = { share: () => 'x'.repeat(43) };

const actorOf = (member: Membership): Actor => ({
  kind: 'member',
  org: member.org,
  membership: member.id,
  name: member.username,
  role: member.role,
  credential: null,
  permissions: memberPermissions(member.role, null),
});

const sees =
  (name: string) =>
  (map: Netmap): boolean =>
    peerNamed(map, name) !== undefined;
const misses =
  (name: string) =>
  (map: Netmap): boolean =>
    peerNamed(map, name) === undefined;

describe.each(ENGINES)('a shared device on %s', (engine) => {
  let server: ControlServer;
  let rival: Tenant;
  let printer: TestDevice;
  let laptop: TestDevice;
  beforeEach(async () => {
    server = await startControlServer(engine);
    rival = await server.tenant('rival');
    printer = await server.joined('printer');
    laptop = await rival.joined('laptop');
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const shares = () => createShareService({ store: server.store, clock: systemClock });
  const share = async (
    device: TestDevice,
    sharer: Membership,
    acceptor: Membership,
    exitNode = false,
  ): Promise<number> => {
    const { id } = await server.row(device);
    const wanted = [{ multiUse: false, exitNode, email: null }];
    const [made] = await shares().create(actorOf(sharer), id, wanted, 'native-api');
    const acceptance = createShareAcceptance({ store: server.store, clock: systemClock, secrets: SECRETS });
    await acceptance.accept(actorOf(acceptor), shareCode(SECRETS, made!.share), 'native-api');
    return made!.share.id;
  };
  const give = (exitNode = false): Promise<number> => share(printer, server.owner, rival.owner, exitNode);
  const met = async (): Promise<void> => {
    await laptop.waitFor(sees('printer'), SOON_MS, 'the printer at the laptop');
    await printer.waitFor(sees('laptop'), SOON_MS, 'the laptop at the printer');
  };
  const parted = async (): Promise<void> => {
    await laptop.waitFor(misses('printer'), SOON_MS, 'no printer at the laptop');
    await printer.waitFor(misses('laptop'), SOON_MS, 'no laptop at the printer');
  };
  const addressesOf = (device: TestDevice): string[] =>
    (device.netmap().self?.Addresses ?? []).map((prefix) => prefix.replace(/\/\d+$/u, ''));
  const setPolicy = (tenant: Pick<Tenant, 'organization' | 'write'>, file: object): Promise<void> =>
    tenant.write((tx) => insertPolicy(tx, tenant.organization.id, file));
  const acme = (): Pick<Tenant, 'organization' | 'write'> => server;

  it('is met under its new name when all organizations get another domain', async () => {
    await give();
    await met();
    await moveDnsBase(server.store, 'ts.example.net', { kind: 'system', id: '', name: 'test' });
    await laptop.waitFor(
      (map) =>
        peerNamed(map, 'printer')?.Name === 'printer.acme.ts.example.net.' &&
        map.self?.Name === 'laptop.rival.ts.example.net.' &&
        map.dns?.Routes?.['ts.example.net'] !== undefined &&
        map.dns.Routes['holdfast.internal'] === undefined,
      SOON_MS,
      'the new names',
    );
  });

  it('is met by the devices of whoever accepted, under its own name and addresses, and by nobody else there', async () => {
    const other = await rival.joined('other-tagged', {});
    await rival.write(async (tx) => {
      const { id } = await server.row(other);
      const org = rival.organization.id;
      await tx.insert('deviceTag', { org, device: id, tag: 'tag:x', source: 'admin' });
      await tx.update('device', org, id, { ownerKind: 'tags', owner: 0 });
    });
    const bystander = await server.joined('bystander');
    await give();
    await met();
    const seen = peerNamed(laptop.netmap(), 'printer');
    expect(seen).toMatchObject({
      Name: 'printer.acme.holdfast.internal.',
      Key: printer.nodeKey(),
      Addresses: printer.netmap().self?.Addresses,
      AllowedIPs: printer.netmap().self?.Addresses,
      IsJailed: true,
      Online: true,
    });
    expect(seen?.Tags).toBeUndefined();
    expect(laptop.netmap().users.get(server.owner.id)).toMatchObject({ LoginName: 'ada@acme.test' });
    // Names of other organizations are looked up by the client itself.
    await laptop.waitFor((map) => map.dns?.Routes?.['holdfast.internal'] !== undefined, SOON_MS);
    const guest = peerNamed(printer.netmap(), 'laptop');
    expect(guest).toMatchObject({
      Name: 'laptop.rival.holdfast.internal.',
      Key: laptop.nodeKey(),
      Hostinfo: { ShareeNode: true },
    });
    expect(guest?.IsJailed).not.toBe(true);
    expect(printer.netmap().users.get(rival.owner.id)).toMatchObject({ LoginName: 'owner@rival.test' });
    for (const [device, name] of [
      [other, 'printer'],
      [bystander, 'laptop'],
    ] as const) {
      expect(peerNamed(device.netmap(), name)).toBeUndefined();
    }
    expect(peerNamed(laptop.netmap(), 'bystander')).toBeUndefined();
    expect(peerNamed(printer.netmap(), 'other-tagged')).toBeUndefined();
  });

  it('is called by no login that somebody here has', async () => {
    await rival.write(async (tx) => {
      const email = 'Ada@acme.test';
      await tx.update('membership', rival.organization.id, rival.owner.id, { email });
    });
    await give();
    await met();
    expect(printer.netmap().users.get(server.owner.id)).toMatchObject({ LoginName: 'ada@acme.test' });
    expect(printer.netmap().users.get(rival.owner.id)).toMatchObject({
      LoginName: 'Ada@acme.test (rival.holdfast.internal)',
    });
    expect(laptop.netmap().users.get(server.owner.id)).toMatchObject({
      LoginName: 'ada@acme.test (acme.holdfast.internal)',
    });
  });

  it('is in the first map of a device that connects later', async () => {
    await give();
    await met();
    const later = await rival.joined('later');
    expect(peerNamed(later.netmap(), 'printer')).toMatchObject({ IsJailed: true });
    await printer.waitFor(sees('later'), SOON_MS, 'the later device at the printer');
    laptop.drop();
    await laptop.reconnect();
    expect(peerNamed(laptop.netmap(), 'printer')).toMatchObject({ IsJailed: true });
  });

  it('lets guests reach the device itself, and nothing that it routes', async () => {
    await server.write(async (tx) => {
      const { id, org } = await server.row(printer);
      for (const prefix of ['10.7.0.0/16', '0.0.0.0/0', '::/0']) {
        await tx.insert('route', {
          org,
          device: id,
          prefix,
          advertised: true,
          manualAt: tx.now,
          manualBy: server.owner.id,
          auto: false,
        });
      }
    });
    await give();
    await met();
    expect(peerNamed(laptop.netmap(), 'printer')?.AllowedIPs).toEqual(printer.netmap().self?.Addresses);
    const guest = addressesOf(laptop);
    const own = addressesOf(printer);
    const opened = packetFilter(printer.netmap()).filter(({ SrcIPs }) =>
      SrcIPs.some((text) => guest.includes(text)),
    );
    expect(opened.flatMap(({ DstPorts = [] }) => DstPorts.map(({ IP }) => IP)).toSorted()).toEqual(
      own.toSorted(),
    );
    // Nor does any other rule of the filter hold a guest's address.
    for (const { SrcIPs } of packetFilter(printer.netmap())) {
      for (const text of SrcIPs) {
        if (guest.includes(text)) continue;
        for (const address of guest) expect(holds(text, address)).toBe(false);
      }
    }
  });

  it('is an exit node where it was shared as one', async () => {
    await server.write(async (tx) => {
      const { id, org } = await server.row(printer);
      for (const prefix of ['0.0.0.0/0', '::/0']) {
        const row = { org, device: id, prefix, advertised: true, manualAt: tx.now, manualBy: 0, auto: false };
        await tx.insert('route', row);
      }
    });
    await give(true);
    await met();
    expect(peerNamed(laptop.netmap(), 'printer')?.AllowedIPs).toEqual(
      expect.arrayContaining(['0.0.0.0/0', '::/0']),
    );
    const guest = addressesOf(laptop);
    const opened = packetFilter(printer.netmap()).filter(({ SrcIPs }) =>
      SrcIPs.some((text) => guest.includes(text)),
    );
    const targets = opened.flatMap(({ DstPorts = [] }) => DstPorts.map(({ IP }) => IP));
    expect(targets.some((text) => holds(text, '8.8.8.8'))).toBe(true);
    expect(targets.some((text) => holds(text, '10.7.0.1'))).toBe(false);
  });

  it('tells either side of keys, endpoints and presence of the other as patches', async () => {
    await give();
    await met();
    await printer.update({ endpoints: ['192.0.2.7:41641'], homeDerp: 7 });
    await laptop.update({ endpoints: ['192.0.2.8:41641'] });
    await laptop.waitFor((map) => peerNamed(map, 'printer')?.Endpoints?.[0] === '192.0.2.7:41641', SOON_MS);
    await printer.waitFor((map) => peerNamed(map, 'laptop')?.Endpoints?.[0] === '192.0.2.8:41641', SOON_MS);
    expect(laptop.messages().at(-1)?.PeersChanged).toBeUndefined();
    printer.drop();
    await laptop.waitFor(
      (map) => peerNamed(map, 'printer')?.Online === false,
      SOON_MS,
      'the printer offline',
    );
    const old = printer.rotateNodeKey();
    await printer.register({ oldNodeKey: old });
    await printer.startMap();
    await laptop.waitFor(
      (map) => peerNamed(map, 'printer')?.Key === printer.nodeKey(),
      SOON_MS,
      'the new key at the laptop',
    );
    await laptop.waitFor((map) => peerNamed(map, 'printer')?.Online === true, SOON_MS);
  });

  it('is parted from its guests by the file of either organization, and named in it', async () => {
    await give();
    await met();
    const [guest = ''] = addressesOf(laptop);
    const [own = ''] = addressesOf(printer);
    const portsAt = (map: Netmap): number[] =>
      packetFilter(map)
        .filter(({ SrcIPs }) => SrcIPs.includes(guest))
        .flatMap(({ DstPorts = [] }) => DstPorts.map(({ Ports }) => Ports.First));
    const opening = (src: string, port: number) => ({
      acls: [{ action: 'accept', src: [src], dst: [`${own}:${port}`] }],
    });
    for (const [src, port] of [
      ['autogroup:shared', 22],
      ['owner@rival.test', 443],
      [guest, 80],
    ] as const) {
      await setPolicy(acme(), opening(src, port));
      await printer.waitFor((map) => portsAt(map).includes(port), SOON_MS, `${src} at the printer`);
      expect(portsAt(printer.netmap())).toEqual([port]);
    }
    for (const src of ['autogroup:member', 'ada@acme.test', 'somebody@rival.test']) {
      await setPolicy(acme(), opening(src, 22));
      await printer.waitFor(misses('laptop'), SOON_MS, `no guest where ${src} is named`);
    }
    await setPolicy(acme(), opening('autogroup:shared', 22));
    await printer.waitFor(sees('laptop'), SOON_MS);

    for (const dst of [`${own}:22`, 'ada@acme.test:22', '*:22']) {
      await setPolicy(rival, { acls: [{ action: 'accept', src: ['autogroup:member'], dst: [dst] }] });
      await laptop.waitFor(sees('printer'), SOON_MS, `${dst} at the laptop`);
      await setPolicy(rival, { acls: [] });
      await laptop.waitFor(misses('printer'), SOON_MS, 'nothing at the laptop');
    }
  });

  it('may begin nothing, unless its person accepted a device of the other side too', async () => {
    await give();
    await met();
    await share(laptop, rival.owner, server.owner);
    await laptop.waitFor((map) => peerNamed(map, 'printer')?.IsJailed !== true, SOON_MS, 'no jail');
    await printer.waitFor((map) => peerNamed(map, 'laptop')?.IsJailed !== true, SOON_MS);
    const filter = packetFilter(laptop.netmap());
    expect(filter.some(({ SrcIPs }) => SrcIPs.includes(addressesOf(printer)[0] ?? ''))).toBe(true);
  });

  const endings: readonly (readonly [string, (id: number) => Promise<unknown>])[] = [
    ['the invite is deleted', (id) => shares().remove(actorOf(server.owner), id, 'native-api')],
    [
      'the shared user is removed',
      () =>
        createSharedUsers({ store: server.store }).remove(
          actorOf(server.owner),
          rival.owner.id,
          'native-api',
        ),
    ],
    [
      'the device is deleted',
      async () => {
        const row = await server.row(printer);
        await server.write((tx) => removeDevice(tx, row));
      },
    ],
    [
      'its organization is deleted',
      () => createOrganizationRemoval({ store: server.store }).remove(actorOf(server.owner), 'native-api'),
    ],
  ];
  it.each(endings)('is gone for its guests when %s', async (_what, end) => {
    const id = await give();
    await met();
    await end(id);
    await laptop.waitFor(misses('printer'), SOON_MS, 'no printer at the laptop');
    if (_what.startsWith('its') || _what.startsWith('the device')) return;
    await parted();
  });

  it('is gone for somebody who is suspended, and back when they are restored', async () => {
    const person = await addMember(rival);
    const phone = await rival.joined('phone');
    await rival.write(async (tx) => {
      const { id } = await server.row(phone);
      await tx.update('device', rival.organization.id, id, { owner: person.id });
    });
    await share(printer, server.owner, person);
    await phone.waitFor(sees('printer'), SOON_MS, 'the printer at the phone');
    await printer.waitFor(sees('phone'), SOON_MS, 'the phone at the printer');
    const admin = createMemberAdmin({ store: server.store });
    await admin.suspend(actorOf(rival.owner), person.id, 'native-api');
    await phone.waitFor(misses('printer'), SOON_MS, 'no printer at the phone');
    await printer.waitFor(misses('phone'), SOON_MS, 'no phone at the printer');
    await admin.restore(actorOf(rival.owner), person.id, 'native-api');
    await phone.waitFor(sees('printer'), SOON_MS, 'the printer back at the phone');
    await printer.waitFor(sees('phone'), SOON_MS, 'the phone back at the printer');
    await admin.remove(actorOf(rival.owner), person.id, 'native-api');
    await printer.waitFor(misses('phone'), SOON_MS, 'no phone at the printer');
    // What is left of the share goes too.
    await expect
      .poll(() => server.store.count('shareAccept', server.organization.id), { timeout: SOON_MS })
      .toBe(0);
  });

  it('is gone when either organization takes away the approval of the device', async () => {
    await give();
    await met();
    const { id } = await server.row(printer);
    const org = server.organization.id;
    await server.write(async (tx) => void (await tx.update('device', org, id, { authorizedAt: null })));
    await laptop.waitFor(misses('printer'), SOON_MS, 'no printer at the laptop');
    await server.write(async (tx) => void (await tx.update('device', org, id, { authorizedAt: tx.now })));
    await met();
    const guest = await server.row(laptop);
    await rival.write(
      async (tx) => void (await tx.update('device', guest.org, guest.id, { blockedAt: tx.now })),
    );
    await printer.waitFor(misses('laptop'), SOON_MS, 'no laptop at the printer');
  });

  const addMember = async (of: Tenant): Promise<Membership> => {
    let made: Membership | undefined;
    await server.store.write(
      { orgs: [0, of.organization.id], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' },
      async (tx) => {
        const email = `person@${of.organization.label}.test`;
        made = await insertMember(tx, of.organization.id, { username: email, role: 'admin' });
        tx.audit(0, { verb: 'create', objectKind: 'account', objectId: made.account, objectName: email });
        tx.audit(of.organization.id, {
          verb: 'create',
          objectKind: 'membership',
          objectId: made.id,
          objectName: email,
        });
      },
    );
    return made!;
  };
});

/** Whether a source or destination of a filter holds an IPv4 address (of IPv6, only the text itself and `*`). */
function holds(text: string, address: string): boolean {
  if (text === '*' || text === address) return true;
  if (address.includes(':')) return text === 'fd7a:115c:a1e0::/48';
  const number = (ip: string): number => ip.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const [from = '', to = from] = text.split('-');
  if (from.includes(':')) return false;
  const [base = '', bits] = from.split('/');
  if (bits !== undefined) {
    const size = 2 ** (32 - Number(bits));
    return number(address) >= number(base) && number(address) < number(base) + size;
  }
  return number(address) >= number(base) && number(address) <= number(to);
}
