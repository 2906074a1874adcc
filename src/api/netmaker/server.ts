/** What the server says of itself: enough for clients to start, nothing that is secret, and nothing that stops it. */
import type { FastifyRequest } from 'fastify';
import type { Settings } from '../../domain/settings/settings.ts';
import type { Operation } from '../shared/operation.ts';
import { envelope } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { timeText } from './wire.ts';

/** The release of the original whose API this is; its provider refuses what is older than 1.7.0. */
const API_VERSION = 'v1.7.0';
const HIDDEN = '(hidden)';
const MASKED = '..................';
const MINUTE_SECONDS = 60;

const nothing = (names: string, value: unknown): Record<string, unknown> =>
  Object.fromEntries(names.split(' ').map((name) => [name, value]));

function place(request: FastifyRequest) {
  const { hostname, port } = new URL(`${request.protocol}://${request.headers.host ?? 'localhost'}`);
  return { host: hostname, port: port || (request.protocol === 'https' ? '443' : '80') };
}

function config(request: FastifyRequest, settings: Settings): Record<string, unknown> {
  const { host, port } = place(request);
  return {
    ...nothing(
      'CoreDNSAddr Broker ServerBrokerEndpoint BrokerType EmqxRestEndpoint HostName SQLConn OIDCIssuer AzureTenant HostNetwork PublicIPService MQPassword MQUserName MetricsExporter LicenseValue NetmakerTenantID TurnServer TurnApiServer TurnUserName TurnPassword Environment EmailSenderAddr EmailSenderUser EmailSenderPassword SmtpHost MetricInterval StunServers DefaultDomain PublicIp FrontendURL MessageQueueBackend AuthProvider',
      '',
    ),
    ...nothing(
      'Verbosity StunPort TurnPort UsersLimit NetworksLimit MachinesLimit IngressesLimit EgressesLimit SmtpPort MetricsPort',
      0,
    ),
    ...nothing(
      'UseTurn DeployedByOperator RacRestrictToSingleNetwork EndpointDetection ManageDNS Stun',
      false,
    ),
    APIConnString: `${host}:${port}`,
    APIHost: host,
    APIPort: port,
    Server: host,
    Version: API_VERSION,
    IsEE: 'yes',
    MasterKey: HIDDEN,
    DNSKey: HIDDEN,
    ClientID: MASKED,
    ClientSecret: MASKED,
    AllowedOrigin: '',
    RestBackend: 'on',
    DNSMode: 'off',
    DisableRemoteIPCheck: 'off',
    Platform: 'linux',
    Database: '',
    DisplayKeys: 'off',
    Telemetry: 'off',
    NetclientAutoUpdate: 'disabled',
    NetclientEndpointDetection: 'disabled',
    BasicAuth: settings.password_login ? 'yes' : 'no',
    CacheEnabled: 'off',
    JwtValidityDuration: settings.session_minutes * MINUTE_SECONDS,
    JwtValidityDurationClients: settings.session_minutes * MINUTE_SECONDS,
    AllowedEmailDomains: settings.allowed_email_domains.join(','),
  };
}

function info(request: FastifyRequest): Record<string, unknown> {
  const { host, port } = place(request);
  return {
    ...nothing(
      'CoreDNSAddr GRPC MQPort MQUserName MQPassword BrokerType Broker MetricInterval StunServers DefaultDomain PeerConnectionCheckInterval',
      '',
    ),
    API: `${host}:${port}`,
    APIHost: host,
    APIPort: port,
    DNSMode: 'off',
    Version: API_VERSION,
    Server: host,
    Is_EE: true,
    TrafficKey: '',
    MetricsPort: 0,
    IPDetectionInterval: 0,
    ManageDNS: false,
    Stun: false,
    EndpointDetection: false,
  };
}

const FLAGS = {
  enable_egress_ha: true,
  enable_network_activity: true,
  enable_oauth: true,
  enable_idp_integration: false,
  allow_multi_server_license: false,
  enable_gws_ha: true,
  enable_device_approval: true,
  enable_flow_logs: false,
  enable_posture_checks: false,
  enable_jit: false,
  enable_overlapping_egress_ranges: false,
};

/** Of these there is nothing to show: keys that join hosts are made where hosts are, and access is not by tags or rules. */
const NOTHING: readonly { readonly name: string; readonly answer: unknown }[] = [
  { name: 'enrollment-keys', answer: [] },
  { name: 'tags', answer: envelope('fetched tags', []) },
  { name: 'acls', answer: envelope('fetched acls', []) },
];

export const serverOperations = ({ services }: NetmakerApiParts): Operation[] => [
  ...NOTHING.map(
    ({ name, answer }): Operation => ({
      id: `netmaker.${name}`,
      method: 'GET',
      path: `/api/v1/${name}`,
      requires: 'networks:read',
      handle: async () => answer,
    }),
  ),
  {
    id: 'netmaker.server.status',
    method: 'GET',
    path: '/api/server/status',
    requires: 'public',
    handle: async () => ({
      db_connected: true,
      // There is no broker: devices hear of changes over their own streams.
      broker_connected: true,
      is_broker_conn_open: true,
      license_error: '',
      is_pro: true,
      deployment_mode: 'self-hosted',
      trial_end_date: timeText(null),
      is_on_trial_license: false,
      version: API_VERSION,
    }),
  },
  {
    id: 'netmaker.server.health',
    method: 'GET',
    path: '/api/server/health',
    requires: 'public',
    handle: async ({ reply }) => reply.type('text/plain; charset=utf-8').send('Server is up and running!!'),
  },
  {
    id: 'netmaker.server.config',
    method: 'GET',
    path: '/api/server/getconfig',
    requires: 'authenticated',
    handle: async ({ actor, request }) => config(request, (await services.settings.read(actor)).settings),
  },
  {
    id: 'netmaker.server.info',
    method: 'GET',
    path: '/api/server/getserverinfo',
    requires: 'settings:read',
    handle: async ({ request }) => info(request),
  },
  {
    id: 'netmaker.server.feature-flags',
    method: 'GET',
    path: '/api/server/feature_flags',
    requires: 'public',
    handle: async () => envelope('', FLAGS),
  },
  {
    id: 'netmaker.server.usage',
    method: 'GET',
    path: '/api/server/usage',
    requires: 'members:read',
    handle: async ({ actor }) => {
      const usage = await services.usage.count(actor);
      return envelope('', {
        servers: 1,
        users: usage.people,
        hosts: usage.devices,
        clients: usage.extClients,
        networks: usage.networks,
        ingresses: usage.gateways,
        egresses: usage.resources,
        relays: 0,
        internet_gateways: 0,
        fail_overs: 0,
        network_usage: {},
      });
    },
  },
];
