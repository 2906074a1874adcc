/**
 * What a client may say of its host (control-protocol §4.5). Fields that are not known here are dropped: what is kept is
 * stored, counted, and in part handed on to other devices, whose clients refuse a whole map over one field of the wrong type.
 */
import { z } from 'zod';
import { formatPrefix, masked, parsePrefix } from '../kernel/netip/index.ts';

const MAX_WORD = 256;
const MAX_KEY = 2_048;
/** A gateway advertises each resource of its network. */
const MAX_ROUTES = 10_000;
const MAX_TAGS = 100;
const MAX_SERVICES = 256;
const MAX_HOST_KEYS = 16;
const MAX_MACS = 64;
const MAX_LATENCIES = 512;
const MAX_PORT = 65_535;

/** Text that every store and every JSON reader takes. */
export const wireText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => text.isWellFormed() && !text.includes('\0'), 'holds a character that cannot be stored');

const word = wireText(MAX_WORD).nullish();
const flag = z.boolean().nullish();
const port = z.int().min(0).max(MAX_PORT);

const wirePrefix = z.string().transform((value, context) => {
  const parsed = parsePrefix(value);
  if (parsed !== undefined) return formatPrefix(masked(parsed));
  context.addIssue({ code: 'custom', message: 'is not a prefix' });
  return z.NEVER;
});

const service = z.object({ Proto: wireText(32), Port: port, Description: word });

const location = z.object({
  Country: word,
  CountryCode: word,
  City: word,
  CityCode: word,
  Latitude: z.number().nullish(),
  Longitude: z.number().nullish(),
  Priority: z.int().nullish(),
});

const tpm = z.object({
  Manufacturer: word,
  Vendor: word,
  Model: z.int().nullish(),
  FirmwareVersion: z.int().nullish(),
  SpecRevision: z.int().nullish(),
  FamilyIndicator: word,
});

const netInfo = z.object({
  MappingVariesByDestIP: flag,
  WorkingIPv6: flag,
  OSHasIPv6: flag,
  WorkingUDP: flag,
  WorkingICMPv4: flag,
  HavePortMap: flag,
  UPnP: flag,
  PMP: flag,
  PCP: flag,
  PreferredDERP: z.int().min(0).max(MAX_PORT).nullish(),
  LinkType: word,
  DERPLatency: z
    .record(wireText(64), z.number())
    .refine((latencies) => Object.keys(latencies).length <= MAX_LATENCIES, 'has too many entries')
    .nullish(),
  FirewallMode: word,
});

export const hostinfoSchema = z
  .object({
    IPNVersion: word,
    FrontendLogID: word,
    BackendLogID: word,
    OS: word,
    OSVersion: word,
    Container: flag,
    Env: word,
    Distro: word,
    DistroVersion: word,
    DistroCodeName: word,
    App: word,
    Desktop: flag,
    Package: word,
    DeviceModel: word,
    Hostname: word,
    ShieldsUp: flag,
    ShareeNode: flag,
    NoLogsNoSupport: flag,
    RemoteConfig: flag,
    WireIngress: flag,
    IngressEnabled: flag,
    AllowsUpdate: flag,
    Machine: word,
    GoArch: word,
    GoArchVar: word,
    GoVersion: word,
    RoutableIPs: z.array(wirePrefix).max(MAX_ROUTES).nullish(),
    RequestTags: z.array(wireText(MAX_WORD)).max(MAX_TAGS).nullish(),
    WoLMACs: z.array(wireText(64)).max(MAX_MACS).nullish(),
    Services: z.array(service).max(MAX_SERVICES).nullish(),
    NetInfo: netInfo.nullish(),
    sshHostKeys: z.array(wireText(MAX_KEY)).max(MAX_HOST_KEYS).nullish(),
    Cloud: word,
    Userspace: flag,
    UserspaceRouter: flag,
    AppConnector: flag,
    ServicesHash: word,
    PeerRelay: flag,
    ExitNodeID: word,
    Location: location.nullish(),
    TPM: tpm.nullish(),
    StateEncrypted: flag,
  })
  .nullish();
