/** Which devices may have certificates for their names, and what those names are. */
import type { Organization } from '../model/people.ts';
import type { Reader } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';

/** RFC 8555 §8.4: the record that proves a name is one label above it. */
export const CHALLENGE_LABEL = '_acme-challenge';

export const challengeName = (fqdn: string): string => `${CHALLENGE_LABEL}.${fqdn}`;

/** Why the devices of an organization have no certificates; undefined when they may. */
export type CertificateLack =
  /** The setting is off. */
  | 'switched-off'
  /** Devices have no names. */
  | 'no-magic-dns'
  /** Nothing makes their records known to the public DNS, or does so for another domain than theirs. */
  | 'not-published';

export interface CertificateFacts {
  readonly organization: Pick<Organization, 'dnsBase'>;
  readonly httpsEnabled: boolean;
  readonly magicDns: boolean;
  /** The domain for which this installation publishes records, if any. */
  readonly published: string | undefined;
}

export function certificateLack(facts: CertificateFacts): CertificateLack | undefined {
  if (!facts.httpsEnabled) return 'switched-off';
  if (!facts.magicDns) return 'no-magic-dns';
  return facts.published === facts.organization.dnsBase ? undefined : 'not-published';
}

/** As the store has it now. `published`: the domain for which this installation publishes records. */
export async function readCertificateLack(
  reader: Pick<Reader, 'find'>,
  organization: Pick<Organization, 'id' | 'dnsBase'>,
  published: string | undefined,
): Promise<CertificateLack | undefined> {
  const { https_enabled: httpsEnabled } = await readSettings(reader, organization.id);
  const [dnsConfig] = await reader.find('dnsConfig', organization.id, {});
  return certificateLack({ organization, httpsEnabled, magicDns: dnsConfig?.magicDns ?? true, published });
}

/** For the person at the device, who may know somebody that can do what it says. */
export const LACK_SENTENCES: Readonly<Record<CertificateLack, string>> = {
  'switched-off':
    'Certificates for device names are switched off in this network. An administrator can switch them on (setting httpsEnabled).',
  'no-magic-dns':
    'Certificates are for device names, and this network gives none. An administrator can switch MagicDNS on.',
  'not-published':
    'This server cannot publish what a certificate authority asks for. Whoever runs it can change that (docs/certificates.md).',
};
