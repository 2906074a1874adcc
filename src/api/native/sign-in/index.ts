/**
 * The pages for people, rendered here. All of them work without a script; one of our own helps with passkeys, where the address
 * allows any. Every form is held against forgery before anything else
 * looks at it, and whoever has no session is sent to sign in.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../../../domain/access/actor.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Random } from '../../../kernel/random.ts';
import { mountOperations, type Operation } from '../../shared/operation.ts';
import { originOf } from '../../shared/origin.ts';
import { retryAfterSeconds } from '../../shared/refusal.ts';
import { statusOf, translated } from '../errors.ts';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';
import { accountOperations } from './account-pages.ts';
import { createCookies } from './cookies.ts';
import { deviceOperations } from './device-pages.ts';
import { factorOperations } from './factor-pages.ts';
import { createForms, MAX_FORM_BYTES, parseForm } from './forms.ts';
import { invitationOperations } from './invitation-pages.ts';
import { ownPageOf, signInAgainPath, withNext } from './next-page.ts';
import type { MemberActor, PageParts, SignInServices } from './parts.ts';
import { passkeyOperations } from './passkey-pages.ts';
import { passwordOperations } from './password-pages.ts';
import { shareOperations } from './share-pages.ts';
import { signInOperations } from './sign-in-pages.ts';
import { sshOperations } from './ssh-pages.ts';
import { ssoOperations } from './sso-pages.ts';
import { wayOperations } from './ways-pages.ts';

export interface SignInPagesParts {
  readonly services: SignInServices;
  /** Throws `unauthenticated`. */
  readonly authenticate: (token: string) => Promise<Actor>;
  readonly random: Random;
  readonly publicUrl: string | undefined;
  /** Told of failures that are defects of this program. */
  readonly onDefect: (error: unknown, operation: string | undefined) => void;
}

const SEE_OTHER = 303;

/** The operations of all pages, for the mount and for the tests that walk over them. */
export const pageOperations = (parts: PageParts): readonly Operation[] => [
  ...signInOperations(parts),
  ...ssoOperations(parts),
  ...passkeyOperations(parts),
  ...accountOperations(parts),
  ...wayOperations(parts),
  ...factorOperations(parts),
  ...deviceOperations(parts),
  ...sshOperations(parts),
  ...invitationOperations(parts),
  ...shareOperations(parts),
  ...passwordOperations(parts),
];

export function createSignInPages(parts: SignInPagesParts): FastifyPluginAsync {
  const { services, authenticate, random, publicUrl, onDefect } = parts;
  const cookies = createCookies(publicUrl);
  const forms = createForms({ cookies, random, publicUrl });

  /** A cookie holds a session and nothing else: another token of the person is no way into the pages. */
  const identify = async (request: FastifyRequest): Promise<MemberActor> => {
    const token = cookies.read(request, 'session');
    const actor = token === undefined ? undefined : await authenticate(token);
    if (actor?.kind !== 'member' || actor.credential?.kind !== 'session') {
      throw new AppError('unauthenticated', 'sign in first');
    }
    return actor;
  };
  const person = async (request: FastifyRequest): Promise<MemberActor | undefined> => {
    try {
      return await identify(request);
    } catch (error) {
      if (error instanceof AppError && error.code === 'unauthenticated') return undefined;
      throw error;
    }
  };

  const showError = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { code, message, details } = translated(error);
    if (code === 'internal') onDefect(error, request.routeOptions.config.operation);
    const page = ownPageOf(request.url.split('?')[0] ?? '');
    if (code === 'unauthenticated') {
      cookies.clear(request, reply, 'session');
      return reply.redirect(withNext('/login', page), SEE_OTHER);
    }
    if (code === 'sign_in_again') return reply.redirect(signInAgainPath(page), SEE_OTHER);
    if (code === 'rate_limited') reply.header('retry-after', retryAfterSeconds(details));
    const body = html`
      <h1>That did not work</h1>
      <p>${message}</p>
      <p class="actions"><a class="button" href="/account">Go on</a></p>`;
    return sendPage(reply, { title: 'That did not work', body }, statusOf(code));
  };

  return async (server) => {
    server.removeAllContentTypeParsers();
    server.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: MAX_FORM_BYTES },
      async (_request: FastifyRequest, body: string) => parseForm(body),
    );
    server.setErrorHandler(showError);
    server.addHook('preHandler', async (request) => {
      if (request.method === 'POST') forms.require(request);
    });
    mountOperations(
      server,
      pageOperations({
        ...{ services, cookies, forms, person },
        originOf: (request) => originOf(request, publicUrl),
      }),
      identify,
      services.sessions.requireRecent,
    );
  };
}
