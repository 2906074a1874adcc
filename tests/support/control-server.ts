// A control plane on a real socket over a fresh installation, for tests that hold devices on it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAcmeDns } from '../../src/app/acme-dns.ts';
import { createFlowLogIds } from '../../src/auth/flow-log-ids.ts';
import { createControlPlane } from '../../src/control/control-plane.ts';
import { exportPrivateKey, generatePrivateKey } from '../../src/control/noise/index.ts';
import { insertToken } from '../../src/domain/credentials/insert-token.ts';
import type { Credential } from '../../src/domain/model/credentials.ts';
import type { Device } from '../../src/domain/model/devices.ts';
import type { Membership, Organization } from '../../src/domain/model/people.ts';
import { createOrganizationService } from '../../src/domain/organizations/organization-service.ts';
import type { IdentityTokens } from '../../src/domain/ports/identity-tokens.ts';
import type { Store, Tx } from '../../src/domain/ports/store.ts';
import { createJoinPolicy } from '../../src/effective-policy/join-policy.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { createFollower } from '../../src/store/follower.ts';
import { createTestDevice, type TestDevice, type TestDeviceOptions } from '../client/index.ts';
import { type EngineName, openTestStore } from './engines.ts';
import { createTestIdentityTokens } from './identity-tokens.ts';
import { PATIENT } from './patient.ts';
import { STAMP } from './seeds.ts';

const BY_TEST = { kind: 'system', id: '', name: 'test' } as const;
const SHORT_GRACE_MS = 200;

/** An organization with a reusable key of its owner's. */
export interface Tenant {
  readonly organization: Organization;
  readonly owner: Membership;
  /** A device that has joined with that key. */
  joined(hostname: string, options?: Partial<TestDeviceOptions>): Promise<TestDevice>;
  write(work: (tx: Tx) => Promise<void>): Promise<void>;
}

export interface ControlServer {
  readonly url: string;
  readonly store: Store;
  readonly organization: Organization;
  readonly owner: Membership;
  readonly identityTokens: IdentityTokens;
  /** Where the DNS is answered, at 127.0.0.1; undefined when it is not. */
  readonly dnsPort: number | undefined;
  /** Another organization on the same installation. */
  tenant(label: string): Promise<Tenant>;
  /** Failures of background tasks. */
  readonly failures: readonly unknown[];
  authKey(
    options?: Partial<
      Pick<Credential, 'reusable' | 'ephemeral' | 'tags' | 'expiresAt' | 'revokedAt' | 'kind'>
    >,
  ): Promise<string>;
  device(options: Omit<TestDeviceOptions, 'url'>): TestDevice;
  /** A device that has joined with a reusable key. */
  joined(hostname: string, options?: Partial<TestDeviceOptions>): Promise<TestDevice>;
  row(device: TestDevice): Promise<Device>;
  write(work: (tx: Tx) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface ControlServerOptions {
  readonly graceMs?: number;
  /** The domain of device names, for which the server answers the DNS. */
  readonly publicDomain?: string;
  /** The origin that people open. */
  readonly publicUrl?: string;
}

export async function startControlServer(
  engine: EngineName,
  options: ControlServerOptions = {},
): Promise<ControlServer> {
  const { store, close } = await openTestStore(engine);
  const failures: unknown[] = [];
  const onError = (error: unknown): void => void failures.push(error);
  const follower = createFollower({ feed: store.feed, onError });
  const organizations = createOrganizationService({ store, random: systemRandom });
  const acmeDns = await createAcmeDns({
    store,
    follower,
    clock: systemClock,
    random: systemRandom,
    log: { info: () => undefined, warn: (fields: unknown) => void failures.push(fields) },
    config: {
      magicDnsDomain: options.publicDomain,
      acmeDns:
        options.publicDomain === undefined
          ? undefined
          : { kind: 'answered', listen: { host: '127.0.0.1', port: 0 }, names: ['ns.example.com'] },
    },
  });
  await acmeDns.start();
  const create = (label: string, email: string) =>
    organizations.create({ label, domain: `${label}.test`, owner: { email } }, BY_TEST, 'system');
  const made = await create('acme', 'ada@acme.test');
  const org = made.organization.id;
  const identityTokens = createTestIdentityTokens(store);
  const control = createControlPlane({
    store,
    follower,
    presenceQuery: { organizationsOf: async () => [org] },
    ephemeralQuery: { absentSince: async () => [] },
    clock: systemClock,
    random: systemRandom,
    noisePrivateKey: exportPrivateKey(generatePrivateKey()),
    replica: { id: 'replica-under-test', onLost: () => undefined },
    derpMap: () => ({ Regions: {} }),
    policy: createJoinPolicy({ store }),
    identityTokens,
    flowLogIds: createFlowLogIds(systemRandom.bytes(32)),
    challenges: acmeDns.challenges,
    log: { debug: () => undefined, warn: (fields) => void failures.push(fields) },
    onError,
    publicUrl: options.publicUrl,
    graceMs: options.graceMs ?? SHORT_GRACE_MS,
  });
  const server = createServer(PATIENT, (request, response) => {
    const answer = control.keyResponse(
      new URL(request.url ?? '/', 'http://x').searchParams.get('v') ?? undefined,
    );
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  server.on('upgrade', control.handleUpgrade);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await control.start();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const devices: TestDevice[] = [];

  const writeTo = (to: number, work: (tx: Tx) => Promise<void>): Promise<void> =>
    store.write({ orgs: [to], by: BY_TEST, origin: 'system' }, async (tx) => {
      await work(tx);
      tx.audit(to, { verb: 'update', objectKind: 'device', objectId: 0, objectName: 'by a test' });
    });
  const write: ControlServer['write'] = (work) => writeTo(org, work);

  type KeyOptions = Parameters<ControlServer['authKey']>[0];
  const keyOf = async (owner: Membership, wanted: KeyOptions = {}): Promise<string> => {
    let token = '';
    await writeTo(owner.org, async (tx) => {
      const made = await insertToken(tx, systemRandom, {
        org: owner.org,
        kind: 'auth-key',
        ownerKind: 'membership',
        owner: owner.id,
        name: 'key of a test',
        reusable: false,
        preauthorized: true,
        ...STAMP,
        ...wanted,
      });
      token = made.token;
    });
    return token;
  };
  const authKey: ControlServer['authKey'] = (wanted) => keyOf(made.owner, wanted);
  const device: ControlServer['device'] = (wanted) => {
    const created = createTestDevice({ url, ...wanted });
    devices.push(created);
    return created;
  };

  const joiner = (owner: Membership): Tenant['joined'] => {
    let reusable: Promise<string> | undefined;
    return async (hostname, wanted = {}) => {
      reusable ??= keyOf(owner, { reusable: true });
      const created = device({ hostname, authKey: await reusable, ...wanted });
      await created.join();
      return created;
    };
  };

  return {
    url,
    store,
    tenant: async (label) => {
      const { organization, owner } = await create(label, `owner@${label}.test`);
      const joined = joiner(owner);
      return { organization, owner, joined, write: (work) => writeTo(organization.id, work) };
    },
    organization: made.organization,
    owner: made.owner,
    identityTokens,
    dnsPort: acmeDns.port(),
    failures,
    authKey,
    device,
    joined: joiner(made.owner),
    row: async (of) => {
      const found = await store.lookup('device', 'nodeKey', of.nodeKey());
      if (found === undefined) throw new Error(`${of.hostname} is not in the store`);
      return found;
    },
    write,
    close: async () => {
      for (const one of devices) one.close();
      server.close();
      await control.close();
      await acmeDns.close();
      follower.close();
      await close();
    },
  };
}
