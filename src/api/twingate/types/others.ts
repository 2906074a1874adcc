/** Service accounts and their keys, security policies, gateways and their authorities, serial numbers, access requests. */
import type { Credential } from '../../../domain/model/credentials.ts';
import type { Device } from '../../../domain/model/devices.ts';
import type { Row } from '../../../domain/model/entities.ts';
import type { SecurityPolicy } from '../../../domain/model/networks.ts';
import type { ServiceAccount } from '../../../domain/model/people.ts';
import { type Condition, exists } from '../../../domain/ports/store.ts';
import { relatedConnection } from '../connection.ts';
import { type Context, type FieldResolvers, fieldsOf } from '../context.ts';
import { type DirectRelated, directConnection } from '../direct-connection.ts';
import { groupFilter, OWNED_DEVICE, resourceFilter } from '../filters.ts';
import { encodeGlobalId } from '../global-id.ts';
import { loadOne, required } from '../loads.ts';
import { edgesOf } from './group.ts';

/** Keys for the network; a service account may hold keys for the API as well, which are no concern of this dialect. */
export const SERVICE_KEY: Condition<'credential'> = {
  column: 'kind',
  operator: '=',
  value: 'service-key',
};

const KEYS: DirectRelated<'credential'> = {
  name: 'ServiceAccount.keys',
  kind: 'credential',
  relation: { parent: 'owner' },
};

export const serviceAccountFields: FieldResolvers = fieldsOf<ServiceAccount>({
  id: ({ id }) => encodeGlobalId('ServiceAccount', id),
  name: ({ name }) => name,
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
  resources: (account, args, context) =>
    directConnection(
      { name: 'ServiceAccount.resources', kind: 'resource', relation: edgesOf('service_account', context) },
      args,
      context,
      account,
      resourceFilter(args.filter),
    ),
  keys: (account, args, context) => directConnection(KEYS, args, context, account, SERVICE_KEY),
});

function keyStatus(key: Credential, now: number): 'ACTIVE' | 'REVOKED' | 'EXPIRED' {
  if (key.revokedAt !== null) return 'REVOKED';
  return key.expiresAt !== null && key.expiresAt <= now ? 'EXPIRED' : 'ACTIVE';
}

export const serviceKeyFields: FieldResolvers = fieldsOf<Credential>({
  id: ({ id }) => encodeGlobalId('ServiceAccountKey', id),
  name: ({ name }) => name,
  status: (key, _args, { now }) => keyStatus(key, now),
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ createdAt, updatedAt }) => updatedAt ?? createdAt,
  expiresAt: ({ expiresAt }) => expiresAt,
  revokedAt: ({ revokedAt }) => revokedAt,
  serviceAccount: ({ owner }, _args, context) =>
    required('the service account of a key', loadOne(context, 'serviceAccount', owner)),
});

/** Groups without a policy of their own have the default one. */
const groupsOf = (policy: SecurityPolicy): Condition<'group'> => {
  const own: Condition<'group'> = { column: 'securityPolicy', operator: '=', value: policy.id };
  return policy.type === 'default'
    ? { anyOf: [own, { column: 'securityPolicy', operator: 'is-null' }] }
    : own;
};

export const securityPolicyFields: FieldResolvers = fieldsOf<SecurityPolicy>({
  id: ({ id }) => encodeGlobalId('SecurityPolicy', id),
  name: ({ name }) => name,
  policyType: ({ type }) => (type === 'default' ? 'DEFAULT_RESOURCE' : 'RESOURCE'),
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
  groups: (policy, args, context) => {
    const filter = groupFilter(args.filter);
    const { directory } = context.services;
    const relation = { parent: 'securityPolicy' } as const;
    const ofDefault: Condition<'group'> = { allOf: [filter, groupsOf(policy)] };
    // Only the default policy has groups that no column names, and there is one of it.
    if (policy.type === 'default') {
      return relatedConnection('DefaultPolicy.groups', args, context, policy, {
        pages: async (policies, request) => {
          const page = await directory.page(context.actor, 'group', { ...request, condition: ofDefault });
          return new Map(policies.map(({ id }) => [id, page]));
        },
        counts: async (policies) => {
          const count = await directory.count(context.actor, 'group', ofDefault);
          return new Map(policies.map(({ id }) => [id, count]));
        },
      });
    }
    return directConnection(
      { name: 'SecurityPolicy.groups', kind: 'group', relation },
      args,
      context,
      policy,
      filter,
    );
  },
});

export const gatewayFields: FieldResolvers = fieldsOf<Row<'proxy'>>({
  id: ({ id }) => encodeGlobalId('Gateway', id),
  address: ({ address }) => address,
  remoteNetwork: ({ network }, _args, context) =>
    required('the network of a gateway', loadOne(context, 'network', network)),
  x509CA: ({ x509Ca }, _args, context) =>
    required('the authority of a gateway', loadOne(context, 'certificateAuthority', x509Ca)),
  sshCA: ({ sshCa }, _args, context) => loadOne(context, 'certificateAuthority', sshCa),
});

export const AUTHORITY_TYPES = {
  x509: 'X509CertificateAuthority',
  ssh: 'SSHCertificateAuthority',
} as const;

export const authorityFields: FieldResolvers = fieldsOf<Row<'certificateAuthority'>>({
  id: ({ id, kind }) => encodeGlobalId(AUTHORITY_TYPES[kind], id),
  name: ({ name }) => name,
  fingerprint: ({ fingerprint }) => fingerprint,
});

/** Devices shown with one serial number: there is one machine of each, and a few for its earlier lives. */
const MAX_MATCHES = 50;

async function matchedDevices(serial: Row<'serialNumber'>, context: Context): Promise<readonly Device[]> {
  const { batches, services, actor } = context;
  const found = await batches.load('SerialNumber.matchedDevices', serial, async (serials) => {
    const asked: Condition<'serialNumber'> = {
      column: 'id',
      operator: 'in',
      value: serials.map(({ id }) => id),
    };
    const listed = exists<'device', 'serialNumber'>('serialNumber', {}, asked, {
      listedIn: { serial: 'serials' },
    });
    const { rows } = await services.directory.page(actor, 'device', {
      condition: { allOf: [OWNED_DEVICE, listed] },
      limit: MAX_MATCHES * serials.length,
    });
    const bySerial = Map.groupBy(
      rows.flatMap((device) => device.serials.map((text) => ({ text, device }))),
      ({ text }) => text,
    );
    return new Map(
      serials.map((one) => [
        one,
        (bySerial.get(one.serial) ?? []).slice(0, MAX_MATCHES).map(({ device }) => device),
      ]),
    );
  });
  return found ?? [];
}

export const serialNumberFields: FieldResolvers = fieldsOf<Row<'serialNumber'>>({
  id: ({ id }) => encodeGlobalId('SerialNumber', id),
  serialNumber: ({ serial }) => serial,
  createdAt: ({ createdAt }) => createdAt,
  matchedDevices: (serial, _args, context) => matchedDevices(serial, context),
});

const REQUEST_STATUS = {
  pending: 'PENDING',
  approved: 'APPROVED',
  rejected: 'REJECTED',
  // The wire has no word for a request that nobody decided in time.
  expired: 'REJECTED',
} as const;

export const accessRequestFields: FieldResolvers = fieldsOf<Row<'accessRequest'>>({
  id: ({ id }) => encodeGlobalId('AccessRequest', id),
  user: ({ membership }, _args, context) =>
    required('the user of a request', loadOne(context, 'membership', membership)),
  resource: ({ resource }, _args, context) =>
    required('the resource of a request', loadOne(context, 'resource', resource)),
  reason: ({ reason }) => reason || null,
  requestedAt: ({ requestedAt }) => requestedAt,
  status: ({ status }) => REQUEST_STATUS[status],
});
