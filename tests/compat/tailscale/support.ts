/** The dialect on a server of its own, and devices put in as the control plane puts them. */
import type { FastifyPluginAsync } from 'fastify';
import {
  createTailscaleApi,
  createTailscaleServices,
  type TailscaleApiParts,
} from '../../../src/api/tailscale/index.ts';
import { createKeyedTexts } from '../../../src/auth/keyed-texts.ts';
import { createMailSecrets } from '../../../src/auth/mail-secrets.ts';
import { createSealer } from '../../../src/auth/sealing.ts';
import { createWorkloadTokens } from '../../../src/auth/workload-tokens.ts';
import { heldAddress } from '../../../src/domain/devices/addresses.ts';
import type { Device } from '../../../src/domain/model/devices.ts';
import type { OrganizationCreators } from '../../../src/domain/organizations/child-organizations.ts';
import type { PolicyChecker } from '../../../src/domain/policy-file/policy-checker.ts';
import { createTagRules } from '../../../src/domain/policy-file/tag-rules.ts';
import type { AwsRoles } from '../../../src/domain/ports/aws-roles.ts';
import { createJoinPolicy } from '../../../src/effective-policy/join-policy.ts';
import { createPolicyChecker } from '../../../src/effective-policy/policy-checker.ts';
import { systemRandom } from '../../../src/kernel/random.ts';
import { type ApiParts, type ApiServer, createApiServer, type EngineName } from '../../support/api-server.ts';
import { createResponseCheck } from './response-check.ts';

/** What the addresses of a test's own world answer; everything else is not reached. */
export type Internet = Map<string, string>;

export const TEST_SEALER = createSealer({ key: new Uint8Array(32).fill(7), random: systemRandom });

const NO_ROLES: AwsRoles = {
  account: undefined,
  assume: () => Promise.reject(new Error('there is no AWS account here')),
  named: () => Promise.reject(new Error('there is no AWS account here')),
};

export const tailscaleParts = (
  { store, clock, random, authenticator, flowLogs, logStreamQueue, onError }: ApiParts,
  checker: PolicyChecker = createPolicyChecker({ store, clock }),
  internet: Internet = new Map(),
  creators: OrganizationCreators = 'administrators',
  awsRoles: AwsRoles = NO_ROLES,
): TailscaleApiParts => ({
  services: createTailscaleServices({
    store,
    clock,
    random,
    tagRules: createTagRules({ ownership: createJoinPolicy({ store }) }),
    checker,
    flowLogs,
    logStreamQueue,
    awsRoles,
    workloadTokens: createWorkloadTokens({
      clock,
      fetchText: async (url) => {
        const text = internet.get(url);
        if (text === undefined) throw new Error(`${url} is not there`);
        return text;
      },
    }),
    shareSecrets: createMailSecrets(new Uint8Array(32).fill(7)),
    keyedTexts: createKeyedTexts(new Uint8Array(32).fill(7)),
    creators,
    sealer: TEST_SEALER,
  }),
  authenticate: authenticator.authenticate,
  clock,
  random,
  onError,
  regionName: (region) => `Region ${region}`,
});

export const tailscaleDialect =
  (checker?: PolicyChecker, internet?: Internet, creators?: OrganizationCreators, awsRoles?: AwsRoles) =>
  (parts: ApiParts): FastifyPluginAsync[] => [
    createResponseCheck().plugin,
    createTailscaleApi(tailscaleParts(parts, checker, internet, creators, awsRoles)),
  ];

export const createTailscaleServer = (engine: EngineName): Promise<ApiServer> =>
  createApiServer(engine, tailscaleDialect());

export interface DeviceSeed {
  readonly label: string;
  readonly owner?: number;
  readonly tags?: readonly string[];
  readonly ephemeral?: boolean;
  readonly advertised?: readonly string[];
  readonly online?: boolean;
  readonly patch?: Partial<Device>;
}

const BY = { kind: 'system', id: '', name: 'test' } as const;
const REPLICA = 'r1';
const LEASE_MS = 3_600_000;

/** Devices with addresses, facts and presence. Every one that is online hangs on one replica, whose lease lives an hour. */
export async function addDevices(
  { store, leases }: Pick<ApiServer, 'store' | 'leases'>,
  org: number,
  seeds: readonly DeviceSeed[],
): Promise<Device[]> {
  await leases.renew(REPLICA, LEASE_MS);
  return store.write({ orgs: [org], by: BY, origin: 'control', ids: seeds.length + 1 }, async (tx) => {
    const made: Device[] = [];
    for (const seed of seeds) {
      const id = tx.newId();
      const hex = id.toString(16).padStart(64, '0');
      const tags = seed.tags ?? [];
      made.push({
        org,
        id,
        machineKey: `mkey:${hex}`,
        nodeKey: `nodekey:${hex}`,
        ownerKind: tags.length > 0 ? 'tags' : 'membership',
        owner: tags.length > 0 ? 0 : (seed.owner ?? 0),
        registeredBy: seed.owner ?? 0,
        class: 'normal',
        osHostname: seed.label,
        givenName: null,
        label: seed.label,
        os: 'linux',
        clientVersion: '1.102.5-t0123456',
        capver: 140,
        createdAt: tx.now,
        keyExpiresAt: tx.now + 180 * 86_400_000,
        expiryDisabled: tags.length > 0,
        authorizedAt: tx.now,
        blockedAt: null,
        archivedAt: null,
        trustedAt: null,
        ephemeral: seed.ephemeral ?? false,
        serials: [],
        credential: 0,
        byKind: 'system',
        byId: '',
        byName: 'test',
        ...seed.patch,
      });
    }
    await tx.insertAll('device', made);
    await tx.insertAll(
      'address',
      made.flatMap(({ id }) => [
        heldAddress(org, ipv4Of(id), 4, 'device', id),
        heldAddress(org, ipv6Of(id), 6, 'device', id),
      ]),
    );
    const of = (index: number): DeviceSeed => seeds[index] ?? { label: '' };
    await tx.insertAll(
      'deviceTag',
      made.flatMap(({ id }, index) =>
        (of(index).tags ?? []).map((tag) => ({ org, device: id, tag, source: 'admin' as const })),
      ),
    );
    await tx.insertAll(
      'route',
      made.flatMap(({ id }, index) =>
        (of(index).advertised ?? []).map((prefix) => ({
          org,
          device: id,
          prefix,
          advertised: true,
          manualAt: null,
          manualBy: 0,
          auto: false,
        })),
      ),
    );
    await tx.insertAll(
      'presence',
      made.map(({ id }, index) => ({
        org,
        device: id,
        replica: REPLICA,
        online: of(index).online ?? false,
        since: tx.now,
        lastSeen: tx.now,
      })),
    );
    await tx.insertAll(
      'deviceLive',
      made.map(({ id }) => ({
        org,
        device: id,
        discoKey: '',
        endpoints: ['192.0.2.1:41641'],
        endpointTypes: [1],
        homeDerp: 1,
        hostinfo: HOST_FACTS,
        netInfo: NET_FACTS,
        shieldsUp: false,
        flowLogs: false,
        updatedAt: tx.now,
      })),
    );
    tx.audit(org, { verb: 'join', objectKind: 'device', objectId: 0, objectName: 'devices' });
    return made;
  });
}

export const ipv4Of = (id: number): string => `100.64.${Math.floor(id / 250) % 250}.${1 + (id % 250)}`;
export const ipv6Of = (id: number): string => `fd7a:115c:a1e0::${(id + 0x1000).toString(16)}`;

const HOST_FACTS = {
  OS: 'linux',
  OSVersion: '6.1.0',
  Distro: 'debian',
  DistroVersion: '12',
  DistroCodeName: 'bookworm',
  Hostname: 'host',
  GoArch: 'amd64',
  Machine: 'x86_64',
};
const NET_FACTS = {
  MappingVariesByDestIP: false,
  WorkingIPv6: true,
  WorkingUDP: true,
  PreferredDERP: 1,
  DERPLatency: { '1-v4': 0.0125, '2-v4': 0.08 },
};
