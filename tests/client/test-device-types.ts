import type { NodeKey, NoisePrivateKey } from '../../src/control/noise/index.ts';
import type { Hostinfo, MapResponse, RegisterResponse } from '../../src/control/wire/index.ts';
import type { Netmap } from './netmap.ts';
import type { Answer } from './request.ts';

export interface TestDeviceOptions {
  /** The server's base URL. */
  readonly url: string;
  readonly hostname: string;
  readonly authKey?: string;
  readonly capver?: number;
  readonly ephemeral?: boolean;
  readonly machineKey?: NoisePrivateKey;
  /** For a test that needs the private half too; default a random one. */
  readonly nodeKey?: NodeKey;
  /** Merged over what a plain Linux host reports; set `RoutableIPs`, `RequestTags`, … here. */
  readonly hostinfo?: Partial<Hostinfo>;
  readonly endpoints?: readonly string[];
  /** What it answers when the server asks, by path; 404 to anything else. */
  readonly answers?: Readonly<Record<string, unknown>>;
  /** "" asks for plain JSON. */
  readonly compress?: 'zstd' | '';
}

export interface RegisterOptions {
  readonly authKey?: string;
  readonly followup?: string;
  readonly oldNodeKey?: string;
  readonly expiry?: string;
  readonly tailnet?: string;
}

export interface MapCounters {
  /** Messages other than keep-alives. */
  messages: number;
  keepAlives: number;
  /** On the wire inside HTTP/2, length prefixes included. */
  bytes: number;
  /** Of JSON. */
  jsonBytes: number;
}

/** A status other than 200, with the server's text. */
export class HttpStatusError extends Error {
  readonly status: number;
  readonly text: string;

  constructor(path: string, status: number, text: string) {
    super(`${path}: HTTP ${status} ${text}`);
    this.name = 'HttpStatusError';
    this.status = status;
    this.text = text;
  }
}

/** What a lite update may change; the rest stays as it is. */
export interface DeviceChanges {
  readonly hostinfo?: Partial<Hostinfo>;
  readonly endpoints?: readonly string[];
  readonly homeDerp?: number;
  readonly discoKey?: string;
}

export interface TestDevice {
  readonly hostname: string;
  readonly machineKey: NoisePrivateKey;
  nodeKey(): NodeKey;
  /** What the open stream has told so far; the last state of the former one where none is open. */
  netmap(): Netmap;
  readonly counters: Readonly<MapCounters>;
  /** Whether a map stream is open. */
  isStreaming(): boolean;
  /** Messages of the present stream in order, keep-alives left out; the newest 200. */
  messages(): readonly MapResponse[];

  /** Connects if need be and registers, with the auth key the device was made with unless told otherwise. Throws HttpStatusError. */
  register(options?: RegisterOptions): Promise<RegisterResponse>;
  /** Registers and throws unless that made the device a member that needs no approval; then opens the stream and reports as a client does. */
  join(): Promise<Netmap>;
  /** Opens the map stream and resolves after its first message that is no keep-alive. Throws HttpStatusError. */
  startMap(): Promise<Netmap>;
  /** A lite update: changes what the device reports of itself and sends it. */
  update(changes?: DeviceChanges): Promise<void>;
  /** One map message without a stream. */
  fetchMap(): Promise<MapResponse>;
  logout(): Promise<RegisterResponse>;
  /** Takes a new node key, as a client does when the old one has expired; returns the old one. Register with it next. */
  rotateNodeKey(): NodeKey;
  /** Any request over the Noise connection; a text is sent as it is, anything else as JSON. */
  send(method: string, path: string, body?: unknown): Promise<Answer>;

  /** Resolves with the netmap once the predicate holds for it, at once if it does already. */
  waitFor(predicate: (netmap: Netmap) => boolean, timeoutMs?: number, what?: string): Promise<Netmap>;
  /** Resolves when the present stream has ended, however it did. */
  waitForEnd(timeoutMs?: number): Promise<void>;
  /** Cuts the connection without a goodbye. */
  drop(): void;
  /** As a client after a lost network: a new connection and a new stream. */
  reconnect(): Promise<Netmap>;
  /** Ends everything. */
  close(): void;
}
