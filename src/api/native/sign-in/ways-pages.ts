/** The ways in which a person signs in: what there is, what can be added and removed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OwnLogin } from '../../../auth/own-logins.ts';
import { MIN_PASSWORD_LENGTH } from '../../../domain/people/organization-password.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import { invalid } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { type Html, html } from '../html.ts';
import { sendPage } from '../page.ts';
import { fieldsOf } from './forms.ts';
import { signInAgainPath } from './next-page.ts';
import { type MemberActor, memberOf, type PageParts } from './parts.ts';
import { passkeyPart, relyingParty, scriptFor } from './passkey-forms.ts';
import { timeOf } from './time.ts';

const SEE_OTHER = 303;
const UNAUTHORIZED = 401;
const PAGE = '/account/sign-in';

const KINDS = { password: 'Password', passkey: 'Passkey', sso: 'Provider', oidc: 'Provider' } as const;

export function wayOperations({ services, forms, originOf }: PageParts): readonly Operation[] {
  const { logins, passkeys, sessions, sso, store } = services;

  const row = (
    token: Html,
    { id, kind, name, everywhere, createdAt, lastUsed, afterPassword, removable }: OwnLogin,
  ): Html => html`<li>
        <span><strong>${KINDS[kind]}</strong>${name === '' ? '' : ` ${name}`}<br>
          <small class="hint">${everywhere ? 'Good in all your organizations' : 'Good in this organization'}, since ${timeOf(createdAt)}${
            lastUsed === null ? undefined : html`.<br>Last used ${timeOf(lastUsed)}`
          }${afterPassword ? '; asked for after the password' : ''}</small></span>
        ${
          removable
            ? html`<form method="post" action="${PAGE}/remove">${token}
          <input type="hidden" name="login" value="${id}">
          <button type="submit" class="quiet">Remove</button></form>`
            : undefined
        }
      </li>`;

  const passkeyForm = (token: Html, { id, name, afterPassword }: OwnLogin): Html => html`<details>
        <summary>Change “${name}”</summary>
        <form method="post" action="${PAGE}/passkey/change">${token}
          <input type="hidden" name="login" value="${id}">
          <div class="field">
            <label for="name-${id}">What to call it</label>
            <input id="name-${id}" name="name" type="text" maxlength="60" required value="${name}">
          </div>
          <div class="actions"><button type="submit" class="quiet">Rename</button></div>
        </form>
        <form method="post" action="${PAGE}/passkey/change">${token}
          <input type="hidden" name="login" value="${id}">
          <input type="hidden" name="after" value="${afterPassword ? 'no' : 'yes'}">
          <div class="actions"><button type="submit" class="quiet">${
            afterPassword ? 'Do not ask for it after my password' : 'Ask for it after my password'
          }</button></div>
        </form>
      </details>`;

  const passwordForm = (token: Html, { id, everywhere }: OwnLogin, login: string): Html => html`<details>
        <summary>Change the password that is good ${everywhere ? 'everywhere' : 'here'}</summary>
        <form method="post" action="${PAGE}/password">${token}
          <input type="hidden" name="login" value="${id}">
          <input type="hidden" name="username" autocomplete="username" value="${login}">
          <div class="field">
            <label for="present-${id}">Present password</label>
            <input id="present-${id}" name="present" type="password" autocomplete="current-password" required>
          </div>
          <div class="field">
            <label for="password-${id}">New password</label>
            <input id="password-${id}" name="password" type="password" autocomplete="new-password" required
              minlength="${MIN_PASSWORD_LENGTH}">
          </div>
          <div class="actions"><button type="submit" class="quiet">Change</button></div>
        </form>
      </details>`;

  const show = async (
    request: FastifyRequest,
    reply: FastifyReply,
    actor: MemberActor,
  ): Promise<FastifyReply> => {
    const token = forms.tokenField(request, reply);
    const own = await logins.list(actor);
    const connections = await sso.connections(actor.org);
    const recent = await sessions.isRecent(actor);
    const rp = recent ? relyingParty(originOf(request)) : undefined;
    const member = await store.get('membership', actor.org, actor.membership);
    const opened = await sessions.openedWith(actor);
    const place = opened?.everywhere === true ? INSTALLATION : actor.org;
    const prepared =
      rp === undefined || member === undefined
        ? undefined
        : await passkeys.prepareRegistration(member, place, rp, forms.browserOf(request));
    const named = own.filter(({ kind }) => kind === 'passkey');
    const additions = (): Html => html`<h2>Passkeys</h2>
      <p>A passkey is kept by your device or a security key. It signs you in without a password.</p>
      ${named.map((login) => passkeyForm(token, login))}
      ${
        prepared === undefined
          ? html`<p class="notice">Passkeys need a server with a name and TLS: this address has neither.</p>`
          : passkeyPart({
              ceremony: 'create',
              prepared,
              action: `${PAGE}/passkey`,
              fields: token,
              more: html`<div class="field">
            <label for="name">What to call it</label>
            <input id="name" name="name" type="text" maxlength="60" value="" placeholder="My laptop">
          </div>
          <div class="choice">
            <input type="checkbox" id="after" name="after" value="yes">
            <label for="after">Ask for it after my password as well</label>
          </div>`,
              label: 'Add a passkey',
            })
      }
      ${connections.length === 0 ? undefined : html`<h2>Your organization’s provider</h2>`}
      ${connections.map(
        ({ id, name }) => html`<form method="post" action="${PAGE}/provider">${token}
        <input type="hidden" name="connection" value="${id}">
        <p class="actions"><button type="submit" class="quiet">Add ${name}</button></p></form>`,
      )}`;
    const again = html`<p class="notice">To add or remove a way to sign in, or to change a passkey, say once more who you are:
        <a href="${signInAgainPath(PAGE)}">sign in again</a>.</p>`;
    const body = html`
      <h1>How you sign in</h1>
      <ul class="rows">
        ${own.map((login) => row(token, recent ? login : { ...login, removable: false }))}
      </ul>
      ${own.filter(({ kind }) => kind === 'password').map((login) => passwordForm(token, login, actor.name))}
      ${recent ? additions() : again}
      <p class="back"><a href="/account">Back to your account</a></p>`;
    return sendPage(reply, { title: 'How you sign in', body, ...scriptFor(rp) });
  };

  return [
    {
      id: 'native.account.ways.page',
      method: 'GET',
      path: PAGE,
      requires: 'self:read',
      handle: ({ request, reply, actor }) => show(request, reply, memberOf(actor)),
    },
    {
      id: 'native.account.ways.remove',
      method: 'POST',
      path: `${PAGE}/remove`,
      requires: 'self:write',
      recent: true,
      handle: async ({ request, reply, actor }) => {
        const id = Number(fieldsOf(request).login);
        if (!Number.isSafeInteger(id) || id <= 0) throw invalid('is not a way to sign in', 'login');
        await logins.remove(memberOf(actor), id);
        return reply.redirect(PAGE, SEE_OTHER);
      },
    },
    {
      id: 'native.account.ways.password',
      method: 'POST',
      path: `${PAGE}/password`,
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        const { login, present = '', password = '' } = fieldsOf(request);
        const id = Number(login);
        if (!Number.isSafeInteger(id) || id <= 0) throw invalid('is not a way to sign in', 'login');
        if (await logins.changePassword(memberOf(actor), id, present, password)) {
          return reply.redirect(PAGE, SEE_OTHER);
        }
        const body = html`
      <h1>The password is as it was</h1>
      <p>The present password was not right.</p>
      <p class="actions"><a class="button" href="${PAGE}">Try again</a></p>`;
        return sendPage(reply, { title: 'The password is as it was', body }, UNAUTHORIZED);
      },
    },
  ];
}
