import type { Actor } from '../../domain/access/actor.ts';
import type { AccessRequestService } from '../../domain/access-requests/access-request-service.ts';
import type { AttributeService } from '../../domain/devices/attribute-service.ts';
import type { DeviceStanding } from '../../domain/devices/device-standing.ts';
import type { Directory } from '../../domain/directory/directory.ts';
import type { Tenancy } from '../../domain/directory/tenancy.ts';
import type { DnsFilterService } from '../../domain/dns/dns-filter-service.ts';
import type { GroupReads } from '../../domain/groups/group-reads.ts';
import type { GroupService } from '../../domain/groups/group-service.ts';
import type { AccessService } from '../../domain/networks/access-service.ts';
import type { CertificateAuthorityService } from '../../domain/networks/certificate-authority-service.ts';
import type { GatewayService } from '../../domain/networks/gateway-service.ts';
import type { NetworkService } from '../../domain/networks/network-service.ts';
import type { ProxyService } from '../../domain/networks/proxy-service.ts';
import type { ResourceService } from '../../domain/networks/resource-service.ts';
import type { SecurityPolicyService } from '../../domain/networks/security-policy-service.ts';
import type { MemberService } from '../../domain/people/member-service.ts';
import type { ServiceAccountService } from '../../domain/service-accounts/service-account-service.ts';
import type { Batches } from './batches.ts';

/** What the dialect needs of the program. */
export interface TwingateServices {
  readonly directory: Directory;
  readonly groupReads: GroupReads;
  readonly tenancy: Tenancy;
  readonly groups: GroupService;
  readonly networks: NetworkService;
  readonly members: MemberService;
  readonly gateways: GatewayService;
  readonly proxies: ProxyService;
  readonly certificateAuthorities: CertificateAuthorityService;
  readonly resources: ResourceService;
  readonly access: AccessService;
  readonly accessRequests: AccessRequestService;
  readonly serviceAccounts: ServiceAccountService;
  readonly securityPolicies: SecurityPolicyService;
  readonly deviceStanding: DeviceStanding;
  readonly attributes: AttributeService;
  readonly dnsFilters: DnsFilterService;
}

/** What every resolver of one request shares. */
export interface Context {
  readonly actor: Actor;
  readonly services: TwingateServices;
  readonly batches: Batches;
  /** Told of the rows of each list; throws when the answer grows too large. */
  readonly spend: (rows: number) => void;
  /** The time of the request. */
  readonly now: number;
  /** Under which the client reached this server, with its port. */
  readonly host: string;
  /** Told of what is our own fault where the answer goes on without it. */
  readonly onDefect: (error: unknown) => void;
}

/** Arguments as graphql-js coerced them by the schema: absent stays absent, null stays null. */
export type Args = Readonly<Record<string, unknown>>;

export type Resolver = (source: unknown, args: Args, context: Context) => unknown;
export type FieldResolvers = Readonly<Record<string, Resolver>>;

/** Resolvers of an object type whose sources are all of one kind, since our own resolvers made them. */
export function fieldsOf<S>(
  fields: Readonly<Record<string, (source: S, args: Args, context: Context) => unknown>>,
): FieldResolvers {
  return Object.fromEntries(
    Object.entries(fields).map(([name, resolve]) => [
      name,
      (source, args, context) => resolve(source as S, args, context),
    ]),
  );
}
