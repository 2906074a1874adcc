/** The admin APIs that are mounted on the one origin, each as a plugin with its own bodies, errors and fallback. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { createKeycardApi, createKeycardServices } from '../api/keycard/index.ts';
import { createNetmakerApi, createNetmakerServices } from '../api/netmaker/index.ts';
import { createTailscaleApi, createTailscaleServices } from '../api/tailscale/index.ts';
import { createTwingateApi, createTwingateServices } from '../api/twingate/index.ts';
import type { SsoSignIn } from '../auth/sso/sso-sign-in.ts';
import { createWorkloadTokens } from '../auth/workload-tokens.ts';
import { guardEdges } from '../domain/networks/guarded-edges.ts';
import type { OrganizationCreators } from '../domain/organizations/child-organizations.ts';
import type { KeyedTexts } from '../domain/ports/keyed-texts.ts';
import type { Sealer } from '../domain/ports/sealer.ts';
import type { ShareSecrets } from '../domain/shares/share-code.ts';
import { createEdgeGuard } from '../effective-policy/edge-guard.ts';
import { createPolicyChecker } from '../effective-policy/policy-checker.ts';
import type { Services } from './services.ts';

export interface DialectParts {
  readonly services: Services;
  readonly sealer: Sealer;
  /** The origin that clients know; undefined: whatever each came by. */
  readonly publicUrl: string | undefined;
  readonly keyedTexts: KeyedTexts;
  /** The origin of Netmaker's dashboard, where it is served elsewhere. */
  readonly dashboardUrl: string | undefined;
  readonly shareSecrets: ShareSecrets;
  readonly organizationCreators: OrganizationCreators;
  /** Providers of people and of workloads may be at private addresses. */
  readonly ssoAllowPrivate: boolean;
  /** The name of a relay region, as devices are told it. */
  readonly regionName: (region: number) => string;
  readonly log: Logger;
  /** Browser sign-in by an organization's own provider; auth/sso/sso-sign-in.ts says how it is used. */
  readonly sso: SsoSignIn;
}

type Dialect = (parts: DialectParts) => FastifyPluginAsync;

const tailscale: Dialect = (parts) => {
  const {
    services,
    sealer,
    publicUrl,
    shareSecrets,
    keyedTexts,
    organizationCreators,
    ssoAllowPrivate,
    regionName,
    log,
  } = parts;
  const { store, clock, random, authenticator } = services;
  return createTailscaleApi({
    services: createTailscaleServices({
      store,
      clock,
      random,
      tagRules: services.tagRules,
      checker: createPolicyChecker({ store, clock }),
      sealer,
      shareSecrets,
      keyedTexts,
      creators: organizationCreators,
      workloadTokens: createWorkloadTokens({ clock, allowPrivate: ssoAllowPrivate }),
      flowLogs: services.flowLogs,
      logStreamQueue: services.logStreamQueue,
      awsRoles: services.awsRoles,
    }),
    authenticate: authenticator.authenticate,
    clock,
    random,
    publicUrl,
    regionName,
    ...(services.aws === undefined ? {} : { awsAccountId: services.aws.accountId }),
    onError: defectLog(log),
  });
};

const twingate: Dialect = ({ services, log }) => {
  const { clock, random, authenticator } = services;
  const store = guardEdges(services.store, createEdgeGuard());
  return createTwingateApi({
    services: createTwingateServices({ store, clock, random }),
    authenticate: authenticator.authenticate,
    clock,
    onError: defectLog(log),
  });
};

const netmaker: Dialect = ({ services, sealer, keyedTexts, publicUrl, dashboardUrl, sso, log }) => {
  const { store, clock, random, passwordSignIn, passwords, firstRun, attemptLimiter, authenticator } =
    services;
  return createNetmakerApi({
    services: createNetmakerServices({
      store,
      clock,
      random,
      passwordSignIn,
      passwords,
      firstRun,
      sealer,
      keyedTexts,
      limiter: attemptLimiter,
    }),
    clock,
    random,
    sso,
    publicUrl,
    dashboardUrl,
    authenticate: authenticator.authenticate,
    onError: defectLog(log),
  });
};

const keycard: Dialect = ({ services, sealer, publicUrl, log }) => {
  const { store, clock, random, authenticator, signedTokens, signingKeys, onUse } = services;
  return createKeycardApi({
    services: createKeycardServices({ store, clock, random, sealer, signedTokens, onUse }),
    publishedKeys: signingKeys.published,
    publicUrl,
    authenticate: authenticator.authenticate,
    clock,
    onError: defectLog(log),
  });
};

/** Logs what an API answered as its own fault, with the operation and nothing of the request that may hold a secret. */
const defectLog =
  (log: Logger) =>
  (error: unknown, request: FastifyRequest): void =>
    log.error({ err: error, operation: request.routeOptions.config.operation }, 'a request failed');

/** In the order in which they are mounted; paths decide, so the order does not. */
export const dialects: readonly Dialect[] = [tailscale, twingate, netmaker, keycard];
