/** Signing in and out. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PasswordOutcome } from '../../../auth/password-sign-in.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import type { Operation } from '../../shared/operation.ts';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';
import { createFactorStep } from './factor-step.ts';
import { fieldsOf } from './forms.ts';
import { AGAIN_FIELD, nextPage, signInAgainPath, withNext } from './next-page.ts';
import { memberOf, type PageParts } from './parts.ts';
import { passkeyPart, relyingParty, scriptFor } from './passkey-forms.ts';
import { browserSession, putSession } from './session-cookie.ts';
import { ssoLinks } from './sso-pages.ts';

type Reason = Extract<PasswordOutcome, { readonly kind: 'refused' }>['reason'];

const SEE_OTHER = 303;
const UNAUTHORIZED = 401;
/** What a browser may send of each field. */
const MAX_TEXT = 320;

function words(reason: Reason): string {
  switch (reason) {
    case 'credentials':
      return 'That did not work. Check the name, the password and, if there is one, the organization.';
    case 'suspended':
      return 'This account is suspended. Ask whoever runs the organization.';
    case 'not-approved':
      return 'This account waits for an administrator to approve it.';
    case 'passwords-off':
      return 'This organization does not let people sign in with a password.';
    case 'second-factor':
    case 'no-second-factor':
      return 'This account needs a second factor to sign in.';
  }
}

interface Shown {
  readonly organization: string;
  readonly login: string;
  readonly next: string;
  /** Somebody who is signed in already proves who they are once more. */
  readonly again: boolean;
  readonly problem?: string;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, MAX_TEXT) : '');

export function signInOperations(parts: PageParts): readonly Operation[] {
  const { services, cookies, forms, person } = parts;
  const { ask: askFactor, operations: factorSteps } = createFactorStep(parts);
  const show = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { organization, login, next, again, problem }: Shown,
    status?: number,
  ): Promise<FastifyReply> => {
    const named = (await services.signIn.needsOrganization()) || organization !== '';
    const place = await services.signIn.organizationOf(organization);
    const connections = place === undefined ? [] : await services.sso.connections(place.id);
    const rp = relyingParty(parts.originOf(request));
    const passkey =
      rp === undefined
        ? undefined
        : html`<p class="or" data-needs-passkey hidden>or</p>
      ${passkeyPart({
        ceremony: 'get',
        prepared: await services.passkeys.prepareSignIn(rp, forms.ensureBrowser(request, reply)),
        action: '/login/passkey',
        fields: html`${forms.tokenField(request, reply)}<input type="hidden" name="next" value="${next}">`,
        label: 'Sign in with a passkey',
        quiet: true,
      })}
      <p class="hint" data-needs-passkey hidden>Your security key wants to know who you are first? Write it above, then
        <button type="submit" form="by-name" name="how" value="passkey" class="link" formnovalidate>use the key</button>.</p>`;
    const body = html`
      <h1>Sign in</h1>
      ${next.startsWith('/login/ssh/') ? html`<p class="notice">Sign in again to let an SSH login in.</p>` : undefined}
      ${next.startsWith('/login/device/') ? html`<p class="notice">Sign in to connect a device.</p>` : undefined}
      ${
        place === undefined || connections.length === 0
          ? undefined
          : html`${ssoLinks(place, connections, next, again)}
      <p class="or">or with a password</p>`
      }
      <form method="post" action="/login" id="by-name">
        ${forms.tokenField(request, reply)}
        <input type="hidden" name="next" value="${next}">${again ? AGAIN_FIELD : undefined}
        <p class="error" role="alert">${problem}</p>
        ${
          named
            ? html`<div class="field">
          <label for="organization">Organization</label>
          <input id="organization" name="organization" type="text" autocomplete="organization" autocapitalize="none"
            spellcheck="false" maxlength="63" value="${organization}" aria-describedby="organization-hint">
          <p class="hint" id="organization-hint">Its short name. Leave it empty if your password is good for all of yours.</p>
        </div>`
            : undefined
        }
        <div class="field">
          <label for="login">E-mail address or user name</label>
          <input id="login" name="login" type="text" autocomplete="username" autocapitalize="none" spellcheck="false"
            required maxlength="${MAX_TEXT}" value="${login}">
        </div>
        <div class="field">
          <label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="current-password" required>
        </div>
        <div class="actions"><button type="submit">Sign in</button></div>
      </form>
      ${passkey}
      ${
        named && connections.length === 0
          ? html`<p><a href="${again ? signInAgainPath(next, '/login/sso') : withNext('/login/sso', next)}">Sign in with your organization’s provider</a></p>`
          : undefined
      }`;
    return sendPage(reply, { title: 'Sign in', body, ...scriptFor(rp) }, status);
  };

  /** For whoever said their name: the passkeys that they have, also those that cannot be chosen from. */
  const askPasskey = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { organization, login, next, again }: Shown,
  ): Promise<FastifyReply> => {
    const rp = relyingParty(parts.originOf(request));
    const place = await services.signIn.organizationOf(organization);
    if (rp === undefined || place === undefined || login === '') {
      const problem = place === undefined ? 'Name the organization as well.' : 'Say who you are first.';
      return show(request, reply, { organization, login, next, again, problem }, UNAUTHORIZED);
    }
    const browser = forms.browserOf(request);
    const body = html`
      <h1>Your passkey</h1>
      <p>For ${login} in ${place.name}.</p>
      ${passkeyPart({
        ceremony: 'get',
        prepared: await services.passkeys.prepareSignInAs(place.id, login, rp, browser),
        action: '/login/passkey',
        fields: html`${forms.tokenField(request, reply)}<input type="hidden" name="next" value="${next}">`,
        label: 'Use my passkey',
      })}
      <p><a href="${withNext('/login', next)}">Sign in another way</a></p>`;
    return sendPage(reply, { title: 'Your passkey', body, ...scriptFor(rp) });
  };

  return [
    {
      id: 'native.sign-in.page',
      method: 'GET',
      path: '/login',
      requires: 'public',
      handle: async ({ request, reply }) => {
        const { next, organization, again } = request.query as Readonly<Record<string, unknown>>;
        const signedIn = await person(request);
        if (again === undefined && signedIn !== undefined) return reply.redirect(nextPage(next), SEE_OTHER);
        const known = signedIn && (await services.store.get('organization', INSTALLATION, signedIn.org));
        return show(request, reply, {
          organization: textOf(organization ?? known?.label),
          login: '',
          next: nextPage(next),
          again: again !== undefined,
        });
      },
    },
    {
      id: 'native.sign-in.submit',
      method: 'POST',
      path: '/login',
      requires: 'public',
      handle: async ({ request, reply }) => {
        const { organization = '', login = '', password = '', how, next: wanted, again } = fieldsOf(request);
        const next = nextPage(wanted);
        const said = {
          organization: textOf(organization),
          login: textOf(login),
          next,
          again: again !== undefined,
        };
        if (how === 'passkey') {
          return askPasskey(request, reply, said);
        }
        const outcome = await services.signIn.byPassword({
          organization: textOf(organization),
          login,
          password,
          address: request.ip,
        });
        if (outcome.kind === 'refused') {
          return show(request, reply, { ...said, problem: words(outcome.reason) }, UNAUTHORIZED);
        }
        if (outcome.kind === 'second-factor') return askFactor(request, reply, outcome, next);
        // Always a new one: a session that somebody else put into this browser must not become this person's.
        putSession(cookies, request, reply, await services.sessions.open(outcome, browserSession(request)));
        return reply.redirect(outcome.choice ? withNext('/account/organization', next) : next, SEE_OTHER);
      },
    },
    ...factorSteps,
    {
      id: 'native.sign-in.out',
      method: 'POST',
      path: '/logout',
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        const member = memberOf(actor);
        if (member.credential !== null)
          await services.sessions.revoke(member, member.credential.id, 'native-api');
        cookies.clear(request, reply, 'session');
        return reply.redirect('/login', SEE_OTHER);
      },
    },
  ];
}
