// An organization whose webhooks are delivered to a receiver on this machine, on either engine.
import { rmSync } from 'node:fs';
import { createWebhookEncoder } from '../../src/api/tailscale/webhook-messages.ts';
import { createSealer } from '../../src/auth/sealing.ts';
import type { Actor } from '../../src/domain/access/actor.ts';
import { permissionsOfRole } from '../../src/domain/access/permissions.ts';
import type { Device } from '../../src/domain/model/devices.ts';
import type { Membership } from '../../src/domain/model/people.ts';
import { createOrganizationService } from '../../src/domain/organizations/organization-service.ts';
import type { Tx } from '../../src/domain/ports/store.ts';
import type { WebhookQueue } from '../../src/domain/ports/webhook-queue.ts';
import { deriveWebhookEvents } from '../../src/domain/webhooks/webhook-events.ts';
import { createWebhookService } from '../../src/domain/webhooks/webhook-service.ts';
import { createOutgoing, type Exchange } from '../../src/jobs/outgoing/exchange.ts';
import { createDispatcher, type Dispatcher } from '../../src/jobs/webhooks/dispatcher.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { migrate } from '../../src/store/migrator.ts';
import { createNamedLease } from '../../src/store/named-lease.ts';
import { openEngine } from '../../src/store/open-store.ts';
import { createStore } from '../../src/store/store.ts';
import { createWebhookQueue } from '../../src/store/webhook-queue.ts';
import { type EngineName, newLocation } from '../contract/stores.ts';
import { createReceiver } from '../support/webhook-receiver.ts';

const BY = { kind: 'system', id: '', name: 'the-test' } as const;

export type Rig = Awaited<ReturnType<typeof createRig>>;

export interface DispatcherOptions {
  readonly allowPrivate?: boolean;
  readonly spacingMs?: number;
  readonly holder?: string;
  readonly clock?: Clock;
  /** Where endpoints are; the rig's own receiver unless said. */
  readonly to?: string;
  readonly pollMs?: number;
  /** Stands between the dispatcher and the endpoints. */
  readonly through?: (exchange: Exchange) => Exchange;
  /** Stands between the dispatcher and the database. */
  readonly queue?: (queue: WebhookQueue) => WebhookQueue;
}

const asIs = <T>(part: T): T => part;

export async function createRig(engineName: EngineName) {
  const location = await newLocation(engineName);
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const engine = openEngine({ location, clock: systemClock, onError });
  await migrate(engine);
  const store = createStore({ engine, clock: systemClock, onError, derive: deriveWebhookEvents });
  const sealer = createSealer({ key: systemRandom.bytes(32), random: systemRandom });
  const organizations = createOrganizationService({ store, random: systemRandom });
  const { organization, owner } = await organizations.create(
    { label: 'acme', domain: 'acme.test', owner: { email: 'owner@acme.test' } },
    BY,
    'system',
  );
  const org = organization.id;
  const actor: Actor = {
    kind: 'member',
    org,
    membership: owner.id,
    role: 'owner',
    name: 'owner@acme.test',
    credential: null,
    permissions: permissionsOfRole('owner'),
  };
  const receiver = await createReceiver();
  const service = createWebhookService({ store, random: systemRandom, sealer });
  const running: Dispatcher[] = [];
  let made = 0;

  const write = <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
    store.write({ orgs: [org], by: BY, origin: 'system' }, async (tx) => {
      tx.audit(org, { verb: 'update', objectKind: 'test', objectId: 1, objectName: 'test' });
      return work(tx);
    });

  const addDevice = (label: string, more: Partial<Device> = {}): Promise<Device> =>
    write((tx) => {
      made += 1;
      return tx.insert('device', {
        org,
        id: tx.newId(),
        machineKey: `mkey:${made}`,
        nodeKey: `nodekey:${made}`,
        ownerKind: 'membership',
        owner: owner.id,
        registeredBy: owner.id,
        class: 'normal',
        osHostname: label,
        givenName: null,
        label,
        os: 'linux',
        clientVersion: '1',
        capver: 1,
        createdAt: tx.now,
        keyExpiresAt: null,
        expiryDisabled: false,
        authorizedAt: tx.now,
        blockedAt: null,
        archivedAt: null,
        trustedAt: null,
        ephemeral: false,
        serials: [],
        credential: 0,
        byKind: 'system',
        byId: '',
        byName: '',
        ...more,
      });
    });

  const addMember = (name: string, more: Partial<Membership> = {}): Promise<Membership> =>
    write((tx) => {
      made += 1;
      const email = `${name}@acme.test`;
      const names = { username: email, usernameKey: email, email, emailKey: email };
      const id = tx.newId();
      return tx.insert('membership', {
        ...owner,
        id,
        nano: `n${made}`,
        account: -made,
        role: 'member',
        ...names,
        ...more,
      });
    });

  return {
    engine,
    store,
    org,
    owner,
    actor,
    receiver,
    service,
    sealer,
    errors,
    write,
    addDevice,
    addMember,
    /** An endpoint of the receiver; its path tells it from others. */
    hook: (path: string, subscriptions: readonly string[], providerType = '') =>
      service.create(actor, { url: `http://127.0.0.1${path}`, providerType, subscriptions }, 'tailscale-api'),
    dispatch: (options: DispatcherOptions = {}): Dispatcher => {
      const { allowPrivate = true, spacingMs = 0, holder = 'one', clock = systemClock } = options;
      const { to = receiver.url, pollMs = 50, through = asIs, queue = asIs } = options;
      const outgoing = createOutgoing({ allowPrivate, userAgent: 'holdfast-webhook' });
      const dispatcher = createDispatcher({
        store,
        queue: queue(createWebhookQueue({ engine, store })),
        sealer,
        clock,
        random: systemRandom,
        // Webhooks lead to port 80; the receiver has another.
        outgoing: {
          ...outgoing,
          exchange: through((request, signal) => {
            const url = request.url.replace('http://127.0.0.1', to);
            return outgoing.exchange({ ...request, url }, signal);
          }),
        },
        encode: createWebhookEncoder({ store, url: 'https://net.acme.test/' }),
        lease: createNamedLease({ engine, name: 'webhooks', holder }),
        feed: store.feed,
        onError,
        spacingMs,
        pollMs,
        lingerMs: 10,
      });
      dispatcher.start();
      running.push(dispatcher);
      return dispatcher;
    },
    rows: async (table: string) => engine.run(`SELECT * FROM "${table}"`, []),
    close: async () => {
      for (const dispatcher of running) await dispatcher.close();
      await receiver.close();
      await store.close();
      if (location.kind === 'sqlite') rmSync(location.directory, { recursive: true, force: true });
    },
  };
}
