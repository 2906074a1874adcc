/**
 * Every setting, once: its flag, its variable (`HOLDFAST_` and the flag in capitals), its key in the file (the flag in
 * camel case), and how its text is read.
 */
import {
  parseAwsAccountId,
  parseBoolean,
  parseCreators,
  parseDatabaseUrl,
  parseDomain,
  parseDomains,
  parseHostPort,
  parseLogLevel,
  parseMailFrom,
  parseOrigin,
  parseProxies,
  parseSmtpUrl,
  parseText,
  parseTsigKey,
} from './values.ts';

interface OptionSpec<T> {
  /** What stands for the value in help; without it the setting is a switch. */
  readonly value?: string;
  readonly help: string;
  readonly parse: (name: string, text: string) => T;
}

const option = <T>(value: string, help: string, parse: (name: string, text: string) => T): OptionSpec<T> => ({
  value,
  help,
  parse,
});
const flag = (help: string): OptionSpec<boolean> => ({ help, parse: parseBoolean });

/** Where an installation is: taken by every command that reads one. */
export const locationOptions = {
  data: option('DIR', 'directory of the embedded database; default data beside the program', parseText),
  'database-url': option('URL', 'PostgreSQL database, postgres://…, instead of --data', parseDatabaseUrl),
  'sealing-key-file': option(
    'FILE',
    'file with the key that seals stored secrets, 32 bytes in base64; without it the installation keeps one',
    parseText,
  ),
} as const;

export const serveOptions = {
  listen: option('HOST:PORT', 'where to listen; default 127.0.0.1:8484', parseHostPort),
  'public-url': option('URL', 'the origin under which devices and people reach this server', parseOrigin),
  'tls-cert': option('FILE', 'certificate chain in PEM; read again on SIGHUP', parseText),
  'tls-key': option('FILE', 'private key of the certificate in PEM', parseText),
  'trusted-proxies': option(
    'LIST',
    'addresses and prefixes of proxies whose X-Forwarded-For is believed, separated by commas',
    parseProxies,
  ),
  'metrics-listen': option('HOST:PORT', 'where to offer /metrics; off without it', parseHostPort),
  'log-level': option('LEVEL', 'trace, debug, info, warn, error or silent; default info', parseLogLevel),
  derp: flag(
    'run the embedded relay; without it the relay runs unless there is another, and never with --no-derp',
  ),
  'derp-listen': option(
    'HOST:PORT',
    'where the relay listens; default the port after that of --listen, or with TLS the same origin',
    parseHostPort,
  ),
  stun: option('HOST:PORT', 'where to answer STUN; default beside the relay, port 3478', parseHostPort),
  'derp-map': option('FILE', 'relay map offered to devices, JSON or HuJSON', parseText),
  'magic-dns-domain': option(
    'DOMAIN',
    'domain that devices have names in, <device>.<organization>.DOMAIN; default as before, at first holdfast.internal',
    parseDomain,
  ),
  'acme-dns-listen': option(
    'HOST:PORT',
    'where to answer the DNS for that domain, UDP and TCP, so that devices get certificates for their names; off without it',
    parseHostPort,
  ),
  'acme-dns-name': option(
    'LIST',
    'names of the servers that do, as the NS records of that domain have them, separated by commas; default the host of --public-url',
    parseDomains,
  ),
  'acme-dns-update': option(
    'HOST:PORT',
    'instead of those two: a DNS server of your own that has that domain and takes signed updates (RFC 2136), by TCP',
    parseHostPort,
  ),
  'acme-dns-update-key': option(
    'NAME:SECRET',
    'the key that signs them (HMAC-SHA256), its secret in base64; better given as HOLDFAST_ACME_DNS_UPDATE_KEY',
    parseTsigKey,
  ),
  'acme-dns-update-zone': option('ZONE', 'the zone of that server; default the domain itself', parseDomain),
  'webhook-allow-private': flag(
    'let webhooks and log streams lead to private and loopback addresses; default false: whoever may write them would reach them',
  ),
  'aws-account-id': option(
    'ID',
    'AWS account of this installation, which takes on roles for log streams',
    parseAwsAccountId,
  ),
  'aws-access-key-id': option('ID', 'key of that account', parseText),
  'aws-secret-access-key': option(
    'SECRET',
    'its secret; better given as HOLDFAST_AWS_SECRET_ACCESS_KEY',
    parseText,
  ),
  'aws-sts-url': option('URL', 'security token service to ask for roles; default that of AWS', parseOrigin),
  'sso-allow-private': flag(
    'let identity providers be at private and loopback addresses, also without TLS; default false: whoever may set one up would reach them',
  ),
  'smtp-url': option(
    'URL',
    'mail server, smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…; without it no mail is sent',
    parseSmtpUrl,
  ),
  'mail-from': option('ADDRESS', 'sender of mails, such as "Holdfast <net@example.com>"', parseMailFrom),
  'netmaker-dashboard-url': option(
    'URL',
    'the origin of a Netmaker dashboard that uses this server: where invitations and sign-ins lead back to',
    parseOrigin,
  ),
  'organization-creation': option(
    'WHO',
    'who may make organizations over the APIs: operator (nobody but the command line, the default) or administrators',
    parseCreators,
  ),
  notify: flag('use LISTEN and NOTIFY of PostgreSQL; default true'),
} as const;

export const allOptions = { ...locationOptions, ...serveOptions } as const;

export type OptionName = keyof typeof allOptions;
export type OptionValue<N extends OptionName> = ReturnType<(typeof allOptions)[N]['parse']>;

export const optionNames = Object.keys(allOptions) as readonly OptionName[];

export const variableOf = (name: string): string => `HOLDFAST_${name.replaceAll('-', '_').toUpperCase()}`;

export const fileKeyOf = (name: string): string =>
  name.replace(/-([a-z])/gu, (_, letter: string) => letter.toUpperCase());
