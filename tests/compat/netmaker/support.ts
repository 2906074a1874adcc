/** The dialect on a server of its own. */
import type { FastifyPluginAsync } from 'fastify';
import {
  createNetmakerApi,
  createNetmakerServices,
  type NetmakerApiParts,
  netmakerOperations,
} from '../../../src/api/netmaker/index.ts';
import type { Operation } from '../../../src/api/shared/operation.ts';
import { createAttemptLimiter } from '../../../src/auth/attempt-limiter.ts';
import { createKeyedTexts } from '../../../src/auth/keyed-texts.ts';
import { createPasswords } from '../../../src/auth/password.ts';
import { createPasswordSignIn } from '../../../src/auth/password-sign-in.ts';
import { createSealer, SEALING_KEY_BYTES } from '../../../src/auth/sealing.ts';
import { createSsoSignIn } from '../../../src/auth/sso/sso-sign-in.ts';
import { type ApiParts, type ApiServer, createApiServer, type EngineName } from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';

/** An installation that has its organization. */
const FIRST_RUN_OVER = {
  isOffered: async () => false,
  complete: () => Promise.reject(new Error('the first run is over')),
};

export const netmakerDialect = (
  { store, clock, random, authenticator, onError }: ApiParts,
  options: {
    readonly dashboardUrl?: string;
    readonly sealingKey?: Uint8Array;
    /** Told of all that is mounted. */
    readonly onOperations?: (operations: readonly Operation[]) => void;
  } = {},
): FastifyPluginAsync[] => {
  const passwords = createPasswords({ random, cores: 2 });
  const limiter = createAttemptLimiter({ clock });
  const key = options.sealingKey ?? random.bytes(SEALING_KEY_BYTES);
  const sealer = createSealer({ key, random });
  const passwordSignIn = createPasswordSignIn({
    store,
    clock,
    random,
    passwords,
    limiter,
  });
  const parts: NetmakerApiParts = {
    services: createNetmakerServices({
      store,
      clock,
      random,
      passwordSignIn,
      passwords,
      firstRun: FIRST_RUN_OVER,
      sealer,
      keyedTexts: createKeyedTexts(key),
      limiter,
    }),
    clock,
    random,
    sso: createSsoSignIn({
      ...{ store, sealer, clock, random, allowPrivate: true },
      keyedTexts: createKeyedTexts(key),
    }),
    dashboardUrl: options.dashboardUrl,
    authenticate: authenticator.authenticate,
    onError,
  };
  options.onOperations?.(netmakerOperations(parts));
  return [createNetmakerApi(parts)];
};

export const createNetmakerServer = (engine: EngineName): Promise<ApiServer> =>
  createApiServer(engine, (parts) => netmakerDialect(parts));

/** Gives a member a password that is good in the organization alone. */
export async function setPassword(
  api: ApiServer,
  member: { readonly org: number; readonly account: number },
  password: string,
): Promise<void> {
  const passwords = createPasswords({ random: api.random, cores: 2 });
  const secretHash = await passwords.hash(password);
  await seed(api.store, member.org, (tx) =>
    tx.insert('identity', {
      org: member.org,
      id: tx.newId(),
      account: member.account,
      kind: 'password',
      issuer: 'password',
      subject: String(member.account),
      email: null,
      emailVerified: false,
      secretHash,
      sealed: null,
      data: {},
      createdAt: tx.now,
      lastUsed: null,
    }),
  );
}
