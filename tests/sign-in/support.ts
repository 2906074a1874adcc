// The pages for people on a real socket, over an installation of its own.
import type { FastifyPluginAsync } from 'fastify';
import { createNativeApi } from '../../src/api/native/index.ts';
import { createSignInPages } from '../../src/api/native/sign-in/index.ts';
import { linkOperations } from '../../src/api/native/sign-in/link-api.ts';
import { createSignIn, type SignIn } from '../../src/app/sign-in.ts';
import { createAttemptLimiter } from '../../src/auth/attempt-limiter.ts';
import { createKeyedTexts } from '../../src/auth/keyed-texts.ts';
import { createMailSecrets } from '../../src/auth/mail-secrets.ts';
import { createPasswords } from '../../src/auth/password.ts';
import { createPasswordSignIn, type PasswordSignIn } from '../../src/auth/password-sign-in.ts';
import { createSealer, SEALING_KEY_BYTES } from '../../src/auth/sealing.ts';
import type { MailSecrets } from '../../src/domain/mail/mail-secrets.ts';
import type { KeyedTexts } from '../../src/domain/ports/keyed-texts.ts';
import type { Sealer } from '../../src/domain/ports/sealer.ts';
import { createJoinPolicy } from '../../src/effective-policy/join-policy.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { type ApiServer, createApiServer, type EngineName } from '../support/api-server.ts';
import { seed } from '../support/seeds.ts';
import { createVisitor, type Visit, type Visitor } from '../support/visitor.ts';

export const PASSWORD = 'correct horse battery';

export interface SignInServer {
  readonly api: ApiServer;
  readonly url: string;
  readonly signIn: SignIn;
  readonly sealer: Sealer;
  readonly mailSecrets: MailSecrets;
  readonly keyedTexts: KeyedTexts;
  readonly passwordSignIn: PasswordSignIn;
  visitor(): Visitor;
  /** Sets a member's password; in organization 0 it is good everywhere. */
  setPassword(
    member: { readonly account: number; readonly email: string | null },
    org: number,
    password?: string,
  ): Promise<void>;
  /** Somebody who has just signed in. */
  signedIn(login: string, organization?: string): Promise<Visitor>;
  close(): Promise<void>;
}

/** Fills the form at /login. */
export async function signInWith(
  visitor: Visitor,
  fields: Readonly<Record<string, string>>,
  path = '/login',
): Promise<Visit> {
  return visitor.submit(await visitor.get(path), '/login', fields);
}

export async function startSignInServer(engine: EngineName, publicUrl?: string): Promise<SignInServer> {
  let signIn: SignIn | undefined;
  const mailSecrets = createMailSecrets(systemRandom.bytes(SEALING_KEY_BYTES));
  const keyedTexts = createKeyedTexts(systemRandom.bytes(SEALING_KEY_BYTES));
  let passwordSignIn: PasswordSignIn | undefined;
  const sealer = createSealer({ key: systemRandom.bytes(SEALING_KEY_BYTES), random: systemRandom });
  const api = await createApiServer(engine, ({ store, clock, random, authenticator, onError }) => {
    const passwords = createPasswords({ random, cores: 2 });
    const attemptLimiter = createAttemptLimiter({ clock });
    passwordSignIn = createPasswordSignIn({ store, clock, random, passwords, limiter: attemptLimiter });
    signIn = createSignIn({
      joinPolicy: createJoinPolicy({ store }),
      ...{ store, clock, random, passwords, passwordSignIn, attemptLimiter, sealer },
      ssoAllowPrivate: true,
      keyedTexts,
      mailSecrets,
    });
    const pages: FastifyPluginAsync = createSignInPages({
      services: signIn,
      authenticate: authenticator.authenticate,
      random,
      publicUrl,
      onDefect: onError,
    });
    const links = createNativeApi({
      operations: linkOperations({ ...signIn, publicUrl }),
      authenticate: authenticator.authenticate,
      onClose: () => undefined,
      onDefect: onError,
    });
    return [pages, links];
  });
  if (signIn === undefined || passwordSignIn === undefined) throw new Error('the pages were not made');
  const url = await api.listen();
  const secretHash = await createPasswords({ random: api.random, cores: 2 }).hash(PASSWORD);
  const visitor = (): Visitor => createVisitor(url);
  return {
    api,
    url,
    signIn,
    sealer,
    mailSecrets,
    keyedTexts,
    passwordSignIn,
    visitor,
    setPassword: async ({ account, email }, org, password) => {
      const hash =
        password === undefined
          ? secretHash
          : await createPasswords({ random: api.random, cores: 2 }).hash(password);
      await seed(api.store, org, (tx) =>
        tx.insert('identity', {
          org,
          id: tx.newId(),
          account,
          kind: 'password',
          issuer: 'password',
          subject: String(account),
          email,
          emailVerified: org === 0,
          secretHash: hash,
          sealed: null,
          data: {},
          createdAt: tx.now,
          lastUsed: null,
        }),
      );
    },
    signedIn: async (login, organization = 'acme') => {
      const person = visitor();
      const answer = await signInWith(person, { login, password: PASSWORD, organization });
      if (answer.status !== 303) throw new Error(`not signed in: ${answer.status} ${answer.text}`);
      return person;
    },
    close: api.close,
  };
}
