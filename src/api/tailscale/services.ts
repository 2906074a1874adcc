/** The domain services behind this dialect, put together. */

import { createAuditLog } from '../../domain/audit/audit-log.ts';
import { createContactService } from '../../domain/contacts/contact-service.ts';
import { createClientTokenService } from '../../domain/credentials/client-token-service.ts';
import { createFederationService } from '../../domain/credentials/federation-service.ts';
import { createKeyList } from '../../domain/credentials/key-list.ts';
import { createKeyService } from '../../domain/credentials/key-service.ts';
import { createAttributeService } from '../../domain/devices/attribute-service.ts';
import { createDeviceAdmin } from '../../domain/devices/device-admin.ts';
import { createDeviceList } from '../../domain/devices/device-list.ts';
import { createDnsService } from '../../domain/dns/dns-service.ts';
import type { FlowLogService } from '../../domain/flow-logs/flow-log-service.ts';
import { createAwsExternalIds } from '../../domain/log-streams/aws-external-ids.ts';
import { createLogStreams } from '../../domain/log-streams/log-stream-service.ts';
import { createOauthApps } from '../../domain/oauth-apps/oauth-app-service.ts';
import {
  createChildOrganizations,
  type OrganizationCreators,
} from '../../domain/organizations/child-organizations.ts';
import { createOrganizationRemoval } from '../../domain/organizations/organization-removal.ts';
import { createOrganizationService } from '../../domain/organizations/organization-service.ts';
import { createMemberAdmin } from '../../domain/people/member-admin.ts';
import { createMemberList } from '../../domain/people/member-list.ts';
import { createMemberService } from '../../domain/people/member-service.ts';
import { createUserInvites } from '../../domain/people/user-invites.ts';
import type { PolicyChecker } from '../../domain/policy-file/policy-checker.ts';
import { createPolicyFileService } from '../../domain/policy-file/policy-file-service.ts';
import type { TagRules } from '../../domain/policy-file/tag-rules.ts';
import type { AwsRoles } from '../../domain/ports/aws-roles.ts';
import type { KeyedTexts } from '../../domain/ports/keyed-texts.ts';
import type { LogStreamQueue } from '../../domain/ports/log-stream-queue.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { WorkloadTokens } from '../../domain/ports/workload-tokens.ts';
import { createPostureIntegrations } from '../../domain/posture/posture-integration-service.ts';
import { createVipServices } from '../../domain/services/vip-service.ts';
import { createSettingsService } from '../../domain/settings/settings-service.ts';
import { createExternalDevices } from '../../domain/shares/external-devices.ts';
import { createShareAcceptance } from '../../domain/shares/share-acceptance.ts';
import { type ShareSecrets, shareCode } from '../../domain/shares/share-code.ts';
import { createShareService } from '../../domain/shares/share-service.ts';
import { createSharedUsers } from '../../domain/shares/shared-users.ts';
import { createWebhookService } from '../../domain/webhooks/webhook-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { TailscaleServices } from './parts.ts';

export interface TailscaleServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly tagRules: TagRules;
  /** Decides which policy files may be saved. */
  readonly checker: PolicyChecker;
  readonly sealer: Sealer;
  readonly workloadTokens: WorkloadTokens;
  readonly flowLogs: FlowLogService;
  readonly shareSecrets: ShareSecrets;
  readonly keyedTexts: KeyedTexts;
  /** Who may make organizations over an API. */
  readonly creators: OrganizationCreators;
  readonly logStreamQueue: LogStreamQueue;
  readonly awsRoles: AwsRoles;
}

export function createTailscaleServices(parts: TailscaleServicesParts): TailscaleServices {
  const { store } = parts;
  const memberAdmin = createMemberAdmin(parts);
  const clientTokens = createClientTokenService(parts);
  return {
    organizations: store,
    settings: store,
    deviceList: createDeviceList(parts),
    deviceAdmin: createDeviceAdmin(parts),
    keys: createKeyService(parts),
    keyList: createKeyList(parts),
    clientTokens,
    federation: createFederationService({ ...parts, tokens: parts.workloadTokens, clientTokens }),
    policyFile: createPolicyFileService(parts),
    dns: createDnsService(parts),
    memberList: createMemberList(parts),
    memberAdmin,
    userInvites: createUserInvites({
      ...parts,
      members: createMemberService({ ...parts, admin: memberAdmin }),
    }),
    settingsService: createSettingsService(parts),
    contacts: createContactService(parts),
    attributes: createAttributeService(parts),
    vipServices: createVipServices(parts),
    webhooks: createWebhookService(parts),
    postureIntegrations: createPostureIntegrations(parts),
    auditLog: createAuditLog(parts),
    flowLogs: parts.flowLogs,
    awsExternalIds: createAwsExternalIds({ ...parts, roles: parts.awsRoles }),
    logStreams: createLogStreams({ ...parts, queue: parts.logStreamQueue }),
    shares: createShareService(parts),
    shareAcceptance: createShareAcceptance({ ...parts, secrets: parts.shareSecrets }),
    shareCodeOf: (share) => shareCode(parts.shareSecrets, share),
    externalDevices: createExternalDevices(parts),
    sharedUsers: createSharedUsers(parts),
    oauthApps: createOauthApps(parts),
    childOrganizations: createChildOrganizations({
      ...parts,
      organizations: createOrganizationService(parts),
    }),
    organizationRemoval: createOrganizationRemoval(parts),
  };
}
