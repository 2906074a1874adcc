// The batched writer of what devices report, over a real store: what it merges, whom it leaves alone, and how it fails.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLiveWriter, type LiveWriter } from '../../src/control/state/live-writer.ts';
import type { DeviceLive, Presence } from '../../src/domain/model/devices.ts';
import type { Change, Store } from '../../src/domain/ports/store.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';

describe('the writer of live facts', () => {
  let server: ControlServer;
  let writer: LiveWriter;
  let errors: unknown[];
  let failing: boolean;
  let writes: number;
  let org: number;
  let device: number;

  beforeEach(async () => {
    server = await startControlServer('sqlite');
    const joined = server.device({ hostname: 'alpha', authKey: await server.authKey() });
    await joined.register();
    ({ org, id: device } = await server.row(joined));
    errors = [];
    failing = false;
    writes = 0;
    const store: Store = {
      ...server.store,
      write: (context, work) => {
        writes += 1;
        return failing
          ? Promise.reject(new AppError('unavailable', 'the database is away'))
          : server.store.write(context, work);
      },
    };
    writer = createLiveWriter({ store, onError: (error) => errors.push(error) });
  });
  afterEach(async () => {
    failing = false;
    await writer.close();
    await server.close();
  });

  const live = (of: number, endpoint: string, updatedAt = 1): DeviceLive => ({
    org,
    device: of,
    discoKey: '',
    endpoints: [endpoint],
    endpointTypes: [1],
    homeDerp: 0,
    hostinfo: {},
    netInfo: null,
    shieldsUp: false,
    flowLogs: false,
    updatedAt,
  });
  const presence = (replica: string, online: boolean, since = 1): Presence => ({
    org,
    device,
    replica,
    online,
    since,
    lastSeen: since,
  });
  const storedEndpoint = async () => (await server.store.get('deviceLive', org, { device }))?.endpoints[0];
  const storedPresence = () => server.store.get('presence', org, { device });
  const told = <K extends 'deviceLive' | 'presence'>(kind: K, after: Change<K>['after']): Change =>
    ({ org, seq: 1, kind, key: String(device), before: null, after, at: 0 }) as Change;

  it('writes what was said last, in one transaction', async () => {
    for (const endpoint of ['192.0.2.1:1', '192.0.2.2:1', '192.0.2.3:1']) writer.live(live(device, endpoint));
    await writer.flush();
    expect(await storedEndpoint()).toBe('192.0.2.3:1');
    expect(writes).toBe(1);
  });

  it('leaves out a device that has been deleted, and writes the others', async () => {
    const gone = device + 1_000;
    writer.live(live(gone, '192.0.2.1:1'));
    writer.live(live(device, '192.0.2.2:1'));
    await writer.flush();
    expect(await server.store.get('deviceLive', org, { device: gone })).toBeUndefined();
    expect(writer.pendingLive(org, gone)).toBeUndefined();
    expect(await storedEndpoint()).toBe('192.0.2.2:1');
  });

  it('leaves out a row that cannot be stored, and writes those of others', async () => {
    const other = server.device({ hostname: 'beta', authKey: await server.authKey() });
    await other.register();
    const { id } = await server.row(other);
    writer.live({ ...live(id, '192.0.2.1:1'), discoKey: 'x\u0000y' });
    writer.live(live(device, '192.0.2.2:1'));
    await writer.flush();
    expect(await storedEndpoint()).toBe('192.0.2.2:1');
    expect(errors).toHaveLength(1);
    expect(errors).toMatchObject([{ code: 'invalid' }]);
    expect(writer.pendingLive(org, id)).toBeUndefined();
  });

  it('tells what was said until the feed has brought it back, also when it is written already', async () => {
    writer.live(live(device, '192.0.2.1:1', 5));
    await writer.flush();
    expect(writer.pendingLive(org, device)?.endpoints).toEqual(['192.0.2.1:1']);
    writer.seen(org, [told('deviceLive', live(device, '192.0.2.9:1', 4))]);
    expect(writer.pendingLive(org, device)).toBeDefined();
    writer.seen(org, [told('deviceLive', live(device, '192.0.2.1:1', 5))]);
    expect(writer.pendingLive(org, device)).toBeUndefined();
  });

  it('forgets what it said of a device that is deleted', () => {
    writer.presence(presence('here', true));
    writer.seen(org, [told('presence', null)]);
    expect(writer.pendingPresence(org, device)).toBeUndefined();
  });

  it('does not say that a device is offline that has gone over to another process', async () => {
    writer.presence(presence('elsewhere', true, 1));
    await writer.flush();
    writer.presence(presence('here', false, 2));
    await writer.flush();
    expect(await storedPresence()).toMatchObject({ replica: 'elsewhere', online: true });
    expect(writer.pendingPresence(org, device)).toBeUndefined();
    writer.presence(presence('elsewhere', false, 3));
    await writer.flush();
    expect(await storedPresence()).toMatchObject({ replica: 'elsewhere', online: false });
  });

  it('keeps what could not be written, below what is said meanwhile, and tries again', async () => {
    failing = true;
    writer.live(live(device, '192.0.2.1:1'));
    writer.presence(presence('here', true));
    await writer.flush();
    expect(errors).toHaveLength(1);
    writer.live(live(device, '192.0.2.2:1'));
    failing = false;
    await writer.flush();
    expect(await storedEndpoint()).toBe('192.0.2.2:1');
    expect(await storedPresence()).toMatchObject({ online: true });
    expect(errors).toHaveLength(1);
  });

  it('writes what is left when it is closed', async () => {
    writer.live(live(device, '192.0.2.8:1'));
    await writer.close();
    expect(await storedEndpoint()).toBe('192.0.2.8:1');
  });
});
