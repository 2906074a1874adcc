// SSH sessions that are recorded: where devices that are logged in to send them, and what happens when nothing takes them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareAddr, formatAddr, parseAddr } from '../../src/kernel/netip/index.ts';
import type { TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';
import { insertPolicy } from '../support/seeds.ts';

const SOON_MS = 5_000;
const RULE = {
  action: 'accept',
  src: ['autogroup:member'],
  dst: ['tag:db'],
  users: ['root'],
  recorder: ['tag:recorder'],
};

describe.each(ENGINES)('SSH sessions that a rule says to record, on %s', (engine) => {
  let server: ControlServer;
  let target: TestDevice;

  const save = (rule: object): Promise<void> =>
    server.write((tx) =>
      insertPolicy(tx, server.organization.id, {
        tagOwners: { 'tag:db': [], 'tag:recorder': [], 'tag:other': [] },
        grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
        ssh: [rule],
      }),
    );
  const tagged = async (hostname: string, tag: string): Promise<TestDevice> =>
    server.joined(hostname, { authKey: await server.authKey({ tags: [tag] }) });
  /** In the order in which clients try them. */
  const places = (...devices: TestDevice[]): string[] =>
    devices
      .flatMap((device) => device.netmap().self?.Addresses ?? [])
      .map((prefix) => parseAddr(prefix.split('/')[0] ?? ''))
      .filter((address) => address !== undefined)
      .toSorted(compareAddr)
      .map((address) => (address.family === 4 ? `${formatAddr(address)}:80` : `[${formatAddr(address)}]:80`));
  const action = () => target.netmap().sshPolicy?.rules[0]?.action;

  beforeEach(async () => {
    server = await startControlServer(engine);
    await save(RULE);
    // Without a device to come from there is no rule.
    await server.joined('laptop');
    target = await tagged('db', 'tag:db');
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  it('go to the addresses of the tagged devices, the lowest first, as they come and go', async () => {
    expect(action()).toMatchObject({ accept: true });
    expect(action()).not.toHaveProperty('recorders');
    const first = await tagged('first', 'tag:recorder');
    await expect.poll(() => action()?.recorders, { timeout: SOON_MS }).toEqual(places(first));
    expect(action()?.onRecordingFailure).toEqual({ NotifyURL: 'https://unused/machine/ssh/notify' });
    const second = await tagged('second', 'tag:recorder');
    await expect.poll(() => action()?.recorders, { timeout: SOON_MS }).toEqual(places(first, second));
    const { org, id } = await server.row(first);
    await server.write(async (tx) => void (await tx.update('device', org, id, { authorizedAt: null })));
    await expect.poll(() => action()?.recorders, { timeout: SOON_MS }).toEqual(places(second));
    const late = await tagged('late', 'tag:db');
    expect(late.netmap().sshPolicy?.rules[0]?.action.recorders).toEqual(places(second));
    await save({ ...RULE, recorder: ['tag:other'] });
    await expect.poll(() => action()?.recorders, { timeout: SOON_MS }).toBeUndefined();
  });

  it('are not let in where they must be recorded and nothing can, and are again when something can', async () => {
    await save({ ...RULE, enforceRecorder: true });
    await expect.poll(() => action()?.reject, { timeout: SOON_MS }).toBe(true);
    const { recorders, accept } = action() ?? {};
    expect({ recorders, accept }).toEqual({});
    const recorder = await tagged('recorder', 'tag:recorder');
    await expect.poll(() => action()?.accept, { timeout: SOON_MS }).toBe(true);
    expect(action()).toMatchObject({
      recorders: places(recorder),
      onRecordingFailure: {
        RejectSessionWithMessage: expect.stringContaining('must be recorded'),
        TerminateSessionWithMessage: expect.stringContaining('must be recorded'),
      },
    });
  });

  it('are asked about and recorded, where the rule says both', async () => {
    await save({ ...RULE, action: 'check', checkPeriod: '1h' });
    const recorder = await tagged('recorder', 'tag:recorder');
    const laptop = await server.joined('other');
    const [from, to] = [await server.row(laptop), await server.row(target)];
    await server.write((tx) =>
      tx.put('sshProof', { org: from.org, device: from.id, membership: from.owner, at: tx.now }),
    );
    const question = `organization=${from.org}&ssh_user=root&local_user=root`;
    const path = `/machine/ssh/action/${from.id}/to/${to.id}?${question}`;
    const { body } = await target.send('GET', path);
    expect(JSON.parse(body.toString('utf8'))).toMatchObject({ accept: true, recorders: places(recorder) });
  });

  describe('and that could not be', () => {
    const notify = async (more: object = {}, by = target) => {
      const body = {
        ...{ EventType: 1, ConnectionID: 'ssh-conn-1', CapVersion: 142, NodeKey: target.nodeKey() },
        ...{ SrcNode: 0, SSHUser: 'root', LocalUser: 'root' },
        RecordingAttempts: [{ Recorder: '100.64.0.9:80', FailureMessage: 'dial tcp:\nrefused' }],
        ...more,
      };
      return (await by.send('POST', '/machine/ssh/notify', body)).status;
    };
    const events = async () => {
      const { id } = server.organization;
      const all = await server.store.auditEvents(id, { afterSeq: 0, limit: 1_000 });
      return all.filter(({ field }) => field === 'sshRecording');
    };

    it.each([
      [1, 'was refused, as it could not be recorded'],
      [2, 'was ended, as its recording broke off'],
      [3, 'went on without being recorded'],
    ])('are in the audit log (%i)', async (EventType, words) => {
      const laptop = await server.joined('other');
      expect(await notify({ EventType, SrcNode: (await server.row(laptop)).id })).toBe(201);
      const { id, label } = await server.row(target);
      expect(await events()).toEqual([
        expect.objectContaining({
          ...{ byKind: 'device', byId: String(id), byName: label, objectId: String(id), origin: 'control' },
          details: `a session of root from other ${words}. 100.64.0.9:80: dial tcp: refused`,
        }),
      ]);
    });

    it('are told of by the device itself alone, and of its organization’s devices alone', async () => {
      const rival = await server.tenant('rival');
      const foreign = await rival.joined('foreign');
      expect(await notify({}, foreign)).toBe(404);
      expect(await events()).toEqual([]);
      const { id } = await server.row(foreign);
      expect(await notify({ SrcNode: id })).toBe(201);
      expect((await events())[0]?.details).toContain('from a device that is not known');
    });

    it.each([
      [{ NodeKey: 'nodekey:1' }, 400],
      [{ EventType: 'x' }, 400],
      [{ LocalUser: 7 }, 400],
      [{ RecordingAttempts: Array.from({ length: 101 }, () => ({})) }, 400],
      [{ RecordingAttempts: 'x' }, 400],
      [{ EventType: 99 }, 201],
    ])('leave nothing behind when the report is none (%#)', async (more, status) => {
      expect(await notify(more)).toBe(status);
      expect(await events()).toEqual([]);
    });

    it('are told of so often at once, and no more', async () => {
      const answers = await Promise.all(Array.from({ length: 25 }, () => notify()));
      expect(new Set(answers)).toEqual(new Set([201, 429]));
    });

    it('are a line of bounded length, whatever the client says', async () => {
      const attempt = { Recorder: 'x'.repeat(100), FailureMessage: '\ud800\u0000'.repeat(2_000) };
      const RecordingAttempts = Array.from({ length: 20 }, () => attempt);
      expect(await notify({ LocalUser: '\0y'.repeat(999), RecordingAttempts })).toBe(201);
      const [event] = await events();
      expect(event?.details?.length).toBeLessThanOrEqual(1_024);
    });
  });
});
