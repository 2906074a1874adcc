import type { RootField } from '../queries.ts';
import { defined, idOf, ORIGIN, optionalIdOf, textOf } from './arguments.ts';
import { inWords } from './errors.ts';

const GATEWAY_IN_USE = 'Cannot delete. This Gateway is being used by Resource.';
const AUTHORITY_IN_USE = 'This CA is currently in use and cannot be deleted.';
const AUTHORITY_TAKEN = 'A CA with this name already exists.';

const AUTHORITIES = {
  x509: { type: 'X509CertificateAuthority', field: 'x509CertificateAuthority', material: 'certificate' },
  ssh: { type: 'SSHCertificateAuthority', field: 'sshCertificateAuthority', material: 'publicKey' },
} as const;

function authorityMutations(kind: keyof typeof AUTHORITIES): Record<string, RootField> {
  const { type, field, material } = AUTHORITIES[kind];
  return {
    [`${field}Create`]: {
      requires: 'networks:write',
      resolve: async (args, { actor, services }) => ({
        entity: await inWords(
          { taken: AUTHORITY_TAKEN },
          services.certificateAuthorities.create(
            actor,
            { kind, name: textOf(args, 'name') ?? '', material: textOf(args, material) ?? '' },
            ORIGIN,
          ),
        ),
      }),
    },
    [`${field}Delete`]: {
      requires: 'networks:write',
      resolve: async (args, { actor, services }) => {
        await inWords(
          { conflict: AUTHORITY_IN_USE },
          services.certificateAuthorities.remove(actor, kind, idOf(args, 'id', type), ORIGIN),
        );
        return {};
      },
    },
  };
}

export const gatewayMutations: Readonly<Record<string, RootField>> = {
  ...authorityMutations('x509'),
  ...authorityMutations('ssh'),
  gatewayCreate: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.proxies.create(
        actor,
        {
          address: textOf(args, 'address') ?? '',
          network: idOf(args, 'remoteNetworkId', 'RemoteNetwork'),
          x509Ca: idOf(args, 'x509CAId', 'X509CertificateAuthority'),
          sshCa: optionalIdOf(args, 'sshCAId', 'SSHCertificateAuthority') ?? null,
        },
        ORIGIN,
      ),
    }),
  },
  gatewayUpdate: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.proxies.update(
        actor,
        idOf(args, 'id', 'Gateway'),
        // Null clears the SSH authority; elsewhere it says nothing.
        defined({
          address: textOf(args, 'address'),
          network: optionalIdOf(args, 'remoteNetworkId', 'RemoteNetwork'),
          x509Ca: optionalIdOf(args, 'x509CAId', 'X509CertificateAuthority'),
          sshCa: args.sshCAId === null ? null : optionalIdOf(args, 'sshCAId', 'SSHCertificateAuthority'),
        }),
        ORIGIN,
      ),
    }),
  },
  gatewayDelete: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => {
      await inWords(
        { conflict: GATEWAY_IN_USE },
        services.proxies.remove(actor, idOf(args, 'id', 'Gateway'), ORIGIN),
      );
      return {};
    },
  },
};
