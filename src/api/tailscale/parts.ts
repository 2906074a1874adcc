/** What the dialect stands on. */
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { AuditLog } from '../../domain/audit/audit-log.ts';
import type { ContactService } from '../../domain/contacts/contact-service.ts';
import type { ClientTokenService } from '../../domain/credentials/client-token-service.ts';
import type { FederationService } from '../../domain/credentials/federation-service.ts';
import type { KeyList } from '../../domain/credentials/key-list.ts';
import type { KeyService } from '../../domain/credentials/key-service.ts';
import type { AttributeService } from '../../domain/devices/attribute-service.ts';
import type { DeviceAdmin } from '../../domain/devices/device-admin.ts';
import type { DeviceList } from '../../domain/devices/device-list.ts';
import type { DnsService } from '../../domain/dns/dns-service.ts';
import type { FlowLogService } from '../../domain/flow-logs/flow-log-service.ts';
import type { AwsExternalIds } from '../../domain/log-streams/aws-external-ids.ts';
import type { LogStreams } from '../../domain/log-streams/log-stream-service.ts';
import type { AuditOrigin } from '../../domain/model/operations.ts';
import type { OauthApps } from '../../domain/oauth-apps/oauth-app-service.ts';
import type { ChildOrganizations } from '../../domain/organizations/child-organizations.ts';
import type { OrganizationRemoval } from '../../domain/organizations/organization-removal.ts';
import type { MemberAdmin } from '../../domain/people/member-admin.ts';
import type { MemberList } from '../../domain/people/member-list.ts';
import type { UserInvites } from '../../domain/people/user-invites.ts';
import type { PolicyFileService } from '../../domain/policy-file/policy-file-service.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { PostureIntegrations } from '../../domain/posture/posture-integration-service.ts';
import type { VipServices } from '../../domain/services/vip-service.ts';
import type { SettingsService } from '../../domain/settings/settings-service.ts';
import type { ExternalDevices } from '../../domain/shares/external-devices.ts';
import type { ShareAcceptance } from '../../domain/shares/share-acceptance.ts';
import type { ShareAddress } from '../../domain/shares/share-code.ts';
import type { ShareService } from '../../domain/shares/share-service.ts';
import type { SharedUsers } from '../../domain/shares/shared-users.ts';
import type { WebhookService } from '../../domain/webhooks/webhook-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { CallContext } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import type { RegionName } from './device-details-wire.ts';
import { type OrganizationReader, requireTailnet } from './tailnet.ts';

export interface TailscaleServices {
  readonly organizations: OrganizationReader;
  /** Settings of an organization. */
  readonly settings: Pick<Store, 'get' | 'find'>;
  readonly deviceList: DeviceList;
  readonly deviceAdmin: DeviceAdmin;
  readonly keys: KeyService;
  readonly keyList: KeyList;
  readonly clientTokens: ClientTokenService;
  readonly federation: FederationService;
  readonly policyFile: PolicyFileService;
  readonly dns: DnsService;
  readonly memberList: MemberList;
  readonly memberAdmin: MemberAdmin;
  readonly userInvites: UserInvites;
  readonly settingsService: SettingsService;
  readonly contacts: ContactService;
  readonly attributes: AttributeService;
  readonly vipServices: VipServices;
  readonly webhooks: WebhookService;
  readonly postureIntegrations: PostureIntegrations;
  readonly auditLog: AuditLog;
  readonly flowLogs: Pick<FlowLogService, 'list'>;
  readonly awsExternalIds: AwsExternalIds;
  readonly logStreams: LogStreams;
  readonly shares: ShareService;
  readonly shareAcceptance: ShareAcceptance;
  /** The code of an invite's link. */
  readonly shareCodeOf: (share: ShareAddress) => string;
  readonly externalDevices: ExternalDevices;
  readonly sharedUsers: SharedUsers;
  readonly oauthApps: OauthApps;
  readonly childOrganizations: ChildOrganizations;
  readonly organizationRemoval: OrganizationRemoval;
}

export interface TailscaleApiParts {
  readonly services: TailscaleServices;
  /** Throws `unauthenticated`, or `forbidden` for a credential that no admin API takes. */
  readonly authenticate: (token: string) => Promise<Actor>;
  readonly clock: Clock;
  readonly random: Random;
  /** The origin in links; undefined: the one that the caller used. */
  readonly publicUrl?: string | undefined;
  /** The name of a relay region; its number where it has none. */
  readonly regionName: RegionName;
  /** The AWS account from which this installation takes on roles of others. */
  readonly awsAccountId?: string;
  /** Told of failures that are defects of this program. */
  readonly onError?: (error: unknown, request: FastifyRequest) => void;
}

export const ORIGIN: AuditOrigin = 'tailscale-api';

export const BASE = '/api/v2';
/** Operations on the organization that `{tailnet}` names. */
export const TAILNET = `${BASE}/tailnet/:tailnet`;
export const DEVICE = `${BASE}/device/:deviceId`;

export type GuardedCall = CallContext & { readonly actor: Actor };
export type Handle = (call: GuardedCall) => Promise<unknown>;

/** Answers for the caller's own tailnet only. */
export const inTailnet =
  (organizations: OrganizationReader, handle: Handle): Handle =>
  async (call) => {
    await requireTailnet(organizations, call.actor, pathText(call.request, 'tailnet'));
    return handle(call);
  };
