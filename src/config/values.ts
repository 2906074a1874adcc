/** Turns the text of a setting into its value. Each throws `ConfigError` with a sentence about `name`. */
import { CREATORS, type OrganizationCreators } from '../domain/organizations/child-organizations.ts';
import { parseAddrOrPrefix } from '../kernel/netip/index.ts';
import { ConfigError } from './config-error.ts';

/** Where to listen, or where something listens. Port 0 asks the system for a free one. */
export interface HostPort {
  /** Without brackets, also for IPv6. */
  readonly host: string;
  readonly port: number;
}

const MAX_PORT = 65_535;
const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]*)):(\d{1,5})$/u;

export function parseHostPort(name: string, text: string): HostPort {
  const match = HOST_PORT.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > MAX_PORT) {
    throw new ConfigError(`${name} must be HOST:PORT, such as 127.0.0.1:8484 or [::1]:8484, not "${text}"`);
  }
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** An http or https origin, without a path. */
export function parseOrigin(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const fits =
    (url?.protocol === 'http:' || url?.protocol === 'https:') &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '';
  if (url === undefined || !fits) {
    throw new ConfigError(
      `${name} must be an http or https URL without a path, such as https://net.example.com`,
    );
  }
  return url.origin;
}

const DOMAIN =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/u;
/** Names of organizations and devices come before it, and a name has 253 letters at most. */
const MAX_DOMAIN = 100;

/** A domain name in lower case, without trailing dot. */
export function parseDomain(name: string, text: string): string {
  const domain = text.trim().toLowerCase().replace(/\.$/u, '');
  if (!DOMAIN.test(domain) || domain.length > MAX_DOMAIN) {
    throw new ConfigError(`${name} must be a domain name such as net.example.com, not "${text}"`);
  }
  return domain;
}

export const parseDomains = (name: string, text: string): readonly string[] =>
  text.split(',').map((one) => parseDomain(name, one));

export function parseDatabaseUrl(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The text itself may hold a password, so the sentence does not repeat it.
  if (url === undefined || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) {
    throw new ConfigError(`${name} must be a URL such as postgres://user@host:5432/holdfast`);
  }
  return text;
}

export function parseBoolean(name: string, text: string): boolean {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw new ConfigError(`${name} must be true or false, not "${text}"`);
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function parseLogLevel(name: string, text: string): LogLevel {
  const level = LOG_LEVELS.find((one) => one === text);
  if (level === undefined)
    throw new ConfigError(`${name} must be one of ${LOG_LEVELS.join(', ')}, not "${text}"`);
  return level;
}

export function parseText(name: string, text: string): string {
  if (text.trim() === '') throw new ConfigError(`${name} must not be empty`);
  return text;
}

/** Addresses and prefixes separated by commas. */
export function parseProxies(name: string, text: string): readonly string[] {
  const list = text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const wrong = list.find((one) => parseAddrOrPrefix(one) === undefined);
  if (wrong !== undefined) {
    throw new ConfigError(`${name} must list addresses and prefixes, such as 10.0.0.0/8, not "${wrong}"`);
  }
  return list;
}

const SMTP_PROTOCOLS: ReadonlySet<string> = new Set(['smtp:', 'smtps:']);

export function parseSmtpUrl(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The text itself may hold a password, so the sentence does not repeat it.
  if (url === undefined || !SMTP_PROTOCOLS.has(url.protocol) || url.hostname === '') {
    throw new ConfigError(`${name} must be a URL such as smtp://user@mail.example.com:587`);
  }
  return text;
}

/** `name@host`, or a name and that in angle brackets. */
const MAIL_FROM = /^(?:[^<>\r\n]*<)?[^\s@<>,;]{1,64}@[^\s@<>,;]{1,189}>?$/u;

export function parseMailFrom(name: string, text: string): string {
  if (!MAIL_FROM.test(text) || text.includes('<') !== text.endsWith('>')) {
    throw new ConfigError(
      `${name} must be an address such as net@example.com or "Holdfast <net@example.com>"`,
    );
  }
  return text;
}

/** Who may make organizations over an API. */
export function parseCreators(name: string, text: string): OrganizationCreators {
  const found = CREATORS.find((creators) => creators === text);
  if (found === undefined) throw new ConfigError(`${name} must be ${CREATORS.join(' or ')}, not "${text}"`);
  return found;
}

/** Throws `ConfigError`. */
export function parseAwsAccountId(name: string, text: string): string {
  if (!/^[0-9]{12}$/u.test(text)) throw new ConfigError(`${name} must be the 12 digits of an AWS account`);
  return text;
}

/** A key for signed updates of the DNS. */
export interface NamedKey {
  readonly name: string;
  readonly secret: Uint8Array;
}

const NAMED_KEY = /^(?<name>[A-Za-z0-9._-]{1,200}):(?<secret>[A-Za-z0-9+/]{22,}={0,2})$/u;

export function parseTsigKey(name: string, text: string): NamedKey {
  const groups = NAMED_KEY.exec(text)?.groups;
  // The text holds a secret, so the sentence does not repeat it.
  if (groups?.name === undefined || groups.secret === undefined) {
    throw new ConfigError(`${name} must be NAME:SECRET, with a secret of at least 16 bytes in base64`);
  }
  return { name: groups.name, secret: Buffer.from(groups.secret, 'base64') };
}
