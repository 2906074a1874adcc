/** Whether devices can get certificates for their names, and if not, what is missing: `GET /app/api/certificates`. */
import { LACK_SENTENCES, readCertificateLack } from '../../domain/certificates/certificate-names.ts';
import { magicDnsSuffix } from '../../domain/organizations/names.ts';
import { INSTALLATION, type Store } from '../../domain/ports/store.ts';
import { SETTING_RULES } from '../../domain/settings/setting-rules.ts';
import { notFound } from '../../kernel/errors.ts';
import type { GuardedOperation } from '../shared/operation.ts';

export interface CertificateOperationsParts {
  readonly store: Pick<Store, 'get' | 'find'>;
  /** The domain for whose names devices can get certificates now. */
  readonly certificateDomain: () => string | undefined;
}

export const certificateOperations = ({
  store,
  certificateDomain,
}: CertificateOperationsParts): readonly GuardedOperation[] => [
  {
    id: 'native.certificates.read',
    method: 'GET',
    path: '/app/api/certificates',
    requires: SETTING_RULES.https_enabled.read,
    handle: async ({ actor }) => {
      const organization = await store.get('organization', INSTALLATION, actor.org);
      if (organization === undefined) throw notFound('organization');
      const lack = await readCertificateLack(store, organization, certificateDomain());
      return {
        domain: magicDnsSuffix(organization),
        available: lack === undefined,
        lacking: lack ?? null,
        says: lack === undefined ? '' : LACK_SENTENCES[lack],
      };
    },
  },
];
