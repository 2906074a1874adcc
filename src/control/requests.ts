/** What clients send, checked. Tolerant where Go clients are: unknown fields are dropped, null is absence, zero keys are none. */
import { z } from 'zod';
import { parseAddr } from '../kernel/netip/index.ts';
import { hostinfoSchema, wireText } from './hostinfo-schema.ts';
import { isKeyText, isZeroKey } from './noise/index.ts';

const MAX_ENDPOINTS = 256;
const MAX_ENDPOINT_TYPE = 255;
const MAX_TOKEN = 512;
const MAX_URL = 2_048;
const MAX_PORT = 65_535;

export const nodeKey = z
  .string()
  .refine((value) => isKeyText('node', value) && !isZeroKey(value), 'is not a node key');

/** `1.2.3.4:41641` or `[fd7a::1]:41641`: clients refuse a map that holds anything else. */
function isAddrPort(text: string): boolean {
  const match = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<four>[0-9.]+)):(?<port>\d{1,5})$/u.exec(text);
  const { six, four, port } = match?.groups ?? {};
  if (Number(port) > MAX_PORT) return false;
  return parseAddr(six ?? four ?? '')?.family === (six === undefined ? 4 : 6);
}

export const registerRequest = z.object({
  Version: z.int().nullish(),
  NodeKey: nodeKey,
  Auth: z.object({ AuthKey: wireText(MAX_TOKEN).nullish() }).nullish(),
  Expiry: wireText(64).nullish(),
  Followup: wireText(MAX_URL).nullish(),
  Hostinfo: hostinfoSchema,
  Ephemeral: z.boolean().nullish(),
});

export const mapRequest = z.object({
  Version: z.int().nullish(),
  Compress: wireText(16).nullish(),
  NodeKey: nodeKey,
  DiscoKey: z
    .string()
    .refine((value) => value === '' || isKeyText('disco', value), 'is not a disco key')
    .nullish(),
  Stream: z.boolean().nullish(),
  OmitPeers: z.boolean().nullish(),
  Hostinfo: hostinfoSchema,
  Endpoints: z
    .array(z.string().refine(isAddrPort, 'is not an address and a port'))
    .max(MAX_ENDPOINTS)
    .nullish(),
  EndpointTypes: z.array(z.int().min(0).max(MAX_ENDPOINT_TYPE)).max(MAX_ENDPOINTS).nullish(),
});

export type RegisterInput = z.infer<typeof registerRequest>;
export type MapInput = z.infer<typeof mapRequest>;
export type HostinfoInput = z.infer<typeof hostinfoSchema>;

export interface HostFactsInput {
  readonly hostname: string;
  readonly os: string;
  readonly clientVersion: string;
  readonly advertised: readonly string[];
  readonly requestTags: readonly string[];
  readonly shieldsUp: boolean;
  /** The known fields but NetInfo. */
  readonly hostinfo: Readonly<Record<string, unknown>>;
  /** Undefined: not told, the known one stands. */
  readonly netInfo: Readonly<Record<string, unknown>> | undefined;
  readonly homeDerp: number | undefined;
}

export function hostFactsOf(input: HostinfoInput): HostFactsInput {
  const { NetInfo: netInfo, ...rest } = input ?? {};
  return {
    hostname: rest.Hostname ?? '',
    os: rest.OS ?? '',
    clientVersion: rest.IPNVersion ?? '',
    advertised: [...new Set(rest.RoutableIPs ?? [])],
    requestTags: rest.RequestTags ?? [],
    shieldsUp: rest.ShieldsUp ?? false,
    hostinfo: rest,
    netInfo: netInfo ?? undefined,
    homeDerp: netInfo == null ? undefined : (netInfo.PreferredDERP ?? 0),
  };
}
