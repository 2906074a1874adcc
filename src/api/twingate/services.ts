/** The domain services behind this dialect, put together. */

import { createAccessRequestService } from '../../domain/access-requests/access-request-service.ts';
import { createAttributeService } from '../../domain/devices/attribute-service.ts';
import { createDeviceStanding } from '../../domain/devices/device-standing.ts';
import { createDirectory } from '../../domain/directory/directory.ts';
import { createTenancy } from '../../domain/directory/tenancy.ts';
import { createDnsFilterService } from '../../domain/dns/dns-filter-service.ts';
import { createGroupReads } from '../../domain/groups/group-reads.ts';
import { createGroupService } from '../../domain/groups/group-service.ts';
import { createAccessService } from '../../domain/networks/access-service.ts';
import { createCertificateAuthorityService } from '../../domain/networks/certificate-authority-service.ts';
import { createGatewayService } from '../../domain/networks/gateway-service.ts';
import { createNetworkService } from '../../domain/networks/network-service.ts';
import { createProxyService } from '../../domain/networks/proxy-service.ts';
import { createResourceService } from '../../domain/networks/resource-service.ts';
import { createSecurityPolicyService } from '../../domain/networks/security-policy-service.ts';
import { createMemberAdmin } from '../../domain/people/member-admin.ts';
import { createMemberService } from '../../domain/people/member-service.ts';
import type { Store } from '../../domain/ports/store.ts';
import { createServiceAccountService } from '../../domain/service-accounts/service-account-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { TwingateServices } from './context.ts';

export interface TwingateServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

export function createTwingateServices({ store, clock, random }: TwingateServicesParts): TwingateServices {
  const directory = createDirectory({ store });
  const access = createAccessService({ store });
  return {
    directory,
    groupReads: createGroupReads({ directory }),
    tenancy: createTenancy({ store }),
    groups: createGroupService({ store }),
    networks: createNetworkService({ store }),
    members: createMemberService({ store, random, admin: createMemberAdmin({ store }) }),
    gateways: createGatewayService({ store, random }),
    proxies: createProxyService({ store }),
    certificateAuthorities: createCertificateAuthorityService({ store }),
    resources: createResourceService({ store }),
    access,
    accessRequests: createAccessRequestService({ store }),
    serviceAccounts: createServiceAccountService({ store, random, access }),
    securityPolicies: createSecurityPolicyService({ store }),
    deviceStanding: createDeviceStanding({ store }),
    attributes: createAttributeService({ store, clock }),
    dnsFilters: createDnsFilterService({ store }),
  };
}
