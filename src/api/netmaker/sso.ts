/**
 * Signing in by an organization's own provider, in a browser: there, and back to the dashboard with a session in the
 * address, as the dashboard takes it. Where no dashboard is named there is nowhere to go back to.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SsoRefusal } from '../../auth/sso/sso-sign-in.ts';
import { AppError } from '../../kernel/errors.ts';
import { randomSecret } from '../../kernel/random.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { pathText, queryText } from '../shared/parameters.ts';
import { hintsOf, openSession } from './authentication.ts';
import { REGISTER_PATH } from './headless.ts';
import type { NetmakerApiParts } from './parts.ts';
import { headerText } from './request.ts';
import { deniesDashboard } from './roles.ts';

const CALLBACK = '/api/oauth/callback';
const COOKIE = 'holdfast-netmaker-sso';
const COOKIE_SECONDS = 600;
const SECRET = /^[A-Za-z0-9]{40}$/u;
const MAX_NAME = 100;
const OK = 200;
const SEE_OTHER = 303;
const TEMPORARY = 307;
const FORBIDDEN = 403;
const NOT_FOUND = 404;
/** Before the link of a program that waits, in what is given back with the outcome. */
const PROGRAM = 'program:';
const NOT_SET_UP = 'Sign-in is not set up';
const NO_PROVIDER = 'This organization signs nobody in by a provider now.';
const GONE_TITLE = 'Nobody waits here';
const GONE = 'The program that showed this link does not wait any more. Start it again.';

const escaped = (text: string): string => text.replace(/[&<>"']/gu, (char) => `&#${char.codePointAt(0)};`);

/** A page of plain words: whoever reads it is a person in a browser. */
function sendWords(
  reply: FastifyReply,
  status: number,
  title: string,
  text: string,
  confirm?: string,
): FastifyReply {
  return reply
    .code(status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    })
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
        `<title>${escaped(title)}</title><style>body{font:1.1rem/1.5 system-ui;max-width:34rem;margin:4rem auto;padding:0 1rem}</style>` +
        `<h1>${escaped(title)}</h1><p>${escaped(text)}</p>` +
        (confirm === undefined ? '' : `<form method="post"><button>${escaped(confirm)}</button></form>`) +
        '</html>',
    );
}

/** What is said of a refusal: what the person can do about it, and nothing of who else is a member. */
function wordsOf(reason: SsoRefusal): string {
  switch (reason) {
    case 'not-approved':
      return 'Your account was created and waits for an administrator to approve it.';
    case 'suspended':
      return 'This account is disabled. Ask whoever runs the organization.';
    case 'needs-invitation':
      return 'You are invited as an administrator: open the link of your invitation and accept it there.';
    case 'not-vouched':
      return 'The owner has to confirm where this provider is asked before it signs you in.';
    case 'no-email':
    case 'unverified-email':
      return 'The identity provider says no verified e-mail address of you.';
    case 'address-taken':
      return 'Somebody with your e-mail address signs in another way. If that is you, sign in that way.';
    case 'not-a-member':
    case 'invitation-gone':
    case 'other-address':
    case 'other-person':
      return 'You are not a member of this organization, and it lets nobody in who was not invited.';
    case 'state':
    case 'used':
      return 'This took too long, or it was begun in another browser. Sign in again.';
    case 'gone':
    case 'provider-unavailable':
    case 'provider-refused':
    case 'not-fresh':
    case 'untrusted':
      return 'The identity provider did not sign you in. Try again in a moment.';
  }
}

function cookieOf(request: FastifyRequest): string | undefined {
  const found = (request.headers.cookie ?? '')
    .split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1);
  return found !== undefined && SECRET.test(found) ? found : undefined;
}

export const ssoOperations = (parts: NetmakerApiParts): Operation[] => {
  const { services, sso, random, publicUrl, dashboardUrl } = parts;
  /** In the form that URLs are compared in: without the scheme's own port. */
  const callbackOf = (request: FastifyRequest): string =>
    new URL(CALLBACK, originOf(request, publicUrl)).href;
  /** Where to send the browser, which is given its secret; undefined when nobody signs in there by a provider. */
  const begin = async (
    request: FastifyRequest,
    reply: FastifyReply,
    org: number,
    returnTo: string,
  ): Promise<string | undefined> => {
    const browser = randomSecret(random);
    const redirectUri = callbackOf(request);
    try {
      const url = await sso.start({ org, browser, redirectUri, purpose: { kind: 'sign-in' }, returnTo });
      const secure = redirectUri.startsWith('https:') ? '; Secure' : '';
      const cookie = `${COOKIE}=${browser}; Path=/api/oauth; HttpOnly; SameSite=Lax; Max-Age=${COOKIE_SECONDS}${secure}`;
      reply.header('set-cookie', cookie).header('cache-control', 'no-store');
      return url;
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'internal') throw error;
      return undefined;
    }
  };
  return [
    {
      id: 'netmaker.sso.login',
      method: 'GET',
      path: '/api/oauth/login',
      requires: 'public',
      handle: async ({ request, reply }) => {
        if (dashboardUrl === undefined) {
          return sendWords(reply, NOT_FOUND, NOT_SET_UP, 'This server knows no dashboard to come back to.');
        }
        const organization = await services.tenancy.resolve(hintsOf(request));
        const application = queryText(request, 'x-application-name').slice(0, MAX_NAME);
        const url = await begin(request, reply, organization?.id ?? 0, application);
        return url === undefined
          ? sendWords(reply, NOT_FOUND, NOT_SET_UP, NO_PROVIDER)
          : reply.redirect(url, TEMPORARY);
      },
    },
    {
      id: 'netmaker.sso.register',
      method: 'GET',
      path: `${REGISTER_PATH}/:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const waiting = await services.programLogins.find(pathText(request, 'link'));
        if (waiting === undefined) return sendWords(reply, NOT_FOUND, GONE_TITLE, GONE);
        const asks = `A program at ${waiting.address} asks to be signed in as you. Go on only if you have just started it yourself: whoever sent you this link would else get into your account.`;
        return sendWords(reply, OK, 'Sign a program in?', asks, 'Sign in');
      },
    },
    {
      id: 'netmaker.sso.register-confirmed',
      method: 'POST',
      path: `${REGISTER_PATH}/:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const link = pathText(request, 'link');
        const waiting = await services.programLogins.find(link);
        if (waiting === undefined) return sendWords(reply, NOT_FOUND, GONE_TITLE, GONE);
        // Only a person who saw the page says so.
        const own = new URL(originOf(request, publicUrl)).origin;
        if (headerText(request, 'origin') !== own) {
          return sendWords(reply, FORBIDDEN, 'Not from here', 'Open the link yourself.');
        }
        const url = await begin(request, reply, waiting.org, `${PROGRAM}${link}`);
        return url === undefined
          ? sendWords(reply, NOT_FOUND, NOT_SET_UP, NO_PROVIDER)
          : reply.redirect(url, SEE_OTHER);
      },
    },
    {
      id: 'netmaker.sso.callback',
      method: 'GET',
      path: CALLBACK,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const redirectUri = callbackOf(request);
        const outcome = await sso.finish({
          url: new URL(request.url, redirectUri).href,
          browser: cookieOf(request) ?? '',
          redirectUri,
        });
        reply.header('set-cookie', `${COOKIE}=; Path=/api/oauth; HttpOnly; SameSite=Lax; Max-Age=0`);
        if (outcome.kind === 'refused') {
          const waits = outcome.reason === 'not-approved';
          const title = waits ? 'Waiting for approval' : 'You are not signed in';
          return sendWords(reply, FORBIDDEN, title, wordsOf(outcome.reason));
        }
        const { member } = outcome;
        if (outcome.returnTo.startsWith(PROGRAM)) {
          const link = outcome.returnTo.slice(PROGRAM.length);
          const done = await services.programLogins.finish(link, member, outcome.identity);
          return done
            ? sendWords(reply, OK, 'The program is signed in', 'You may close this page.')
            : sendWords(reply, NOT_FOUND, GONE_TITLE, GONE);
        }
        if (dashboardUrl === undefined || deniesDashboard(member.role)) {
          const text = 'Your account may use the network, and not the dashboard.';
          return sendWords(reply, FORBIDDEN, 'No access to the dashboard', text);
        }
        const token = await openSession(services, request, outcome, undefined, outcome.returnTo);
        const query = new URLSearchParams({ login: token, user: member.username });
        return reply
          .headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
          .redirect(`${dashboardUrl}/login?${query}`, 308);
      },
    },
  ];
};
