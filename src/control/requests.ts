/** What clients send, checked. Tolerant where Go clients are: unknown fields pass, null is absence, zero keys are none. */
import { z } from 'zod';
import { formatPrefix, masked, parsePrefix } from '../kernel/netip/index.ts';
import { isKeyText, isZeroKey } from './noise/index.ts';

const MAX_NAME = 256;
const MAX_ENDPOINTS = 256;
const MAX_ROUTES = 1_000;
const MAX_TAGS = 100;
const MAX_TOKEN = 512;

const text = (max: number) => z.string().max(max).nullish();
const nodeKey = z
  .string()
  .refine((value) => isKeyText('node', value) && !isZeroKey(value), 'is not a node key');

const prefix = z.string().transform((value, context) => {
  const parsed = parsePrefix(value);
  if (parsed !== undefined) return formatPrefix(masked(parsed));
  context.addIssue({ code: 'custom', message: 'is not a prefix' });
  return z.NEVER;
});

/** Kept and passed on as it came; only what the server itself reads is typed. */
const hostinfo = z
  .looseObject({
    Hostname: text(MAX_NAME),
    OS: text(MAX_NAME),
    IPNVersion: text(MAX_NAME),
    ShieldsUp: z.boolean().nullish(),
    RoutableIPs: z.array(prefix).max(MAX_ROUTES).nullish(),
    RequestTags: z.array(z.string().max(MAX_NAME)).max(MAX_TAGS).nullish(),
    NetInfo: z.looseObject({ PreferredDERP: z.int().nullish() }).nullish(),
  })
  .nullish();

export const registerRequest = z.looseObject({
  Version: z.int().nullish(),
  NodeKey: nodeKey,
  Auth: z.looseObject({ AuthKey: text(MAX_TOKEN) }).nullish(),
  Expiry: text(64),
  Followup: text(2_048),
  Hostinfo: hostinfo,
  Ephemeral: z.boolean().nullish(),
});

export const mapRequest = z.looseObject({
  Version: z.int().nullish(),
  Compress: text(16),
  NodeKey: nodeKey,
  DiscoKey: text(128),
  Stream: z.boolean().nullish(),
  OmitPeers: z.boolean().nullish(),
  Hostinfo: hostinfo,
  Endpoints: z.array(z.string().max(64)).max(MAX_ENDPOINTS).nullish(),
  EndpointTypes: z.array(z.int()).max(MAX_ENDPOINTS).nullish(),
});

export type RegisterInput = z.infer<typeof registerRequest>;
export type MapInput = z.infer<typeof mapRequest>;
export type HostinfoInput = z.infer<typeof hostinfo>;

export interface HostFactsInput {
  readonly hostname: string;
  readonly os: string;
  readonly clientVersion: string;
  readonly advertised: readonly string[];
  readonly requestTags: readonly string[];
  readonly shieldsUp: boolean;
  /** The whole of it but NetInfo. */
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
