// Posture attributes that devices set on themselves: what the policy file lets them, and what it opens at once.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packetFilter, type TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';
import { insertPolicy } from '../support/seeds.ts';

const SOON_MS = 5_000;
const PORT = 4_443;

const POLICY = `{
  "postures": {"posture:built": ["custom:build == 'green'"]},
  "attrConfig": {
    "custom:build": {"type": "string", "allowSetByNode": true},
    "custom:level": {"type": "number", "allowSetByNode": true},
    "custom:closed": {"type": "bool"},
  },
  "acls": [{"action": "accept", "src": ["*"], "dst": ["*:${PORT}"], "srcPosture": ["posture:built"]}],
}`;

describe.each(ENGINES)('a device that sets attributes of its own on %s', (engine) => {
  let server: ControlServer;
  let target: TestDevice;
  let laptop: TestDevice;
  beforeEach(async () => {
    server = await startControlServer(engine);
    await server.write((tx) => insertPolicy(tx, server.organization.id, POLICY));
    target = await server.joined('target');
    laptop = await server.joined('laptop');
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const set = async (Update: unknown, of: TestDevice = laptop) => {
    const body = { Version: 142, NodeKey: of.nodeKey(), Update };
    const { status, body: text } = await laptop.send('PATCH', '/machine/set-device-attr', body);
    return { status, text: text.toString() };
  };
  const opens = (): boolean =>
    packetFilter(target.netmap()).some(({ DstPorts }) => DstPorts?.some(({ Ports }) => Ports.First === PORT));
  const rows = async () => {
    const { org, id } = await server.row(laptop);
    const found = await server.store.find('deviceAttribute', org, { device: id });
    return Object.fromEntries(found.map(({ key, value, source }) => [key, { value, source }]));
  };
  const seq = async () => (await server.store.auditHead(server.organization.id)).auditSeq;

  it('passes the conditions on them, until it takes them back', async () => {
    expect(opens()).toBe(false);
    expect((await set({ 'custom:build': 'green', 'custom:level': 3 })).status).toBe(200);
    expect(await rows()).toEqual({
      'custom:build': { value: 'green', source: 'device' },
      'custom:level': { value: 3, source: 'device' },
    });
    await expect.poll(opens, { timeout: SOON_MS }).toBe(true);
    const before = await seq();
    expect((await set({ 'custom:build': 'green' })).status).toBe(200);
    expect(await seq()).toBe(before);
    expect((await set({ 'custom:build': null })).status).toBe(200);
    await expect.poll(opens, { timeout: SOON_MS }).toBe(false);
    expect(Object.keys(await rows())).toEqual(['custom:level']);
  });

  it.each([
    [{ 'custom:closed': true }, 403, 'does not let devices set'],
    [{ 'custom:other': 'x' }, 403, 'does not let devices set'],
    [{ 'node:os': 'linux' }, 403, 'does not let devices set'],
    [{ 'custom:BUILD': 'green' }, 403, 'does not let devices set'],
    [{ 'custom:build': 'green', 'custom:closed': true }, 403, 'does not let devices set'],
    [{ 'custom:build': 7 }, 400, 'holds a string, not a number'],
    [{ 'custom:level': 1.5 }, 400, 'must be an integer'],
    [{ 'custom:build': 'not allowed!' }, 400, 'letters, digits'],
    [{ 'custom:build': ['x'] }, 400, 'Update'],
    [Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`custom:a${i}`, 1])), 400, 'at most 50'],
    [null, 400, 'Update'],
  ])('is told why not %#, and nothing is written', async (update, status, text) => {
    const before = await seq();
    const answer = await set(update);
    expect(answer).toEqual({ status, text: expect.stringContaining(text) });
    expect(await rows()).toEqual({});
    expect(await seq()).toBe(before);
  });

  it('sets none on another device', async () => {
    expect((await set({ 'custom:build': 'green' }, target)).status).toBe(404);
    const { org, id } = await server.row(target);
    expect(await server.store.find('deviceAttribute', org, { device: id })).toEqual([]);
  });

  it('has its name in the audit log', async () => {
    await set({ 'custom:level': 3 });
    const { org, id, label } = await server.row(laptop);
    const events = await server.store.auditEvents(org, { afterSeq: 0, limit: 1_000 });
    expect(events.at(-1)).toMatchObject({
      ...{ byKind: 'device', byId: String(id), byName: label },
      ...{ objectId: String(id), objectName: label, field: 'custom:level' },
    });
  });
});
