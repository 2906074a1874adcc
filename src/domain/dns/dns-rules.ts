/** What a DNS configuration may hold. */
import { AppError, invalid } from '../../kernel/errors.ts';
import { isDnsName } from '../../kernel/names.ts';
import { formatAddr, parseAddr } from '../../kernel/netip/index.ts';
import type { Nameserver } from '../model/configuration.ts';

const MAX_NAMESERVERS = 50;
const MAX_DOMAINS = 500;
const MAX_URL = 500;

/** `address`, `address:port`, or `https://…`; canonical. */
function checkNameserver(text: string, field: string): string {
  if (text.startsWith('https://')) {
    if (URL.canParse(text) && text.length <= MAX_URL) return text;
    throw invalid(`${field}: "${text}" is not an https URL`, field);
  }
  const address = parseAddr(text);
  if (address !== undefined) return formatAddr(address);
  const match = /^(?:\[(.+)\]|([^:]+)):([0-9]{1,5})$/u.exec(text);
  const port = Number(match?.[3]);
  const host = parseAddr(match?.[1] ?? match?.[2] ?? '');
  if (host !== undefined && port > 0 && port < 65_536) {
    return host.family === 6 ? `[${formatAddr(host)}]:${port}` : `${formatAddr(host)}:${port}`;
  }
  throw invalid(`${field}: "${text}" is neither an IP address nor an https URL`, field);
}

export function checkNameservers(servers: readonly Nameserver[], field: string): readonly Nameserver[] {
  if (servers.length > MAX_NAMESERVERS) {
    throw new AppError('too_large', `${field}: at most ${MAX_NAMESERVERS} nameservers are allowed`, {
      field,
    });
  }
  return servers.map(({ address, useWithExitNode }) => ({
    address: checkNameserver(address, field),
    useWithExitNode,
  }));
}

export function checkDomain(text: string, field: string): string {
  const domain = text.trim().toLowerCase().replace(/\.$/u, '');
  if (!isDnsName(domain)) throw invalid(`${field}: "${text}" is not a domain name`, field);
  return domain;
}

/** Each domain once, in the order given. */
export function checkDomains(texts: readonly string[], field: string): readonly string[] {
  if (texts.length > MAX_DOMAINS) {
    throw new AppError('too_large', `${field}: at most ${MAX_DOMAINS} domains are allowed`, { field });
  }
  return [...new Set(texts.map((text) => checkDomain(text, field)))];
}

export type SplitDns = Readonly<Record<string, readonly Nameserver[]>>;

/** Domains without nameservers are left out: their names are resolved as all others. */
export function checkSplit(split: SplitDns, field: string): SplitDns {
  const entries = Object.entries(split);
  if (entries.length > MAX_DOMAINS) {
    throw new AppError('too_large', `${field}: at most ${MAX_DOMAINS} domains are allowed`, { field });
  }
  return Object.fromEntries(
    entries
      .filter(([, servers]) => servers.length > 0)
      .map(([domain, servers]) => [
        checkDomain(domain, field),
        checkNameservers(servers, `${field}.${domain}`),
      ]),
  );
}
