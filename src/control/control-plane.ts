/** The control plane: what devices talk to. Built from its parts here, and from nowhere else. */

import type { IncomingMessage } from 'node:http';
import { constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { type Challenges, createChallenges } from '../domain/certificates/challenge-service.ts';
import { createDeviceLogins, type LoginDecision } from '../domain/device-logins/device-login-service.ts';
import { createDeviceIdentity } from '../domain/devices/device-identity.ts';
import { createDisconnectReports } from '../domain/devices/disconnect-reports.ts';
import { createJoinService } from '../domain/devices/join-service.ts';
import type { JoinPolicy } from '../domain/devices/join-types.ts';
import { type AttributeRules, createOwnAttributes } from '../domain/devices/own-attributes.ts';
import { createPostureIdentity } from '../domain/devices/posture-identity.ts';
import { createReportService } from '../domain/devices/report-service.ts';
import { createToldClients } from '../domain/flow-logs/flow-log-consent.ts';
import type { FlowLogIds } from '../domain/flow-logs/flow-log-ids.ts';
import { createNameReports } from '../domain/networks/name-reports.ts';
import type { EphemeralQuery } from '../domain/ports/ephemeral-query.ts';
import type { Follower } from '../domain/ports/follower.ts';
import type { GatewayFeed } from '../domain/ports/gateway-feed.ts';
import type { IdentityTokens } from '../domain/ports/identity-tokens.ts';
import type { PresenceQuery } from '../domain/ports/presence-query.ts';
import type { Store } from '../domain/ports/store.ts';
import { createServiceHosting } from '../domain/services/service-hosting.ts';
import { createRecordingReports } from '../domain/ssh-checks/recording-reports.ts';
import { createSshChecks, type SshDecision } from '../domain/ssh-checks/ssh-check-service.ts';
import { type Clock, SECOND } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { createClientCalls } from './c2n/client-calls.ts';
import { createClientFacts } from './c2n/client-facts.ts';
import { hostedServicesQuestion } from './c2n/hosted-services.ts';
import { postureIdentityQuestion } from './c2n/posture-identity.ts';
import { resolvedNamesQuestion, UNTOLD_NAMES_MS } from './c2n/resolved-names.ts';
import { createGatewayFeed } from './gateways/gateway-feed.ts';
import { createHubs } from './hubs.ts';
import { answerText, statusOf } from './machine/answers.ts';
import { createRouter } from './machine/router.ts';
import { machineRoutes } from './machine/routes.ts';
import { sshActionRoute } from './machine/ssh-action.ts';
import { createDeviceUpdates } from './map/device-updates.ts';
import { createFirstMapQueue } from './map/first-map-queue.ts';
import { startKeepAlives } from './map/keep-alives.ts';
import { createMapHandler } from './map/map-handler.ts';
import type { OrganizationHub } from './map/organization-hub.ts';
import { importPrivateKey } from './noise/index.ts';
import { createRegisterHandler } from './register/register-handler.ts';
import { createRowWaiters } from './row-waiters.ts';
import { createEphemeralSweeper } from './state/ephemeral-sweeper.ts';
import { createLiveWriter } from './state/live-writer.ts';
import { createCollector, createMemoryRelease } from './state/memory-release.ts';
import { createPresenceKeeper } from './state/presence.ts';
import {
  type ControlTransportLog,
  createBodyReader,
  createControlTransport,
  type PlainAnswer,
} from './transport/index.ts';
import type { DerpMap } from './wire/index.ts';

const MAINTENANCE_MS = 15 * SECOND;
/** How late the end of an access, an attribute or a key may be noticed. */
const EXPIRY_MS = SECOND / 2;
/** Streams end over this time when the server stops, so that their clients do not return in one instant. */
const DRAIN_MS = 2 * SECOND;

export interface ControlPlaneParts {
  readonly store: Store;
  readonly follower: Follower;
  readonly presenceQuery: PresenceQuery;
  readonly ephemeralQuery: EphemeralQuery;
  readonly clock: Clock;
  readonly random: Random;
  /** Curve25519, 32 bytes; must survive restarts. */
  readonly noisePrivateKey: Uint8Array;
  readonly replica: {
    readonly id: string;
    onLost(callback: (replica: string) => Promise<void>): void;
    /** The others had taken this process for lost. */
    onRegained?(callback: () => void): void;
  };
  /** `localAddress`: the server's address as the device reached it. */
  readonly derpMap: (localAddress: string) => DerpMap;
  readonly policy: JoinPolicy & AttributeRules;
  /** Signs what devices are given to say who they are. */
  readonly identityTokens: Pick<IdentityTokens, 'sign'>;
  readonly flowLogIds: FlowLogIds;
  /** What devices publish to get certificates; without it they get none. */
  readonly challenges?: Challenges | undefined;
  /** The origin that people open in a browser; undefined: the one that the device called. */
  readonly publicUrl?: string | undefined;
  readonly log: ControlTransportLog;
  readonly onError: (error: unknown) => void;
  /** Milliseconds a device has to come back before it counts as offline. */
  readonly graceMs?: number;
}

export interface ControlPlane {
  /** For the agents of gateways. */
  readonly gateways: GatewayFeed;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  keyResponse(capver: string | undefined): PlainAnswer;
  stats(): { readonly connections: number; readonly streams: number };
  /** Devices are told of the map of relays as it is now. */
  relaysChanged(): void;
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createControlPlane(parts: ControlPlaneParts): ControlPlane {
  const { store, follower, clock, random, policy, onError } = parts;
  const writer = createLiveWriter({ store, onError });
  const presence = createPresenceKeeper({
    store,
    query: parts.presenceQuery,
    writer,
    clock,
    replica: parts.replica.id,
    onError,
    ...(parts.graceMs === undefined ? {} : { graceMs: parts.graceMs }),
  });
  const calls = createClientCalls({ random });
  const clientFacts = createClientFacts({
    calls,
    questions: [
      hostedServicesQuestion(createServiceHosting({ store, policy })),
      postureIdentityQuestion({ identity: createPostureIdentity({ store }), clock }),
      resolvedNamesQuestion({ reports: createNameReports({ store }), clock }),
    ],
    onError,
  });
  const challenges = parts.challenges ?? createChallenges({ store, clock, dns: undefined });
  const told = createToldClients();
  const hubs = createHubs({
    store,
    follower,
    clock,
    writer,
    replica: parts.replica.id,
    onReturned: presence.claim,
    derpMap: parts.derpMap,
    clientFacts,
    flowLogIds: parts.flowLogIds,
    told,
    certificateDomain: challenges.domain,
    onError,
  });
  const joins = createJoinService({ store, clock, random, policy });
  const logins = createDeviceLogins({ store, clock, random, joins });
  const waiting = { store, follower, clock };
  const waiters = createRowWaiters<LoginDecision>({ kind: 'deviceLogin', ...waiting });
  const sshWaiters = createRowWaiters<SshDecision>({ kind: 'sshCheck', ...waiting });
  const register = createRegisterHandler({ joins, logins, waiters, publicUrl: parts.publicUrl, clock });
  const reports = createReportService({ store, random, policy });
  const updates = createDeviceUpdates({
    reports,
    writer,
    clock,
    told,
  });
  const memory = createMemoryRelease({ clock, collect: createCollector() });
  const map = createMapHandler({
    hubs,
    updates,
    presence,
    queue: createFirstMapQueue(),
    clock,
    onError,
    onOpened: (hub, device) => {
      memory.opened();
      clientFacts.opened(hub, device);
      const facts = hub.snapshot.devices.get(device);
      if (facts !== undefined && facts.device.archivedAt !== null)
        reports.connected(facts.device.org, device).catch(onError);
    },
  });
  const ephemeral = createEphemeralSweeper({ store, query: parts.ephemeralQuery, clock });
  const readBody = createBodyReader();

  const route = createRouter([
    ...machineRoutes({
      ...{ register, map, hubs, calls, challenges, publicUrl: parts.publicUrl, clock },
      disconnects: createDisconnectReports({ store }),
      attributes: createOwnAttributes({ store, policy }),
      recordings: createRecordingReports({ store }),
      identity: createDeviceIdentity({ store, tokens: parts.identityTokens, clock, random }),
    }),
    sshActionRoute({
      ...{ hubs, waiters: sshWaiters, publicUrl: parts.publicUrl },
      checks: createSshChecks({ store, clock, random }),
    }),
  ]);

  const transport = createControlTransport({
    machineKey: importPrivateKey(parts.noisePrivateKey),
    log: parts.log,
    onRequest: async (context, stream, headers) => {
      const matched = route(String(headers[':method']), String(headers[':path'] ?? ''));
      if (matched === undefined) return answerText(stream, constants.HTTP_STATUS_NOT_FOUND, 'not found');
      const { params, query } = matched;
      try {
        await matched.route.handle({ context, stream, params, query, body: () => readBody(stream) });
      } catch (error) {
        const status = statusOf(error);
        if (status === undefined) throw error;
        answerText(stream, status, (error as Error).message);
      }
    },
  });

  let stopKeepAlives = (): void => undefined;
  let maintenance: NodeJS.Timeout | undefined;
  let expiry: NodeJS.Timeout | undefined;
  let asking: NodeJS.Timeout | undefined;
  parts.replica.onLost(async (lost) => presence.takeOver(lost));

  /** What the others believe of the devices that are connected here is put right. */
  const assertPresence = (): void => {
    for (const hub of hubs.all()) {
      for (const { device, ready } of hub.streams()) {
        if (!ready) continue;
        presence.assert(hub.snapshot.organization.id, device, hub.snapshot.devices.get(device)?.presence);
      }
    }
  };
  parts.replica.onRegained?.(assertPresence);

  /** What fails in one organization must not keep access of others open beyond its end. */
  const forEachHub = (work: (hub: OrganizationHub) => void): void => {
    for (const hub of hubs.all()) {
      try {
        work(hub);
      } catch (error) {
        onError(error);
      }
    }
  };

  return {
    gateways: createGatewayFeed({ hub: hubs.of, onError }),
    handleUpgrade: transport.handleUpgrade,
    keyResponse: (capver) => transport.keyResponse(capver),
    stats: () => ({
      connections: transport.stats().connections,
      streams: [...hubs.all()].reduce((sum, hub) => sum + hub.streamCount, 0),
    }),
    relaysChanged: () => forEachHub((hub) => hub.relaysChanged()),
    start: async () => {
      stopKeepAlives = startKeepAlives(hubs, clock);
      maintenance = setInterval(() => {
        for (const hub of hubs.all()) hub.forget();
        hubs.sweep();
        assertPresence();
        memory.check();
        ephemeral.sweep().catch(onError);
      }, MAINTENANCE_MS);
      maintenance.unref();
      expiry = setInterval(() => {
        forEachHub((hub) => hub.expire());
      }, EXPIRY_MS);
      expiry.unref();
      asking = setInterval(() => {
        forEachHub(clientFacts.look);
      }, UNTOLD_NAMES_MS);
      asking.unref();
    },
    close: async () => {
      stopKeepAlives();
      clearInterval(maintenance);
      clearInterval(expiry);
      clearInterval(asking);
      waiters.close();
      sshWaiters.close();
      calls.close();
      await transport.drain(DRAIN_MS);
      transport.close();
      presence.stop();
      await writer.close();
      hubs.stop();
    },
  };
}
