// Devices that join because a person signed in for them: the link, the held request, what may be decided and by whom.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDeviceLogins,
  type DeviceLogins,
} from '../../src/domain/device-logins/device-login-service.ts';
import { createJoinService } from '../../src/domain/devices/join-service.ts';
import { createJoinPolicy } from '../../src/effective-policy/join-policy.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import type { TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';

const LINK = /^http:\/\/127\.0\.0\.1:\d+\/login\/device\/([A-Za-z0-9]{32})$/;
const MINUTE = 60_000;

describe.each(ENGINES)('joining by signing in on %s', (engine) => {
  let server: ControlServer;
  let logins: DeviceLogins;
  beforeEach(async () => {
    server = await startControlServer(engine);
    const { store } = server;
    const parts = { store, clock: systemClock, random: systemRandom };
    const joins = createJoinService({ ...parts, policy: createJoinPolicy({ store }) });
    logins = createDeviceLogins({ ...parts, joins, limits: { all: 8, perAddress: 6, perMachine: 3 } });
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const ada = () => ({
    org: server.organization.id,
    membership: server.owner.id,
    name: 'ada@acme.test',
  });
  const begin = async (device: TestDevice) => {
    const answer = await device.register();
    const [url, id] = LINK.exec(answer.AuthURL) ?? [];
    if (url === undefined || id === undefined) throw new Error(`no link: ${JSON.stringify(answer)}`);
    return { url, id, followup: device.register({ followup: url }) };
  };
  const isHeld = (request: Promise<unknown>) =>
    Promise.race([
      request.then(() => false),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 300)),
    ]);
  const ref = async () => {
    const [row] = await server.store.find('deviceLogin', 0, {});
    if (row === undefined) throw new Error('no login waits');
    return { ref: row.ref };
  };
  const change = async (patch: { expiresAt: number }) => {
    const key = await ref();
    const context = { orgs: [0], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' } as const;
    await server.store.write(context, (tx) => tx.update('deviceLogin', 0, key, patch));
  };

  it('holds the client until a person says yes, and lets it in as that person’s', async () => {
    const device = server.device({ hostname: 'laptop' });
    const { id, followup } = await begin(device);
    expect(await isHeld(followup)).toBe(true);
    expect(await server.store.count('device', server.organization.id)).toBe(0);
    expect((await logins.approve(id, ada())).kind).toBe('joined');
    expect(await followup).toMatchObject({
      AuthURL: '',
      Error: '',
      MachineAuthorized: true,
      Login: { LoginName: 'ada@acme.test' },
    });
    const row = await server.row(device);
    expect(row).toMatchObject({
      ownerKind: 'membership',
      owner: server.owner.id,
      label: 'laptop',
      credential: 0,
    });
    expect(row.keyExpiresAt).toBeGreaterThan(Date.now() + 179 * 24 * 60 * MINUTE);
    expect((await device.startMap()).self?.Name).toMatch(/^laptop\./);
  });

  it('tells the client when the person says no, and keeps nothing of the device', async () => {
    const { id, followup } = await begin(server.device({ hostname: 'laptop' }));
    expect(await logins.deny(id, ada())).toBe(true);
    expect(await followup).toMatchObject({ Error: 'the sign-in was refused', AuthURL: '' });
    expect((await logins.approve(id, ada())).kind).toBe('refused');
    expect(await logins.deny(id, ada())).toBe(false);
    expect(await server.store.count('device', server.organization.id)).toBe(0);
  });

  it('tells the client when nobody came in time', async () => {
    const { id, followup } = await begin(server.device({ hostname: 'laptop' }));
    expect(await isHeld(followup)).toBe(true);
    await change({ expiresAt: Date.now() + 200 });
    expect(await followup).toMatchObject({ Error: 'nobody signed in for this device in time; start again' });
    expect((await logins.approve(id, ada())).kind).toBe('refused');
    expect(await logins.waiting(id)).toBeUndefined();
  });

  it('gives a link lives of a quarter of an hour', async () => {
    const { followup, id } = await begin(server.device({ hostname: 'laptop' }));
    const login = await logins.waiting(id);
    expect(login?.expiresAt).toBe((login?.createdAt ?? 0) + 15 * MINUTE);
    await logins.deny(id, ada());
    await followup;
  });

  it('answers a question about an unknown login with a new link', async () => {
    const device = server.device({ hostname: 'laptop' });
    for (const followup of ['x', 'http://127.0.0.1/login/device/', `http://elsewhere/${'a'.repeat(32)}`]) {
      expect((await device.register({ followup })).AuthURL).toMatch(LINK);
    }
  });

  it('does not take another machine’s question for the login’s own', async () => {
    const device = server.device({ hostname: 'laptop' });
    const { url, id, followup } = await begin(device);
    const other = server.device({ hostname: 'other' });
    const answer = await other.register({ followup: url });
    expect(answer.AuthURL).toMatch(LINK);
    expect(answer.AuthURL).not.toBe(url);
    expect(await isHeld(followup)).toBe(true);
    await logins.approve(id, ada());
    expect(await followup).toMatchObject({ MachineAuthorized: true });
    expect((await other.register({ followup: url })).AuthURL).toMatch(LINK);
    expect(await server.store.count('device', server.organization.id)).toBe(1);
  });

  it('lets a login be decided once, whoever comes first', async () => {
    const { id, followup } = await begin(server.device({ hostname: 'laptop' }));
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => logins.approve(id, ada())));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['joined', ...Array(4).fill('refused')]);
    await followup;
    expect(await server.store.count('device', server.organization.id)).toBe(1);
  });

  it('takes the question up again after the connection was lost, also when it was decided meanwhile', async () => {
    const device = server.device({ hostname: 'laptop' });
    const { url, id, followup } = await begin(device);
    const lost = expect(followup).rejects.toThrow();
    device.drop();
    await lost;
    const again = device.register({ followup: url });
    expect(await isHeld(again)).toBe(true);
    const third = device.register({ followup: url }).catch(() => undefined);
    await logins.approve(id, ada());
    expect(await third).toMatchObject({ MachineAuthorized: true });
    device.drop();
    expect(await device.register({ followup: url })).toMatchObject({ MachineAuthorized: true, AuthURL: '' });
    expect(await device.register()).toMatchObject({ MachineAuthorized: true, AuthURL: '' });
    await again.catch(() => undefined);
  });

  it('decides all links of one device together', async () => {
    const device = server.device({ hostname: 'laptop' });
    const first = await begin(device);
    const second = await begin(device);
    await logins.approve(first.id, ada());
    expect(await second.followup).toMatchObject({ MachineAuthorized: true });
    expect(await first.followup).toMatchObject({ MachineAuthorized: true });
    expect((await logins.approve(second.id, ada())).kind).toBe('refused');
  });

  it('keeps id, addresses and name when a person signs in again after the key has ended', async () => {
    const device = server.device({ hostname: 'laptop' });
    const { id, followup } = await begin(device);
    await logins.approve(id, ada());
    await followup;
    const before = await server.row(device);
    const addresses = (await device.startMap()).self?.Addresses;

    expect(await device.logout()).toMatchObject({ NodeKeyExpired: true });
    expect(await device.register()).toMatchObject({ NodeKeyExpired: true, AuthURL: '' });
    const oldNodeKey = device.rotateNodeKey();
    const answer = await device.register({ oldNodeKey });
    const again = LINK.exec(answer.AuthURL)?.[1] ?? '';
    await logins.approve(again, ada());
    expect(await device.register({ followup: answer.AuthURL })).toMatchObject({ MachineAuthorized: true });
    const after = await server.row(device);
    expect({ id: after.id, label: after.label }).toEqual({ id: before.id, label: before.label });
    expect(after.keyExpiresAt).toBeGreaterThan(Date.now());
    expect((await device.startMap()).self?.Addresses).toEqual(addresses);
  });

  it('makes a device wait for approval where the organization wants that', async () => {
    await server.write((tx) =>
      tx.put('setting', {
        org: server.organization.id,
        name: 'device_approval',
        value: true,
        updatedAt: tx.now,
      }),
    );
    const { id, followup } = await begin(server.device({ hostname: 'laptop' }));
    await logins.approve(id, ada());
    expect(await followup).toMatchObject({ MachineAuthorized: false, Error: '', AuthURL: '' });
  });

  it('refuses tags that the person does not own, and the login stays to be decided', async () => {
    const device = server.device({ hostname: 'laptop', hostinfo: { RequestTags: ['tag:prod'] } });
    const { id, followup } = await begin(device);
    await server.write(async (tx) => {
      await tx.update('membership', server.organization.id, server.owner.id, { role: 'member' });
    });
    expect(await logins.approve(id, ada())).toMatchObject({
      kind: 'refused',
      reason: 'requested tags [tag:prod] are invalid or not permitted',
    });
    expect(await isHeld(followup)).toBe(true);
    expect(await logins.waiting(id)).toBeDefined();
    await logins.deny(id, ada());
    expect(await followup).toMatchObject({ Error: 'the sign-in was refused' });
  });

  it('lets a suspended person bring nothing in', async () => {
    const { id, followup } = await begin(server.device({ hostname: 'laptop' }));
    await server.write(async (tx) => {
      await tx.update('membership', server.organization.id, server.owner.id, { suspendedAt: tx.now });
    });
    expect(await logins.approve(id, ada())).toEqual({
      kind: 'refused',
      reason: 'the person who signed in is not active',
    });
    expect(await isHeld(followup)).toBe(true);
    await logins.deny(id, ada());
    await followup;
  });

  it('bounds what waits, for a machine and for an address, and drops the oldest', async () => {
    const facts = (machineKey: string) => ({
      ...{ machineKey, nodeKey: `nodekey:${'0'.repeat(63)}1`, authKey: null, ephemeral: false },
      ...{ hostname: 'h', os: 'linux', clientVersion: '', capver: 142, advertised: [], requestTags: [] },
      ...{ hostinfo: {}, netInfo: null, homeDerp: 0, shieldsUp: false },
    });
    const made: string[] = [];
    for (let count = 0; count < 5; count += 1) made.push(await logins.begin(facts('mkey:a'), '192.0.2.1'));
    expect(await Promise.all(made.map(async (id) => (await logins.waiting(id)) !== undefined))).toEqual([
      ...[false, false, true, true, true],
    ]);
    for (let count = 0; count < 10; count += 1) await logins.begin(facts(`mkey:${count}`), '192.0.2.1');
    expect(await server.store.count('deviceLogin', 0)).toBe(6);
    for (let count = 0; count < 10; count += 1)
      await logins.begin(facts(`mkey:${count}`), `198.51.100.${count}`);
    expect(await server.store.count('deviceLogin', 0)).toBe(8);
  });

  it('does not keep what a stranger’s device says of itself beyond a bound', async () => {
    const device = server.device({
      hostname: 'laptop',
      hostinfo: { sshHostKeys: Array.from({ length: 16 }, () => 'x'.repeat(2_000)) },
    });
    expect(await device.register()).toMatchObject({
      Error: 'this device says too much of itself to join by signing in',
    });
    expect(await server.store.count('deviceLogin', 0)).toBe(0);
  });
});
