// What the person at a device gives as the reason for taking it off the network, where that is asked for.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';

const REASON = '"ada@acme.test" is being disconnected: on a plane';

describe.each(ENGINES)('the reason of a person who disconnects a device, on %s', (engine) => {
  let server: ControlServer;
  let laptop: TestDevice;
  beforeEach(async () => {
    server = await startControlServer(engine);
    laptop = await server.joined('laptop');
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const report = async (more: object = {}, by = laptop) => {
    const body = {
      Version: 142,
      NodeKey: laptop.nodeKey(),
      Action: 'DISCONNECT_NODE',
      Details: REASON,
      ...more,
    };
    return (await by.send('POST', '/machine/audit-log', body)).status;
  };
  const events = async () => {
    const all = await server.store.auditEvents(server.organization.id, { afterSeq: 0, limit: 1_000 });
    return all.filter(({ field }) => field === 'connection');
  };

  it('is in the audit log, under the device’s name', async () => {
    expect(await report()).toBe(200);
    const { id, label } = await server.row(laptop);
    expect(await events()).toEqual([
      expect.objectContaining({
        ...{ byKind: 'device', byId: String(id), byName: label, verb: 'disable', origin: 'control' },
        ...{ objectKind: 'device', objectId: String(id), objectName: label, details: REASON },
      }),
    ]);
  });

  // A client that is answered with such a refusal gives up, and the reason would be lost.
  it.each([
    ['long', `${REASON} ${'x'.repeat(5_000)}`, `${REASON} ${'x'.repeat(1_024)}`.slice(0, 1_024)],
    ['in several lines', 'one\r\ntwo\0', 'one two'],
    ['half a letter', 'one \ud83d', 'one \ufffd'],
    ['none', undefined, ''],
    ['null', null, ''],
  ])('is taken when it is %s', async (_name, Details, kept) => {
    expect(await report({ Details })).toBe(200);
    expect((await events())[0]?.details).toBe(kept);
  });

  it('is told by the device itself alone', async () => {
    const other = await server.joined('other');
    const foreign = await (await server.tenant('rival')).joined('foreign');
    for (const by of [other, foreign]) expect(await report({}, by)).toBe(404);
    expect(await events()).toEqual([]);
  });

  it.each([{ Action: 'OTHER' }, { Action: undefined }, { Details: 7 }, { NodeKey: 'nodekey:1' }])(
    'is none in what is no report (%j)',
    async (more) => {
      expect(await report(more)).toBe(400);
      expect(await events()).toEqual([]);
    },
  );

  it('fills the audit log only so fast; clients send again what they are told is too often', async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => report()));
    expect(new Set(answers)).toEqual(new Set([200, 429]));
    expect((await events()).length).toBe(answers.filter((status) => status === 200).length);
  });
});
