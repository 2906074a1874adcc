// A device with a valid key that says what no client says: the others must not notice.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { peerNamed, type TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';

const SOON_MS = 5_000;

const MAX_TITLE = 120;
const shortened = (text: string): string => (text.length > MAX_TITLE ? `${text.slice(0, MAX_TITLE)}…` : text);

/** What a device may say of itself, and what it is told of it. */
const WRONG_FIELDS = (
  [
    [{ Endpoints: ['garbage'] }, 'Endpoints.0: is not an address and a port'],
    [{ Endpoints: ['1.2.3.4:99999'] }, 'Endpoints.0: '],
    [{ Endpoints: ['[1.2.3.4]:1'] }, 'Endpoints.0: '],
    [{ EndpointTypes: [1.5] }, 'EndpointTypes.0: '],
    [{ DiscoKey: 'nonsense' }, 'DiscoKey: is not a disco key'],
    [{ DiscoKey: 'x\u0000y' }, 'DiscoKey: is not a disco key'],
    [{ Hostinfo: { Services: 'oops' } }, 'Hostinfo.Services: '],
    [{ Hostinfo: { Services: [{ Proto: 'tcp', Port: 'x' }] } }, 'Hostinfo.Services.0.Port: '],
    [
      { Hostinfo: { Services: Array.from({ length: 15_000 }, () => ({ Proto: 'tcp', Port: 1 })) } },
      'Hostinfo.Services: ',
    ],
    [{ Hostinfo: { sshHostKeys: [7] } }, 'Hostinfo.sshHostKeys.0: '],
    [{ Hostinfo: { Location: 'here' } }, 'Hostinfo.Location: '],
    [{ Hostinfo: { Hostname: 'a\u0000b' } }, 'Hostinfo.Hostname: holds a character that cannot be stored'],
    [{ Hostinfo: { OS: '\ud800' } }, 'Hostinfo.OS: holds a character that cannot be stored'],
    [{ Hostinfo: { NetInfo: { PreferredDERP: 'x' } } }, 'Hostinfo.NetInfo.PreferredDERP: '],
  ] as const
).map(([fields, text]) => ({ fields, text, sent: shortened(JSON.stringify(fields)) }));

describe.each(ENGINES)('a hostile device on %s', (engine) => {
  let server: ControlServer;
  let victim: TestDevice;
  let hostile: TestDevice;
  beforeEach(async () => {
    server = await startControlServer(engine);
    victim = await server.joined('victim');
    hostile = await server.joined('hostile');
    await victim.waitFor((map) => peerNamed(map, 'hostile')?.Online === true, SOON_MS);
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const lite = (fields: Record<string, unknown>) =>
    hostile.send('POST', '/machine/map', {
      Version: 142,
      NodeKey: hostile.nodeKey(),
      OmitPeers: true,
      Compress: 'zstd',
      ...fields,
    });

  it.each(WRONG_FIELDS)('is told what is wrong with $sent', async ({ fields, text }) => {
    const answer = await lite(fields);
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain(text);
  });

  it('cannot keep what it may not know out of bounds, nor hand it to others', async () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const body = `{"Version":142,"NodeKey":"${hostile.nodeKey()}","OmitPeers":true,"Hostinfo":{"Hostname":"hostile","OS":"linux","X":${deep},"Y":"${'y'.repeat(500_000)}"}}`;
    expect((await hostile.send('POST', '/machine/map', body)).status).toBe(200);
    await hostile.update({ endpoints: ['192.0.2.9:41641'] });
    await victim.waitFor((map) => peerNamed(map, 'hostile')?.Endpoints?.[0] === '192.0.2.9:41641', SOON_MS);
    const { org, id } = await server.row(hostile);
    const live = await server.store.get('deviceLive', org, { device: id });
    expect(JSON.stringify(live).length).toBeLessThan(10_000);
  });
});
