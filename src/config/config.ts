/** The settings of a command as checked values. */
import { join } from 'node:path';
import type { OrganizationCreators } from '../domain/organizations/child-organizations.ts';
import { ConfigError } from './config-error.ts';
import { assertNoExampleSecret } from './example-secrets.ts';
import { allOptions, type OptionName, type OptionValue } from './options.ts';
import { collectSettings, type Environment, type Flags, type Settings } from './sources.ts';
import type { HostPort, LogLevel, NamedKey } from './values.ts';

export type DatabaseLocation =
  | { readonly kind: 'sqlite'; readonly directory: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly notify: boolean };

export interface InstallationConfig {
  readonly database: DatabaseLocation;
  readonly sealingKeyFile: string | undefined;
}

export interface ServeConfig extends InstallationConfig {
  readonly listen: HostPort;
  /** Undefined: the origin that a request or the listener itself shows. */
  readonly publicUrl: string | undefined;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly trustedProxies: readonly string[];
  readonly metricsListen: HostPort | undefined;
  readonly logLevel: LogLevel;
  /** Whether to run the embedded relay. Undefined: unless there is another. */
  readonly derp: boolean | undefined;
  /** Undefined: on the server's own origin where that speaks TLS, else beside it. */
  readonly derpListen: HostPort | undefined;
  readonly stun: HostPort | undefined;
  readonly derpMapFile: string | undefined;
  /** The domain that devices have names in; undefined: the one that the installation has. */
  readonly magicDnsDomain: string | undefined;
  /** Undefined: nothing is published for that domain. */
  readonly acmeDns: AcmeDnsConfig | undefined;
  /** Whether webhooks and log streams may lead to private and loopback addresses. */
  readonly webhookAllowPrivate: boolean;
  /** Whether identity providers may be at private and loopback addresses, and without TLS. */
  readonly ssoAllowPrivate: boolean;
  /** Who may make organizations over an API. */
  readonly organizationCreators: OrganizationCreators;
  /** Undefined: no role of another AWS account is taken on. */
  readonly aws: AwsConfig | undefined;
  /** Undefined: no mail is sent. */
  readonly mail: MailConfig | undefined;
  /** The origin of a dashboard of Netmaker's that uses this server. */
  readonly netmakerDashboardUrl: string | undefined;
}

/** How certificate authorities find what devices publish. */
export type AcmeDnsConfig =
  | {
      readonly kind: 'answered';
      /** Undefined: other servers of the installation answer. */
      readonly listen: HostPort | undefined;
      readonly names: readonly string[];
    }
  | {
      readonly kind: 'updated';
      readonly server: HostPort;
      readonly key: NamedKey;
      /** Undefined: the domain itself. */
      readonly zone: string | undefined;
    };

export interface AwsConfig {
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Undefined: the service of AWS. */
  readonly stsUrl: string | undefined;
}

export interface MailConfig {
  readonly smtpUrl: string;
  readonly from: string;
}

export interface ConfigInput {
  readonly flags: Flags;
  readonly environment: Environment;
  /** The program's own directory; the default data directory is in it. */
  readonly programDirectory: string;
}

const DEFAULT_LISTEN: HostPort = { host: '127.0.0.1', port: 8484 };
const DATA_DIRECTORY = 'data';

function read<N extends OptionName>(settings: Settings, name: N): OptionValue<N> | undefined {
  const given = settings.get(name);
  if (given === undefined) return undefined;
  // The table pairs each name with its parser; TypeScript loses that pairing in an indexed access.
  return allOptions[name].parse(given.name, given.text) as OptionValue<N>;
}

function locationOf(settings: Settings, defaultData: string): DatabaseLocation {
  const url = read(settings, 'database-url');
  const directory = read(settings, 'data');
  if (url !== undefined && directory !== undefined) {
    throw new ConfigError('give either --data or --database-url, not both');
  }
  if (url === undefined) return { kind: 'sqlite', directory: directory ?? defaultData };
  assertNoExampleSecret('the password in --database-url', decodeURIComponent(new URL(url).password));
  return { kind: 'postgres', url, notify: read(settings, 'notify') ?? true };
}

function tlsOf(settings: Settings): ServeConfig['tls'] {
  const certFile = read(settings, 'tls-cert');
  const keyFile = read(settings, 'tls-key');
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw new ConfigError('--tls-cert and --tls-key belong together: give both or neither');
  }
  return { certFile, keyFile };
}

function mailOf(settings: Settings): MailConfig | undefined {
  const smtpUrl = read(settings, 'smtp-url');
  const from = read(settings, 'mail-from');
  if (smtpUrl === undefined && from === undefined) return undefined;
  if (smtpUrl === undefined || from === undefined) {
    throw new ConfigError('--smtp-url and --mail-from belong together: give both or neither');
  }
  assertNoExampleSecret('the password in --smtp-url', decodeURIComponent(new URL(smtpUrl).password));
  return { smtpUrl, from };
}

function acmeDnsOf(settings: Settings): AcmeDnsConfig | undefined {
  const listen = read(settings, 'acme-dns-listen');
  const given = read(settings, 'acme-dns-name');
  const server = read(settings, 'acme-dns-update');
  const key = read(settings, 'acme-dns-update-key');
  const zone = read(settings, 'acme-dns-update-zone');
  if (server !== undefined || key !== undefined || zone !== undefined) {
    if (server === undefined || key === undefined) {
      throw new ConfigError(
        '--acme-dns-update and --acme-dns-update-key belong together: give both or neither',
      );
    }
    if (listen !== undefined || given !== undefined) {
      throw new ConfigError('give either --acme-dns-listen or --acme-dns-update, not both');
    }
    assertNoExampleSecret('the secret in --acme-dns-update-key', Buffer.from(key.secret).toString('base64'));
    return { kind: 'updated', server, key, zone };
  }
  if (listen === undefined && given === undefined) return undefined;
  const publicUrl = read(settings, 'public-url');
  const host = publicUrl === undefined ? '' : new URL(publicUrl).hostname;
  const names = given ?? (isName(host) ? [host] : undefined);
  if (names === undefined) {
    throw new ConfigError(
      '--acme-dns-listen needs the name that the NS records have: give --acme-dns-name, or a --public-url with a name',
    );
  }
  return { kind: 'answered', listen, names };
}

const isName = (host: string): boolean =>
  host.includes('.') && !/^[\d.]+$/u.test(host) && !host.includes(':');

function awsOf(settings: Settings): AwsConfig | undefined {
  const accountId = read(settings, 'aws-account-id');
  const accessKeyId = read(settings, 'aws-access-key-id');
  const secretAccessKey = read(settings, 'aws-secret-access-key');
  const stsUrl = read(settings, 'aws-sts-url');
  if ([accountId, accessKeyId, secretAccessKey, stsUrl].every((value) => value === undefined))
    return undefined;
  if (accountId === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ConfigError(
      '--aws-account-id, --aws-access-key-id and --aws-secret-access-key belong together: give all or none',
    );
  }
  assertNoExampleSecret('--aws-secret-access-key', secretAccessKey);
  return { accountId, accessKeyId, secretAccessKey, stsUrl };
}

function installationOf(settings: Settings, defaultData: string): InstallationConfig {
  return { database: locationOf(settings, defaultData), sealingKeyFile: read(settings, 'sealing-key-file') };
}

/** Throws `ConfigError`. */
export function loadInstallationConfig({
  flags,
  environment,
  programDirectory,
}: ConfigInput): InstallationConfig {
  const defaultData = join(programDirectory, DATA_DIRECTORY);
  return installationOf(collectSettings(flags, environment, defaultData), defaultData);
}

/** Throws `ConfigError`. */
export function loadServeConfig({ flags, environment, programDirectory }: ConfigInput): ServeConfig {
  const defaultData = join(programDirectory, DATA_DIRECTORY);
  const settings = collectSettings(flags, environment, defaultData);
  return {
    ...installationOf(settings, defaultData),
    listen: read(settings, 'listen') ?? DEFAULT_LISTEN,
    publicUrl: read(settings, 'public-url'),
    tls: tlsOf(settings),
    trustedProxies: read(settings, 'trusted-proxies') ?? [],
    metricsListen: read(settings, 'metrics-listen'),
    logLevel: read(settings, 'log-level') ?? 'info',
    derp: read(settings, 'derp'),
    derpListen: read(settings, 'derp-listen'),
    stun: read(settings, 'stun'),
    derpMapFile: read(settings, 'derp-map'),
    magicDnsDomain: read(settings, 'magic-dns-domain'),
    acmeDns: acmeDnsOf(settings),
    webhookAllowPrivate: read(settings, 'webhook-allow-private') ?? false,
    ssoAllowPrivate: read(settings, 'sso-allow-private') ?? false,
    organizationCreators: read(settings, 'organization-creation') ?? 'operator',
    aws: awsOf(settings),
    mail: mailOf(settings),
    netmakerDashboardUrl: read(settings, 'netmaker-dashboard-url'),
  };
}
