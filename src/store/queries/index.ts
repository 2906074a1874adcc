import type { Queries } from '../../domain/ports/queries.ts';
import type { Connection, Engine } from '../engine.ts';
import { createAccountMembershipsQuery } from './accounts.ts';
import { createAuditEventsQuery, createAuditPageQuery, createExpiredAccessQuery } from './audit-events.ts';
import { createCredentialStandingQuery } from './credential-standing.ts';
import { createDevicesQuery } from './devices.ts';
import { createMemberPageQuery } from './member-page.ts';
import { createMembersQuery } from './members.ts';
import { createCurrentPolicyQuery } from './policies.ts';
import type { QueryParts } from './query-parts.ts';

export const createQueries = (engine: Pick<Engine, 'name' | 'placeholder'>, reads: Connection): Queries => {
  const parts: QueryParts = { name: engine.name, placeholder: engine.placeholder, run: reads.run };
  return {
    accountMemberships: createAccountMembershipsQuery(parts),
    credentialStanding: createCredentialStandingQuery(parts),
    devices: createDevicesQuery(parts),
    auditEvents: createAuditEventsQuery(parts),
    auditPage: createAuditPageQuery(parts),
    expiredAccess: createExpiredAccessQuery(parts),
    memberPage: createMemberPageQuery(parts),
    members: createMembersQuery(parts),
    currentPolicy: createCurrentPolicyQuery(parts),
  };
};
