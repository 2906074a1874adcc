/** Flow logs: what devices upload, in the form of their client's source, and what the API then shows of it. */
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogUploads } from '../../../src/app/log-uploads.ts';
import { createFlowLogIds } from '../../../src/auth/flow-log-ids.ts';
import { type ApiServer, createApiServer, ENGINES } from '../../support/api-server.ts';
import { addDevices, tailscaleDialect } from './support.ts';

const T = '/api/v2/tailnet/-';
const TRAFFIC = '/c/tailtraffic.log.tailscale.io';
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** As the client writes it: zero values are left out, and what is not for the API stands beside. */
const entryOf = (nodeId: string, more: object = {}) => ({
  logtail: { client_time: '2026-11-23T10:00:06.123456789Z', proc_id: 7, proc_seq: 1 },
  nodeId,
  start: '2026-11-23T10:00:00.123456789Z',
  end: '2026-11-23T10:00:05.5Z',
  srcNode: { nodeId, name: 'box.acme.test', addresses: ['100.64.0.1'], os: 'linux', user: 'ada@acme.test' },
  virtualTraffic: [
    {
      proto: 6,
      src: '100.64.0.1:1024',
      dst: '100.64.0.2:22',
      txPkts: 3,
      txBytes: 180,
      rxPkts: 2,
      rxBytes: 120,
    },
    { proto: 1, src: '100.64.0.1:0', dst: '[fd7a:115c:a1e0::2]:0', txPkts: 1, txBytes: 84 },
  ],
  physicalTraffic: [{ src: '100.64.0.2:0', dst: '192.0.2.1:41641', rxPkts: 9, rxBytes: 900 }],
  ...more,
});

describe.each(ENGINES)('flow logs on %s', (engine) => {
  const ids = createFlowLogIds(new Uint8Array(32).fill(9));
  let api: ApiServer;
  let device: number;
  let logId: string;
  let nodeId: string;

  const upload = async (path: string, body: unknown, pack: 'zstd' | 'none' = 'none') => {
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const answer = await api.server.inject({
      method: 'POST',
      url: path,
      payload: pack === 'zstd' ? zstdCompressSync(bytes) : bytes,
      headers:
        pack === 'zstd' ? { 'content-encoding': 'zstd', 'orig-content-length': String(bytes.length) } : {},
    });
    return answer.statusCode;
  };
  const want = (on: boolean, token = api.token) =>
    api.call('PATCH', `${T}/settings`, { body: { networkFlowLoggingOn: on }, token });
  const window = (from: number, to: number): string =>
    `start=${new Date(from).toISOString()}&end=${new Date(to).toISOString()}`;
  const logs = async (token = api.token) => {
    const now = api.clock.now();
    const answer = await api.call('GET', `${T}/logging/network?${window(now - 1_000, now + 1_000)}`, {
      token,
    });
    expect(answer.status).toBe(200);
    return answer.json<{ logs: Record<string, unknown>[] }>().logs;
  };

  beforeAll(async () => {
    api = await createApiServer(engine, (parts) => [
      ...tailscaleDialect()(parts),
      createLogUploads({ ids, flowLogs: parts.flowLogs, clock: parts.clock, onDefect: parts.onError }),
    ]);
    const [made] = await addDevices(api, api.organization.id, [{ label: 'box', owner: api.owner.id }]);
    device = made!.id;
    logId = ids.ofDevice(api.organization.id, device);
    nodeId = `n${encode(device)}CNTRL`;
  });
  beforeEach(async () => {
    // What a test before logged is out of the window that is asked for.
    api.clock.advance(60_000);
    await want(true);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('a record is shown as the contract has it, packed or not', async () => {
    expect(await upload(`${TRAFFIC}/${logId}?copyId=${'0'.repeat(64)}`, [entryOf(nodeId)])).toBe(200);
    expect(await upload(`${TRAFFIC}/${logId}`, [entryOf(nodeId), entryOf(nodeId)], 'zstd')).toBe(200);
    const found = await logs();
    expect(found).toHaveLength(3);
    const none = { txPkts: 0, txBytes: 0, rxPkts: 0, rxBytes: 0 };
    expect(found[0]).toEqual({
      logged: new Date(api.clock.now()).toISOString(),
      nodeId,
      start: '2026-11-23T10:00:00.123Z',
      end: '2026-11-23T10:00:05.500Z',
      virtualTraffic: [
        {
          proto: 6,
          src: '100.64.0.1:1024',
          dst: '100.64.0.2:22',
          txPkts: 3,
          txBytes: 180,
          rxPkts: 2,
          rxBytes: 120,
        },
        { ...none, proto: 1, src: '100.64.0.1:0', dst: '[fd7a:115c:a1e0::2]:0', txPkts: 1, txBytes: 84 },
      ],
      physicalTraffic: [
        { ...none, proto: 0, src: '100.64.0.2:0', dst: '192.0.2.1:41641', rxPkts: 9, rxBytes: 900 },
      ],
    });
    expect(found[1]).toEqual(found[0]);
  });

  test('the answer is one object with the list alone, also when there is nothing or much', async () => {
    const now = api.clock.now();
    const ask = async () => (await api.call('GET', `${T}/logging/network?${window(now, now)}`)).text;
    expect(await ask()).toBe('{"logs":[]}');
    const many = Array.from({ length: 900 }, () => ({
      nodeId,
      start: '2026-11-23T10:00:00Z',
      end: '2026-11-23T10:00:05Z',
    }));
    expect(await upload(`${TRAFFIC}/${logId}`, many, 'zstd')).toBe(200);
    expect(await upload(`${TRAFFIC}/${logId}`, many, 'zstd')).toBe(200);
    const text = await ask();
    expect(text).toMatch(/^\{"logs":\[\{.*\}\]\}$/u);
    expect((JSON.parse(text) as { logs: unknown[] }).logs).toHaveLength(1_800);
  });

  test('a device that uploads over and over again is told to wait, and holds no other up', async () => {
    const [busy, calm] = await addDevices(api, api.organization.id, [
      { label: 'busy', owner: api.owner.id },
      { label: 'calm', owner: api.owner.id },
    ]);
    const of = (id: number): string => `${TRAFFIC}/${ids.ofDevice(api.organization.id, id)}`;
    const many = [];
    for (let index = 0; index < 61; index += 1) many.push(await upload(of(busy!.id), []));
    expect(many).toEqual([...Array.from({ length: 60 }, () => 200), 429]);
    const refused = await api.server.inject({ method: 'POST', url: of(busy!.id), payload: '[]' });
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '1']);
    expect(await upload(of(calm!.id), [])).toBe(200);
    api.clock.advance(1_000);
    expect(await upload(of(busy!.id), [])).toBe(200);
  });

  test('a device that has too much to say is told to wait, and nothing of it is kept', async () => {
    const [loud] = await addDevices(api, api.organization.id, [{ label: 'loud', owner: api.owner.id }]);
    const id = `n${encode(loud!.id)}CNTRL`;
    const path = `${TRAFFIC}/${ids.ofDevice(api.organization.id, loud!.id)}`;
    const body = [entryOf(id, { virtualTraffic: Array.from({ length: 15_000 }, () => ({})) })];
    const answers: number[] = [];
    while (answers.at(-1) !== 429 && answers.length < 59) answers.push(await upload(path, body, 'zstd'));
    expect(answers.at(-1)).toBe(429);
    const kept = (await logs()).filter(({ nodeId: of }) => of === id).length;
    expect(kept).toBe(answers.length - 1);
    api.clock.advance(10_000);
    expect(await upload(path, body, 'zstd')).toBe(200);
  });

  test('nothing is kept while the organization does not want it', async () => {
    await want(false);
    expect(await upload(`${TRAFFIC}/${logId}`, [entryOf(nodeId)])).toBe(200);
    await want(true);
    expect(await logs()).toEqual([]);
  });

  test("an organization does not see another's, nor can a record claim another device", async () => {
    const rival = await api.createOrganization(`rival-${engine}`);
    await want(true, rival.token);
    const [box] = await addDevices(api, rival.organization.id, [{ label: 'theirs', owner: rival.owner.id }]);
    const theirs = `n${encode(box!.id)}CNTRL`;
    expect(await upload(`${TRAFFIC}/${logId}`, [entryOf(theirs), entryOf('n1CNTRL'), entryOf(nodeId)])).toBe(
      200,
    );
    expect(await upload(`${TRAFFIC}/${ids.ofDevice(rival.organization.id, device)}`, [entryOf(nodeId)])).toBe(
      200,
    );
    expect((await logs()).map((log) => log.nodeId)).toEqual([nodeId]);
    expect(await logs(rival.token)).toEqual([]);
  });

  test('an id that no device was told is refused, and uploads of any other kind are swallowed', async () => {
    expect(await upload(`${TRAFFIC}/${'a'.repeat(64)}`, [entryOf(nodeId)])).toBe(404);
    expect(await upload(`${TRAFFIC}/x`, [entryOf(nodeId)])).toBe(404);
    expect(await upload(`/c/tailnode.log.tailscale.io/${'a'.repeat(64)}`, [{ text: 'hello' }], 'zstd')).toBe(
      200,
    );
    expect(await logs()).toEqual([]);
  });

  test.each<readonly [string, string | Buffer]>([
    ['no JSON', 'hello'],
    ['no array', '{}'],
    ['nothing', ''],
    ['too many entries', `[${Array.from({ length: 1_001 }, () => '0').join(',')}]`],
  ])('a body that is %s is refused', async (_what, body) => {
    expect(await upload(`${TRAFFIC}/${logId}`, body.toString())).toBe(400);
  });

  test('a body that unpacks to more than is taken, or is not packed at all, is refused', async () => {
    expect(await upload(`${TRAFFIC}/${logId}`, `["${'x'.repeat(2 ** 21)}"]`, 'zstd')).toBe(400);
    const raw = { method: 'POST', url: `${TRAFFIC}/${logId}`, payload: '[]' } as const;
    for (const encoding of ['zstd', 'gzip']) {
      const answer = await api.server.inject({ ...raw, headers: { 'content-encoding': encoding } });
      expect([encoding, answer.statusCode]).toEqual([encoding, 400]);
    }
    const large = await api.server.inject({ ...raw, payload: 'x'.repeat(2 ** 20 + 1) });
    expect(large.statusCode).toBe(413);
  });

  test('connections that say nothing, and would grow when they are kept, are bounded in number', async () => {
    const nothing = (count: number) =>
      entryOf(nodeId, { virtualTraffic: Array.from({ length: count }, () => ({})) });
    const body = (entries: number) => Array.from({ length: entries }, () => nothing(5_000));
    expect(await upload(`${TRAFFIC}/${logId}`, body(5), 'zstd')).toBe(400);
    expect(await logs()).toEqual([]);
    expect(await upload(`${TRAFFIC}/${logId}`, body(3), 'zstd')).toBe(200);
    expect(await logs()).toHaveLength(3);
  });

  test('entries that are no records are passed over, and the others kept', async () => {
    const bad = [
      ...[
        null,
        1,
        'text',
        {},
        { nodeId },
        entryOf(nodeId, { start: 'yesterday' }),
        entryOf(nodeId, { end: 5 }),
      ],
      entryOf(nodeId, { virtualTraffic: [{ proto: 256 }] }),
      entryOf(nodeId, { virtualTraffic: [{ src: '1.2.3.4' }] }),
      entryOf(nodeId, { virtualTraffic: [{ src: '1.2.3.4:99999' }] }),
      entryOf(nodeId, { virtualTraffic: [{ txPkts: -1 }] }),
      entryOf(nodeId, { exitTraffic: 'all' }),
    ];
    expect(await upload(`${TRAFFIC}/${logId}`, [...bad, entryOf(nodeId), ...bad])).toBe(200);
    expect(await logs()).toHaveLength(1);
  });

  test('whatever is uploaded, the answer is a refusal or a promise, and never a fault', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.array(fc.object()).map((each) => JSON.stringify(each)),
        ),
        async (body) => {
          api.clock.advance(1_000);
          expect([200, 400]).toContain(await upload(`${TRAFFIC}/${logId}`, body));
        },
      ),
      { numRuns: 100 },
    );
  });

  test.each([
    '',
    'start=2026-11-23T10:00:00Z',
    'end=2026-11-23T10:00:00Z',
    'start=x&end=y',
    'start=2026-11-23T10:00:01Z&end=2026-11-23T10:00:00Z',
  ])('a window of "%s" is refused', async (query) => {
    const answer = await api.call('GET', `${T}/logging/network?${query}`);
    expect([answer.status, typeof answer.json<{ message: string }>().message]).toEqual([400, 'string']);
  });
});

function encode(id: number): string {
  let digits = '';
  for (let rest = id; rest > 0; rest = Math.floor(rest / ALPHABET.length))
    digits = ALPHABET[rest % ALPHABET.length] + digits;
  return digits.padStart(6, '1');
}
