import { randomBytes } from 'node:crypto';
import type { ClientHttp2Stream } from 'node:http2';
import { formatKey, generatePrivateKey, zeroKey } from '../../src/control/noise/index.ts';
import type {
  Hostinfo,
  MapRequest,
  MapResponse,
  PingRequest,
  RegisterRequest,
  RegisterResponse,
} from '../../src/control/wire/index.ts';
import { type ControlConnection, dialControl, fetchServerKey } from './control-connection.ts';
import { plainHostinfo, randomNodeKey } from './device-reports.ts';
import { createMessageReader } from './map-messages.ts';
import { applyMapResponse, emptyNetmap, type Netmap } from './netmap.ts';
import { type Answer, openRequest, readAll, request } from './request.ts';
import type {
  DeviceChanges,
  MapCounters,
  RegisterOptions,
  TestDevice,
  TestDeviceOptions,
} from './test-device-types.ts';
import { HttpStatusError } from './test-device-types.ts';
import { createWaiters } from './waiters.ts';
import { decompressFrames } from './zstd-frames.ts';

const GO_ZERO_TIME = '0001-01-01T00:00:00Z';
/** What clients send to log out: long past. */
const LOGOUT_TIME = '1970-01-01T00:02:03Z';
const DEFAULT_CAPVER = 142;

const MAX_KEPT_MESSAGES = 200;
const DEFAULT_WAIT_MS = 10_000;

/** A control client for whole-server tests: what tailscaled says and understands, without moving packets. */
export function createTestDevice(options: TestDeviceOptions): TestDevice {
  const { url, hostname, capver = DEFAULT_CAPVER, compress = 'zstd' } = options;
  const machineKey = options.machineKey ?? generatePrivateKey();
  const counters: MapCounters = { messages: 0, keepAlives: 0, bytes: 0, jsonBytes: 0 };
  let nodeKey = options.nodeKey ?? randomNodeKey();
  let discoKey: string = formatKey('disco', randomBytes(32));
  let hostinfo: Hostinfo = { ...plainHostinfo(hostname), ...options.hostinfo };
  let endpoints = options.endpoints ?? ['198.51.100.7:41641', '10.0.0.7:41641'];
  let serverKey: string | undefined;
  let connection: ControlConnection | undefined;
  let dialing: Promise<ControlConnection> | undefined;
  let stream: ClientHttp2Stream | undefined;
  let netmap = emptyNetmap();
  let kept: MapResponse[] = [];
  let failure: Error | undefined;
  const waiters = createWaiters();

  function connected(): Promise<ControlConnection> {
    if (connection && !connection.http2.destroyed && !connection.http2.closed)
      return Promise.resolve(connection);
    dialing ??= dial().finally(() => {
      dialing = undefined;
    });
    return dialing;
  }

  async function dial(): Promise<ControlConnection> {
    serverKey ??= await fetchServerKey(url, capver);
    connection = await dialControl({ url, machineKey, serverKey, capver });
    return connection;
  }

  async function send(method: string, path: string, body?: unknown): Promise<Answer> {
    const { http2 } = await connected();
    return request(http2, {
      method,
      path,
      headers: { 'ts-lb': nodeKey },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  async function post(path: string, body: RegisterRequest | MapRequest): Promise<Buffer> {
    const answer = await send('POST', path, body);
    if (answer.status !== 200) {
      throw new HttpStatusError(path, answer.status, answer.body.toString('utf8').trim());
    }
    return answer.body;
  }

  async function register(wanted: RegisterOptions = {}): Promise<RegisterResponse> {
    const authKey = wanted.authKey ?? options.authKey;
    const body = await post('/machine/register', {
      Version: capver,
      NodeKey: nodeKey,
      OldNodeKey: wanted.oldNodeKey ?? zeroKey('node'),
      NLKey: zeroKey('network-lock'),
      ...(authKey && !wanted.followup ? { Auth: { AuthKey: authKey } } : {}),
      Expiry: wanted.expiry ?? GO_ZERO_TIME,
      Followup: wanted.followup ?? '',
      Hostinfo: hostinfo,
      ...(options.ephemeral ? { Ephemeral: true } : {}),
      NodeKeySignature: null,
      ...(wanted.tailnet === undefined ? {} : { Tailnet: wanted.tailnet }),
    });
    return JSON.parse(body.toString('utf8')) as RegisterResponse;
  }

  function mapRequest(kind: 'stream' | 'lite' | 'once'): MapRequest {
    return {
      Version: capver,
      ...(compress === '' ? {} : { Compress: compress }),
      KeepAlive: true,
      NodeKey: nodeKey,
      DiscoKey: discoKey,
      ...(kind === 'stream' ? { Stream: true } : {}),
      ...(kind === 'lite' ? { OmitPeers: true } : {}),
      Hostinfo: hostinfo,
      Endpoints: endpoints,
      EndpointTypes: endpoints.map((_, index) => (index === 0 ? 2 : 1)),
    };
  }

  async function startMap(): Promise<Netmap> {
    const { http2 } = await connected();
    const opened = await openRequest(http2, {
      path: '/machine/map',
      headers: { 'ts-lb': nodeKey },
      body: JSON.stringify(mapRequest('stream')),
    });
    if (opened.status !== 200) {
      const text = await readAll(opened.stream, '/machine/map');
      throw new HttpStatusError('/machine/map', opened.status, text.toString('utf8').trim());
    }
    netmap = emptyNetmap();
    kept = [];
    failure = undefined;
    const mine = opened.stream;
    stream = mine;
    const take = createMessageReader((payload) => stream === mine && receive(payload));
    mine.on('data', (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        mine.close();
      }
    });
    mine.once('close', () => {
      if (stream === mine) stream = undefined;
      waiters.wake();
    });
    await wait(() => netmap.self !== undefined || stream !== mine, DEFAULT_WAIT_MS * 3, 'the first map');
    if (failure) throw failure;
    if (netmap.self === undefined)
      throw new Error('the map stream ended before its first message (unexpected EOF)');
    return netmap;
  }

  function receive(payload: Buffer): void {
    counters.bytes += payload.length + 4;
    const json = compress === 'zstd' ? decompressFrames(payload) : payload;
    counters.jsonBytes += json.length;
    const message = JSON.parse(json.toString('utf8')) as MapResponse;
    applyMapResponse(netmap, message, new Date().toISOString());
    // Nobody hears an answer whose connection has ended meanwhile.
    if (message.PingRequest?.Types === 'c2n') answerCall(message.PingRequest).catch(() => undefined);
    if (message.KeepAlive) {
      counters.keepAlives += 1;
    } else {
      counters.messages += 1;
      kept.push(message);
      if (kept.length > MAX_KEPT_MESSAGES) kept.shift();
    }
    waiters.wake();
  }

  /** Runs the request that came with a message, and posts the raw answer as a client does. */
  async function answerCall({ URL: url, Payload }: PingRequest): Promise<void> {
    const asked = Buffer.from(Payload ?? '', 'base64').toString('utf8');
    const path = asked.split(' ', 2)[1] ?? '';
    const known = options.answers?.[path];
    const body = known === undefined ? 'not found' : JSON.stringify(known);
    const status = known === undefined ? '404 Not Found' : '200 OK';
    await send('POST', new URL(url).pathname, `HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n${body}`);
  }

  function wait(test: () => boolean, timeoutMs: number, what: string): Promise<void> {
    return waiters.wait(
      test,
      timeoutMs,
      () => `${hostname}: no ${what} within ${timeoutMs} ms; ${describe()}`,
    );
  }

  function describe(): string {
    const peers = [...netmap.peers.values()].slice(0, 10).map((peer) => `${peer.ID} ${peer.Name}`);
    const state = stream ? 'stream open' : 'no stream';
    const last = JSON.stringify(kept.at(-1) ?? null).slice(0, 600);
    return `${state}, ${counters.messages} messages, ${netmap.peers.size} peers [${peers.join(', ')}], last message ${last}`;
  }

  async function update(changes: DeviceChanges = {}): Promise<void> {
    hostinfo = { ...hostinfo, ...changes.hostinfo };
    if (changes.homeDerp !== undefined) {
      hostinfo = { ...hostinfo, NetInfo: { ...hostinfo.NetInfo, PreferredDERP: changes.homeDerp } };
    }
    endpoints = changes.endpoints ?? endpoints;
    discoKey = changes.discoKey ?? discoKey;
    await post('/machine/map', mapRequest('lite'));
  }

  function drop(): void {
    stream = undefined;
    connection?.cut();
    connection = undefined;
    waiters.wake();
  }

  return {
    hostname,
    machineKey,
    nodeKey: () => nodeKey,
    netmap: () => netmap,
    counters,
    isStreaming: () => stream !== undefined,
    messages: () => kept,
    register,
    async join() {
      const answer = await register();
      if (answer.Error || answer.AuthURL || answer.NodeKeyExpired || !answer.MachineAuthorized) {
        throw new Error(`${hostname} was not let in: ${JSON.stringify(answer)}`);
      }
      const first = await startMap();
      await update();
      return first;
    },
    startMap,
    update,
    async fetchMap() {
      const read: Buffer[] = [];
      createMessageReader((payload) => read.push(payload))(await post('/machine/map', mapRequest('once')));
      const payload = read[0];
      if (payload === undefined) throw new Error('no map message came');
      const json = compress === 'zstd' ? decompressFrames(payload) : payload;
      return JSON.parse(json.toString('utf8')) as MapResponse;
    },
    logout: () => register({ expiry: LOGOUT_TIME }),
    rotateNodeKey() {
      const old = nodeKey;
      nodeKey = randomNodeKey();
      return old;
    },
    send,
    async waitFor(predicate, timeoutMs = DEFAULT_WAIT_MS, what = 'such netmap') {
      await wait(() => netmap.self !== undefined && predicate(netmap), timeoutMs, what);
      return netmap;
    },
    waitForEnd: (timeoutMs = DEFAULT_WAIT_MS) =>
      wait(() => stream === undefined, timeoutMs, 'end of the stream'),
    drop,
    async reconnect() {
      drop();
      return startMap();
    },
    close() {
      drop();
      waiters.abandon(new Error(`${hostname} was closed`));
    },
  };
}
