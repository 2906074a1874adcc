// Signing in by an organization's own provider, over an installation of its own.
import { createKeyedTexts } from '../../src/auth/keyed-texts.ts';
import { createSealer, SEALING_KEY_BYTES } from '../../src/auth/sealing.ts';
import { createSsoSignIn, type SsoOutcome, type SsoSignIn } from '../../src/auth/sso/sso-sign-in.ts';
import type { SsoPurpose } from '../../src/auth/sso/sso-state.ts';
import type { Sealer } from '../../src/domain/ports/sealer.ts';
import { type ApiServer, createApiServer, type EngineName } from '../support/api-server.ts';
import type { IdentityProvider, Person } from '../support/identity-provider.ts';
import { seed } from '../support/seeds.ts';

export const REDIRECT = 'http://holdfast.test/login/sso/acme/callback';
export const BROWSER = 'a browser';

/** A connection of an organization to a provider; the id. */
export function connect(
  { store, random }: Pick<ApiServer, 'store' | 'random'>,
  sealer: Sealer,
  org: number,
  to: Pick<IdentityProvider, 'issuer' | 'clientId' | 'clientSecret'>,
): Promise<number> {
  return seed(store, org, async (tx) => {
    const id = tx.newId();
    await tx.insert('ssoConnection', {
      org,
      id,
      nano: Buffer.from(random.bytes(13)).toString('hex'),
      identifier: to.issuer,
      clientId: to.clientId,
      secretSealed: sealer.seal(to.clientSecret, {
        kind: 'ssoConnection',
        org,
        key: id,
        column: 'secretSealed',
      }),
      protocols: null,
      vouchedRoles: null,
      createdAt: tx.now,
      updatedAt: tx.now,
    });
    return id;
  });
}

export interface SsoRig {
  readonly api: ApiServer;
  readonly sso: SsoSignIn;
  readonly sealer: Sealer;
  readonly problems: unknown[];
  readonly connect: (org: number, to: IdentityProvider) => Promise<number>;
  /** The whole way round as a person. */
  readonly arrive: (
    provider: IdentityProvider,
    person: Person,
    options?: { readonly org?: number; readonly purpose?: SsoPurpose },
  ) => Promise<SsoOutcome>;
  readonly close: () => Promise<void>;
}

export async function createSsoRig(
  engine: EngineName,
  allowPrivate = true,
  timeoutMs?: number,
): Promise<SsoRig> {
  const api = await createApiServer(engine, () => []);
  const { store, clock, random } = api;
  const sealer = createSealer({ key: random.bytes(SEALING_KEY_BYTES), random });
  const problems: unknown[] = [];
  const sso = createSsoSignIn({
    store,
    sealer,
    clock,
    random,
    keyedTexts: createKeyedTexts(random.bytes(SEALING_KEY_BYTES)),
    allowPrivate,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    onProblem: (_connection, error) => problems.push(error),
  });
  return {
    api,
    sso,
    sealer,
    problems,
    connect: (org, to) => connect(api, sealer, org, to),
    arrive: async (provider, person, options = {}) => {
      const { org = api.organization.id, purpose = { kind: 'sign-in' } as const } = options;
      const url = await sso.start({
        org,
        browser: BROWSER,
        redirectUri: REDIRECT,
        purpose,
        returnTo: '/account',
      });
      const signedIn = purpose.kind === 'link' ? { org, membership: purpose.membership } : undefined;
      const back = provider.signIn(url, person);
      return sso.finish({ url: back, browser: BROWSER, redirectUri: REDIRECT, signedIn });
    },
    close: api.close,
  };
}
