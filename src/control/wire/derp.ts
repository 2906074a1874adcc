/** The relays. `Regions` null or absent in a later message keeps the known ones; a null region would delete it. */
export interface DerpMap {
  HomeParams?: DerpHomeParams;
  Regions?: Readonly<Record<string, DerpRegion>> | null;
  omitDefaultRegions?: boolean;
}

export interface DerpHomeParams {
  /** Region to a factor on its measured latency; below 1 attracts. */
  RegionScore?: Readonly<Record<string, number>>;
}

export interface DerpRegion {
  /** 900 to 999 are for self-hosted relays. */
  RegionID: number;
  RegionCode: string;
  RegionName: string;
  Latitude?: number;
  Longitude?: number;
  Avoid?: boolean;
  NoMeasureNoHome?: boolean;
  Nodes: readonly DerpNode[];
}

export interface DerpNode {
  Name: string;
  RegionID: number;
  HostName: string;
  /** Name to expect in the certificate, or `sha256-raw:<hex>` to pin a self-signed one. */
  CertName?: string;
  /** "none" disables the family. */
  IPv4?: string;
  IPv6?: string;
  /** 0 or absent = 3478, -1 = no STUN. */
  STUNPort?: number;
  STUNOnly?: boolean;
  DERPPort?: number;
  InsecureForTests?: boolean;
  STUNTestIP?: string;
  CanPort80?: boolean;
}
