import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ENGINES } from '../support/engines.ts';
import { unless } from '../support/requirements.ts';
import { until } from '../support/until.ts';
import { isSigned } from '../support/webhook-receiver.ts';
import { createRig, type Rig } from './rig.ts';

const labels = (rig: Rig, path: string): unknown[] =>
  rig.receiver
    .events(path)
    .filter(({ type }) => type === 'nodeCreated')
    .map(({ data }) => String(data?.deviceName).split('.')[0]);

describe.each(ENGINES)('webhooks on %s', (engine) => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await createRig(engine);
  });
  afterEach(() => rig.close());

  test('tell subscribers of a change, signed, in the form that the contract gives', async () => {
    const { secret } = await rig.hook('/a', ['nodeCreated']);
    await rig.hook('/b', ['userCreated']);
    const device = await rig.addDevice('db-1');
    rig.dispatch();
    await until(() => rig.receiver.requests.length > 0);
    const [request] = rig.receiver.requests;
    if (request === undefined) throw new Error('nothing came');
    expect(request.headers['content-type']).toBe('application/json');
    expect(isSigned(request, secret)).toBe(true);
    expect(isSigned({ ...request, body: `${request.body} ` }, secret)).toBe(false);
    expect(isSigned(request, `${secret}x`)).toBe(false);
    expect(JSON.parse(request.body)).toEqual([
      {
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/u),
        version: 1,
        type: 'nodeCreated',
        tailnet: 'acme.test',
        message: expect.stringContaining('db-1'),
        data: {
          nodeID: expect.stringMatching(/^n\w+CNTRL$/u),
          deviceName: 'db-1.acme.holdfast.internal',
          managedBy: 'owner@acme.test',
          url: 'https://net.acme.test/',
          actor: 'the-test',
        },
      },
    ]);
    expect(device.id).toBeGreaterThan(0);
    await until(async () => (await rig.rows('outbox')).length === 0, 'an empty outbox');
    expect(rig.receiver.requests.map(({ path }) => path)).toEqual(['/a']);
    expect(rig.errors).toEqual([]);
  });

  test('know every kind of change of devices, users and the policy', async () => {
    await rig.hook('/all', ['categoryTailnetManagement']);
    const { org } = rig;
    const device = await rig.addDevice('new', { authorizedAt: null, keyExpiresAt: Date.UTC(2030, 0, 1) });
    await rig.write((tx) => tx.update('device', org, device.id, { authorizedAt: tx.now }));
    await rig.write((tx) => tx.update('device', org, device.id, { osHostname: 'other' }));
    const invited = await rig.addMember('bob', { joinedAt: null, approvedAt: null });
    await rig.write((tx) => tx.update('membership', org, invited.id, { joinedAt: tx.now }));
    await rig.write((tx) => tx.update('membership', org, invited.id, { approvedAt: tx.now }));
    await rig.write((tx) => tx.update('membership', org, invited.id, { role: 'support' }));
    await rig.write((tx) => tx.update('membership', org, invited.id, { suspendedAt: tx.now }));
    await rig.write((tx) => tx.update('membership', org, invited.id, { suspendedAt: null }));
    const [policy] = await rig.store.find('policyVersion', org, {});
    if (policy === undefined) throw new Error('there is no policy');
    await rig.write((tx) =>
      tx.insert('policyVersion', {
        ...policy,
        id: tx.newId(),
        version: policy.version + 1,
        text: '{"acls": []}',
      }),
    );
    await rig.write(async (tx) => {
      await tx.insert('deviceTag', { org, device: device.id, tag: 'tag:ci', source: 'admin' });
      await tx.update('device', org, device.id, { ownerKind: 'tags', owner: 0 });
    });
    await rig.write(async (tx) => {
      await tx.remove('deviceTag', org, { device: device.id, tag: 'tag:ci' });
      await tx.remove('device', org, device.id);
    });
    await rig.write((tx) => tx.remove('membership', org, invited.id));
    rig.dispatch();
    await until(() => rig.receiver.events().some(({ type }) => type === 'userDeleted'));
    const events = rig.receiver.events();
    expect(events.map(({ type }) => type)).toEqual([
      'nodeCreated',
      'nodeNeedsApproval',
      'nodeApproved',
      'userCreated',
      'userNeedsApproval',
      'userApproved',
      'userRoleUpdated',
      'userSuspended',
      'userRestored',
      'policyUpdate',
      'nodeDeleted',
      'userDeleted',
    ]);
    const dataOf = (type: string) => events.find((event) => event.type === type)?.data;
    expect(dataOf('nodeCreated')).toMatchObject({ expiration: '2030-01-01T00:00:00Z' });
    expect(dataOf('userRoleUpdated')).toMatchObject({
      user: 'bob@acme.test',
      oldRoles: ['member'],
      newRoles: ['auditor'],
    });
    expect(dataOf('policyUpdate')).toMatchObject({ newPolicy: '{"acls": []}', oldPolicy: policy.text });
    expect(dataOf('nodeDeleted')).toMatchObject({
      managedBy: 'tag:ci',
      deviceName: 'new.acme.holdfast.internal',
    });
  });

  test('a failing endpoint gets the same events again, in order, and holds up no other', async () => {
    const { webhook } = await rig.hook('/down', ['nodeCreated']);
    await rig.hook('/up', ['nodeCreated']);
    rig.receiver.answers.set('/down', 500);
    rig.dispatch();
    for (let i = 0; i < 5; i += 1) {
      await rig.addDevice(`d${i}`);
      await sleep(30);
    }
    const all = ['d0', 'd1', 'd2', 'd3', 'd4'];
    await until(() => labels(rig, '/up').length === 5, 'the other endpoint');
    expect(labels(rig, '/up')).toEqual(all);
    await until(() => rig.receiver.requests.filter(({ path }) => path === '/down').length >= 2, 'a retry');
    expect(labels(rig, '/down')).toEqual([]);
    rig.receiver.answers.delete('/down');
    await until(() => labels(rig, '/down').length === 5, 'the endpoint that came back');
    expect(labels(rig, '/down')).toEqual(all);
    const log = await rig.store.find('delivery', rig.org, { webhook: webhook.id });
    expect(log[0]).toMatchObject({ status: 500, attempt: 1, error: expect.stringContaining('500') });
    await until(async () =>
      (await rig.store.find('delivery', rig.org, { webhook: webhook.id })).some(
        ({ status }) => status === 200,
      ),
    );
    await until(async () => (await rig.rows('outbox')).length === 0, 'an empty outbox');
  });

  test('what was not delivered when the process ended is delivered by the next', async () => {
    await rig.hook('/a', ['nodeCreated']);
    rig.receiver.answers.set('/a', 503);
    const first = rig.dispatch();
    await rig.addDevice('d0');
    await until(() => rig.receiver.requests.length > 0);
    await first.close();
    await rig.addDevice('d1');
    rig.receiver.answers.delete('/a');
    rig.dispatch({ holder: 'two' });
    await until(() => labels(rig, '/a').length === 2);
    expect(labels(rig, '/a')).toEqual(['d0', 'd1']);
  });

  test('an endpoint is told of nothing before its making, and of its own end after all else', async () => {
    await rig.hook('/old', ['nodeCreated']);
    rig.receiver.answers.set('/old', 500);
    await rig.addDevice('before');
    const { webhook } = await rig.hook('/new', ['nodeCreated']);
    await rig.addDevice('after');
    await rig.service.remove(rig.actor, webhook.id, 'tailscale-api');
    await rig.addDevice('too-late');
    rig.dispatch();
    await until(() => rig.receiver.events('/new').some(({ type }) => type === 'webhookDeleted'));
    rig.receiver.answers.delete('/old');
    await until(() => labels(rig, '/old').length === 3);
    expect(labels(rig, '/new')).toEqual(['after']);
    expect(rig.receiver.events('/new').map(({ type }) => type)).toEqual(['nodeCreated', 'webhookDeleted']);
    await until(async () => (await rig.rows('outbox')).length === 0, 'an empty outbox');
    expect((await rig.rows('webhookCursor')).map((row) => Number(row.webhook))).not.toContain(webhook.id);
  });

  test('a test event goes to its endpoint whatever that subscribed to, also when it was just sent something', async () => {
    const { webhook } = await rig.hook('/a', ['policyUpdate']);
    await rig.hook('/b', ['policyUpdate']);
    rig.dispatch({ spacingMs: 60_000 });
    for (let i = 1; i <= 2; i += 1) {
      await rig.service.test(rig.actor, webhook.id, 'tailscale-api');
      await until(() => rig.receiver.events('/a').length === i);
    }
    expect(rig.receiver.events().map(({ type }) => type)).toEqual(['test', 'test']);
    expect(rig.receiver.requests.map(({ path }) => path)).toEqual(['/a', '/a']);
    await rig.service.setSubscriptions(rig.actor, webhook.id, ['nodeCreated'], 'tailscale-api');
    await until(() => rig.receiver.events('/a').length === 3);
    expect(rig.receiver.events('/a').at(-1)?.type).toBe('webhookUpdated');
  });

  test('a rotated secret signs what comes after', async () => {
    const { webhook, secret } = await rig.hook('/a', ['nodeCreated']);
    const rotated = await rig.service.rotate(rig.actor, webhook.id, 'tailscale-api');
    await rig.addDevice('d');
    rig.dispatch();
    await until(() => rig.receiver.requests.length > 0);
    const [request] = rig.receiver.requests;
    if (request === undefined) throw new Error('nothing came');
    expect([isSigned(request, secret), isSigned(request, rotated.secret)]).toEqual([false, true]);
  });

  test('fifty endpoints get all of many events, batched, one row an event', async () => {
    const paths = Array.from({ length: 50 }, (_, i) => `/hook-${i}`);
    for (const path of paths) await rig.hook(path, ['nodeCreated']);
    const spacingMs = 500;
    const begun = performance.now();
    rig.dispatch({ spacingMs });
    const expected = Array.from({ length: 40 }, (_, i) => `d${i}`);
    for (const label of expected) await rig.addDevice(label);
    await until(() => paths.every((path) => labels(rig, path).length === 40), 'all of them');
    for (const path of paths) expect(labels(rig, path)).toEqual(expected);
    const turns = Math.ceil((performance.now() - begun) / spacingMs) + 1;
    expect(rig.receiver.requests.length).toBeLessThanOrEqual(paths.length * turns);
    expect(rig.errors).toEqual([]);
  }, 30_000);

  // SQLite has one process.
  const oneProcess = engine === 'sqlite' ? 'SQLite has one process' : undefined;
  test(
    'two processes on one database do not both deliver',
    unless(oneProcess, { optional: true }),
    async () => {
      await rig.hook('/a', ['nodeCreated']);
      rig.dispatch({ holder: 'one' });
      rig.dispatch({ holder: 'two' });
      for (let i = 0; i < 20; i += 1) await rig.addDevice(`d${i}`);
      await until(() => labels(rig, '/a').length >= 20);
      await sleep(300);
      expect(labels(rig, '/a')).toEqual(Array.from({ length: 20 }, (_, i) => `d${i}`));
    },
  );

  test('without an endpoint nothing is kept', async () => {
    await rig.addDevice('d');
    expect(await rig.rows('outbox')).toEqual([]);
  });

  test('a redirect is a failure, and nobody follows it', async () => {
    await rig.hook('/a', ['nodeCreated']);
    rig.receiver.answers.set('/a', 307);
    rig.dispatch();
    await rig.addDevice('d');
    await until(() => rig.receiver.requests.length >= 2);
    expect(rig.receiver.requests.every(({ path }) => path === '/a')).toBe(true);
  });

  test('private targets are refused unless allowed, and the log says so', async () => {
    const { webhook } = await rig.hook('/a', ['nodeCreated']);
    rig.dispatch({ allowPrivate: false });
    await rig.addDevice('d');
    await until(async () => (await rig.store.count('delivery', rig.org)) > 0);
    const [line] = await rig.store.find('delivery', rig.org, { webhook: webhook.id });
    expect(line).toMatchObject({
      status: null,
      event: 'nodeCreated',
      error: expect.stringContaining('private'),
    });
    expect(rig.receiver.requests).toEqual([]);
  });

  test.each(['slack', 'mattermost', 'googlechat', 'discord'])(
    '%s gets a message in its own form',
    async (chat) => {
      await rig.hook('/chat', ['nodeCreated'], chat);
      await rig.addDevice('db-1');
      rig.dispatch();
      await until(() => rig.receiver.requests.length > 0);
      const body = JSON.parse(rig.receiver.requests[0]?.body ?? '') as Record<string, unknown>;
      const text = chat === 'discord' ? body.content : body.text;
      expect(text).toMatch(/^Node db-1\.acme\.holdfast\.internal was added/u);
      if (chat === 'discord') expect(body.allowed_mentions).toEqual({ parse: [] });
    },
  );
});
