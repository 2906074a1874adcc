import type { ExactValue, JsonValue, Position } from '../kernel/hujson/index.ts';
import type { IpSet, Prefix, Range } from '../kernel/netip/index.ts';
import type { Places } from './parse/places.ts';
import type { Condition } from './posture.ts';

/** A parsed policy file: plain data with line numbers (from 1), and what finds the place of its parts in the text. */
export interface Policy {
  readonly places: Places;
  readonly groups: ReadonlyMap<string, GroupDef>;
  readonly hosts: ReadonlyMap<string, HostDef>;
  readonly tagOwners: ReadonlyMap<string, OwnersDef>;
  readonly autoApprovers: AutoApprovers;
  /** acls, then grants; undefined when the file has neither section, which allows everything. */
  readonly rules: readonly Rule[] | undefined;
  readonly ssh: readonly SshRule[];
  readonly nodeAttrs: readonly NodeAttr[];
  readonly postures: ReadonlyMap<string, PostureDef>;
  readonly defaultSrcPosture: readonly string[];
  readonly ipsets: ReadonlyMap<string, IpSetDef>;
  /** What each IP set comes to. */
  readonly ipsetAddresses: ReadonlyMap<string, IpSet>;
  readonly attrConfig: ReadonlyMap<string, AttrConfig>;
  readonly tests: readonly PolicyTest[];
  readonly sshTests: readonly SshTest[];
  /** As written; `relaysOf` reads it, and the control plane merges it into the map it serves. */
  readonly derpMap: JsonValue | undefined;
  readonly randomizeClientPort: boolean;
  readonly disableIPv4: boolean;
  readonly oneCGNATRoute: '' | 'mac-always' | 'mac-never';
}

export interface GroupDef {
  readonly members: readonly string[];
  readonly line: number;
}

export interface HostDef {
  readonly prefix: Prefix;
  readonly line: number;
}

export interface OwnersDef {
  readonly owners: readonly Selector[];
  readonly line: number;
}

export interface AutoApprovers {
  readonly routes: readonly {
    /** The prefix as written. */
    readonly name: string;
    readonly prefix: Prefix;
    readonly approvers: readonly Selector[];
  }[];
  readonly exitNode: readonly Selector[];
  readonly services: ReadonlyMap<string, readonly Selector[]>;
}

/** Whom or what a rule names. */
export type Selector =
  | { readonly kind: 'any' }
  | { readonly kind: 'user'; readonly login: string }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'tag'; readonly name: string }
  | { readonly kind: 'autogroup'; readonly name: string }
  /** The domain as written: the service takes it in lower case alone. */
  | { readonly kind: 'users-of-domain'; readonly domain: string }
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'ipset'; readonly name: string }
  | { readonly kind: 'service'; readonly name: string };

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** `protocols` undefined: those that clients take for "any" (TCP, UDP, ICMP, ICMPv6). */
export interface ProtoPorts {
  readonly protocols: readonly number[] | undefined;
  readonly ports: readonly PortRange[];
}

/** One entry of acls or grants: an acl with several destinations has one `Target` for each. */
export interface Rule {
  readonly section: 'acls' | 'grants';
  readonly index: number;
  readonly line: number;
  readonly src: readonly Selector[];
  readonly targets: readonly Target[];
  /** Capabilities granted to the sources at the destinations. */
  readonly app: ReadonlyMap<string, ExactValue> | undefined;
  readonly via: readonly string[];
  /** Any of these postures must hold; undefined means defaultSrcPosture. */
  readonly srcPosture: readonly string[] | undefined;
}

export interface Target {
  readonly dst: readonly Selector[];
  readonly allow: readonly ProtoPorts[];
}

export interface SshRule {
  readonly index: number;
  readonly line: number;
  readonly action: 'accept' | 'check';
  readonly src: readonly Selector[];
  readonly dst: readonly Selector[];
  readonly users: readonly string[];
  /** Milliseconds between re-authentications of a check rule; 0 is every time. */
  readonly checkPeriod: number;
  readonly acceptEnv: readonly string[];
  readonly srcPosture: readonly string[] | undefined;
  readonly recorder: readonly string[];
  readonly enforceRecorder: boolean;
}

export interface NodeAttr {
  readonly index: number;
  readonly line: number;
  readonly target: readonly Selector[];
  readonly attr: readonly string[];
  readonly app: ReadonlyMap<string, ExactValue>;
  readonly ipPool: readonly Prefix[];
}

export interface PostureDef {
  readonly conditions: readonly Condition[];
  readonly line: number;
}

export type IpSetTerm =
  | { readonly kind: 'range'; readonly range: Range }
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'ipset'; readonly name: string }
  | { readonly kind: 'internet' };

export interface IpSetDef {
  readonly steps: readonly { readonly add: boolean; readonly term: IpSetTerm }[];
  readonly line: number;
}

export interface AttrConfig {
  readonly type: 'string' | 'bool' | 'number';
  readonly allowSetByNode: boolean;
  readonly broadcastToPeers: readonly string[];
}

export interface PolicyTest {
  readonly place: Position;
  readonly src: string;
  readonly proto: string;
  readonly accept: readonly string[];
  readonly deny: readonly string[];
  readonly srcPostureAttrs: Readonly<Record<string, JsonValue>> | undefined;
}

export interface SshTest {
  readonly index: number;
  readonly place: Position;
  readonly src: string;
  readonly dst: readonly string[];
  readonly accept: readonly string[];
  readonly check: readonly string[];
  readonly deny: readonly string[];
  readonly srcPostureAttrs: Readonly<Record<string, JsonValue>> | undefined;
}
