/** What stands between an organization that wants certificates for its devices' names and those certificates. */
import { Resolver } from 'node:dns/promises';
import type { ServeConfig } from '../config/config.ts';
import { formatHostPort } from '../config/values.ts';
import { type CertificateLack, readCertificateLack } from '../domain/certificates/certificate-names.ts';
import { readDnsBase } from '../domain/organizations/dns-base.ts';
import { PRIVATE_DNS_BASE } from '../domain/organizations/names.ts';
import type { Reader } from '../domain/ports/store.ts';
import { SECOND } from '../kernel/clock.ts';
import { eachOrganization } from './each-organization.ts';
import type { Finding } from './finding.ts';

const CHECK = 'device names';
/** Named; of the rest only that there are more. */
const SHOWN = 5;
const ANSWER_MS = 3 * SECOND;

export interface DeviceCertificatesParts {
  readonly config: Pick<ServeConfig, 'magicDnsDomain' | 'acmeDns'>;
  readonly store: Pick<Reader, 'get' | 'find' | 'list'>;
  /** The name servers of a domain, as the public sees them; rejects when there are none. */
  readonly nameServers?: (domain: string) => Promise<readonly string[]>;
}

const publicNameServers = (domain: string): Promise<readonly string[]> =>
  new Resolver({ timeout: ANSWER_MS, tries: 1 }).resolveNs(domain);

export async function lookAtDeviceCertificates(parts: DeviceCertificatesParts): Promise<Finding> {
  const { config, store, nameServers = publicNameServers } = parts;
  const domain = config.magicDnsDomain ?? (await readDnsBase(store));
  const published = config.acmeDns === undefined ? undefined : domain;
  const warning = (says: string): Finding => ({ check: CHECK, state: 'warning', says });
  const lacking: string[] = [];
  for await (const organization of eachOrganization(store)) {
    // The move to another domain is made when the server starts.
    const lack = await readCertificateLack(store, { ...organization, dnsBase: domain }, published);
    if (lack !== undefined && lack !== 'switched-off') lacking.push(`${organization.label} (${WORDS[lack]})`);
    if (lacking.length > SHOWN) break;
  }
  if (lacking.length > 0) {
    const more = lacking.length > SHOWN ? ', and more' : '';
    const named = lacking.slice(0, SHOWN).join(', ');
    return warning(`no certificates, though switched on: ${named}${more}: see docs/certificates.md`);
  }
  if (config.acmeDns === undefined || domain === PRIVATE_DNS_BASE) {
    return { check: CHECK, state: 'ok', says: `in ${domain}; nobody has certificates for them switched on` };
  }
  if (config.acmeDns.kind === 'updated') {
    const where = formatHostPort(config.acmeDns.server);
    return { check: CHECK, state: 'ok', says: `in ${domain}, whose records are written at ${where}` };
  }
  const wanted = config.acmeDns.names;
  const found = await nameServers(domain).catch((): readonly string[] => []);
  if (wanted.some((name) => found.includes(name))) {
    return { check: CHECK, state: 'ok', says: `in ${domain}, which ${wanted.join(', ')} answers for` };
  }
  const record = wanted.map((name) => `"${domain}. NS ${name}."`).join(', ');
  return warning(
    `the public DNS does not lead to this server for ${domain}: delegate it with ${record}, and let UDP and TCP port 53 in`,
  );
}

const WORDS: Readonly<Record<Exclude<CertificateLack, 'switched-off'>, string>> = {
  'no-magic-dns': 'MagicDNS is off',
  'not-published': 'nothing answers the DNS for its names',
};
