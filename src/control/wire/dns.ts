import type { IpText } from './scalars.ts';

export interface DnsResolver {
  /** `1.1.1.1`, `ip:port`, `https://…` (DNS over HTTPS), or `http://<node>:<port>/…` (a peer's proxy). */
  Addr?: string;
  BootstrapResolution?: readonly IpText[];
  /** Keep asking this resolver while an exit node is in use. */
  UseWithExitNode?: boolean;
}

/** Replaces the client's DNS settings as a whole; absent in a message means unchanged. */
export interface DnsConfig {
  /** Resolvers for every name no route covers; absent leaves the host's own in charge. */
  Resolvers?: readonly DnsResolver[];
  /** Suffix to its resolvers; an empty list is answered by the client itself. */
  Routes?: Readonly<Record<string, readonly DnsResolver[] | null>>;
  /** Used only where split DNS is impossible otherwise. */
  FallbackResolvers?: readonly DnsResolver[];
  /** Search list without trailing dots; the first is the network's own domain. */
  Domains?: readonly string[];
  /** Names of nodes are resolved by the client. */
  Proxied?: boolean;
  CertDomains?: readonly string[];
  ExtraRecords?: readonly DnsRecord[];
  ExitNodeFilteredSet?: readonly string[];
}

export interface DnsRecord {
  Name: string;
  /** Absent = A or AAAA by the form of the value. */
  Type?: string;
  Value: string;
}
