/** Whether the devices of an organization may get certificates for their names. */
import { certificateLack } from '../../domain/certificates/certificate-names.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';

/** @param published the domain for which what devices publish is in the public DNS */
export const lackOf = (snapshot: Snapshot, published: string | undefined) =>
  certificateLack({
    organization: snapshot.organization,
    httpsEnabled: snapshot.settings().https_enabled,
    magicDns: snapshot.dns()?.magicDns ?? true,
    published,
  });

export const hasCertificates = (snapshot: Snapshot, published: string | undefined): boolean =>
  lackOf(snapshot, published) === undefined;
