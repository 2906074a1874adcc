/** Everything that answers over HTTP: health, the pages, the admin APIs. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Logger } from 'pino';
import { accessRequestOperations } from '../api/native/access-requests.ts';
import { certificateOperations } from '../api/native/certificates.ts';
import { deviceIdentityOperations } from '../api/native/device-identity.ts';
import { type Explanations, explainOperations } from '../api/native/explain-operations.ts';
import { createDeviceWatch } from '../api/native/first-run/device-watch.ts';
import { firstRunOperations } from '../api/native/first-run/operations.ts';
import { gatewayOperations } from '../api/native/gateways/operations.ts';
import { healthOperations } from '../api/native/health.ts';
import { type Impacts, impactOperations } from '../api/native/impact-operations.ts';
import { createNativeApi } from '../api/native/index.ts';
import { securityPolicyOperations } from '../api/native/security-policies.ts';
import { settingsOperations } from '../api/native/settings.ts';
import { createSignInPages } from '../api/native/sign-in/index.ts';
import { linkOperations } from '../api/native/sign-in/link-api.ts';
import { createHeadless, HEADLESS_PATH } from '../api/netmaker/index.ts';
import { createProgramLogins } from '../auth/program-logins.ts';
import type { ServeConfig } from '../config/config.ts';
import { createAccessRequestService } from '../domain/access-requests/access-request-service.ts';
import { createKeyService } from '../domain/credentials/key-service.ts';
import { createDeviceList } from '../domain/devices/device-list.ts';
import { createDirectory } from '../domain/directory/directory.ts';
import { createTenancy } from '../domain/directory/tenancy.ts';
import type { MailSecrets } from '../domain/mail/mail-secrets.ts';
import { createGatewayAgentService } from '../domain/networks/gateway-agent-service.ts';
import { createSecurityPolicyService } from '../domain/networks/security-policy-service.ts';
import type { GatewayFeed } from '../domain/ports/gateway-feed.ts';
import type { KeyedTexts } from '../domain/ports/keyed-texts.ts';
import type { Sealer } from '../domain/ports/sealer.ts';
import type { Store } from '../domain/ports/store.ts';
import { createSettingsService } from '../domain/settings/settings-service.ts';
import { conditionProblem } from '../policy/index.ts';
import { dialects } from './dialects.ts';
import type { Upgrades } from './http-server.ts';
import { createProposals } from './proposals.ts';
import { createQuestions } from './questions.ts';
import type { ReadinessProbe } from './readiness.ts';
import type { Services } from './services.ts';
import { createSignIn, type SignIn } from './sign-in.ts';

export interface RoutesParts {
  readonly server: FastifyInstance;
  /** Filled with what takes connections over. */
  readonly upgrades: Upgrades;
  readonly services: Services;
  readonly config: ServeConfig;
  readonly sealer: Sealer;
  readonly keyedTexts: KeyedTexts;
  readonly shareSecrets: MailSecrets;
  readonly gateways: GatewayFeed;
  readonly readiness: ReadinessProbe;
  /** The domain for whose names devices can get certificates now. */
  readonly certificateDomain: () => string | undefined;
  /** The name of a relay region, as devices are told it. */
  readonly regionName: (region: number) => string;
  /** The services over another store, for requests that are only tried. */
  readonly servicesOver: (store: Store) => Services;
  readonly log: Logger;
}

function nativeApi(
  { services, config, sealer, readiness, gateways, certificateDomain, log }: RoutesParts,
  { passwordLinks, invitations }: SignIn,
  impacts: Impacts,
  explanations: Explanations,
): FastifyPluginAsync {
  const { store, clock, random, follower, authenticator, firstRun, identityTokens } = services;
  const onError = (error: unknown): void => log.warn({ err: error }, 'telling a page of devices failed');
  const devices = createDeviceWatch({
    store,
    follower,
    deviceList: createDeviceList({ store, clock }),
    onError,
  });
  const { authenticate } = authenticator;
  const { publicUrl } = config;
  const keys = createKeyService({ store, random, tagRules: services.tagRules });
  const gatewayAgents = gatewayOperations({
    agents: createGatewayAgentService({ store, random }),
    feed: gateways,
    sealer,
    clock,
  });
  return createNativeApi({
    operations: [
      ...gatewayAgents.operations,
      ...healthOperations(readiness.check),
      ...firstRunOperations({ firstRun, keys, authenticate, devices, publicUrl }),
      ...linkOperations({ passwordLinks, invitations, publicUrl }),
      ...settingsOperations(createSettingsService({ store })),
      ...certificateOperations({ store, certificateDomain }),
      ...deviceIdentityOperations({ store, tokens: identityTokens, publicUrl }),
      ...accessRequestOperations(createAccessRequestService({ store })),
      ...securityPolicyOperations(
        createSecurityPolicyService({ store, problemOf: conditionProblem }),
        createDirectory({ store }),
      ),
      ...impactOperations(impacts),
      ...explainOperations(explanations),
    ],
    authenticate,
    onClose: () => {
      devices.close();
      gatewayAgents.close();
    },
    onDefect: (error, operation) => log.error({ err: error, operation }, 'a request failed'),
  });
}

/** The services behind the pages, which the APIs share. */
const signInOver = (
  services: Services,
  { sealer, keyedTexts, shareSecrets: mailSecrets, config, log }: RoutesParts,
): SignIn =>
  createSignIn({
    ...services,
    sealer,
    ssoAllowPrivate: config.ssoAllowPrivate,
    keyedTexts,
    mailSecrets,
    onSsoProblem: (connection, err) => log.warn({ err, connection }, 'an identity provider cannot be used'),
  });

async function mountDialects(
  server: FastifyInstance,
  services: Services,
  signIn: SignIn,
  { sealer, keyedTexts, shareSecrets, regionName, log, config }: RoutesParts,
): Promise<void> {
  const { publicUrl, organizationCreators, ssoAllowPrivate, netmakerDashboardUrl: dashboardUrl } = config;
  const secrets = { sealer, keyedTexts, shareSecrets };
  const edge = { publicUrl, organizationCreators, ssoAllowPrivate, dashboardUrl, regionName };
  for (const dialect of dialects)
    await server.register(dialect({ services, ...secrets, ...edge, log, sso: signIn.sso }));
}

/** The command line's sign-in by a browser, which waits on a connection of its own. */
function mountHeadless({ server, upgrades, services, config, log }: RoutesParts, { sso }: SignIn): void {
  const { store, clock, random, passwordSignIn } = services;
  const headless = createHeadless({
    programLogins: createProgramLogins({ store, clock, random }),
    passwordSignIn,
    sso,
    tenancy: createTenancy({ store }),
    publicUrl: config.publicUrl,
    onError: (err) => log.error({ err }, 'a sign-in of a program failed'),
  });
  upgrades.set(HEADLESS_PATH, headless.handleUpgrade);
  server.addHook('preClose', async () => headless.close());
}

/** Resolves with what is to be closed with the server. */
export async function mountRoutes(parts: RoutesParts): Promise<{ close(): Promise<void> }> {
  const { server, services, log, config } = parts;
  const questions = createQuestions({
    location: config.database,
    onLost: (err) => log.error({ err }, 'a thread that answers questions about the policy ended'),
  });
  const proposals = createProposals({
    store: services.store,
    questions,
    clock: services.clock,
    mount: async (shadow, store) => {
      const tried = parts.servicesOver(store);
      await mountDialects(shadow, tried, signInOver(tried, parts), parts);
      return tried.close;
    },
  });
  const signIn = signInOver(services, parts);
  const explanations: Explanations = {
    of: ({ org }, question) =>
      questions.run(org, ({ ask }) => ask({ kind: 'explain', org, question, now: services.clock.now() })),
  };
  await server.register(nativeApi(parts, signIn, proposals, explanations));
  await server.register(
    createSignInPages({
      services: signIn,
      authenticate: services.authenticator.authenticate,
      random: services.random,
      publicUrl: config.publicUrl,
      onDefect: (error, operation) => log.error({ err: error, operation }, 'a page failed'),
    }),
  );
  await mountDialects(server, services, signIn, parts);
  mountHeadless(parts, signIn);
  return {
    close: async () => {
      await questions.close();
      await proposals.close();
    },
  };
}
