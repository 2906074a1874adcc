/** The ways in which a person signs in: what there is, what can be added and removed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OwnLogin } from '../../../auth/own-logins.ts';
import { invalid } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { type Html, html } from '../html.ts';
import { sendPage } from '../page.ts';
import { fieldsOf } from './forms.ts';
import { type MemberActor, memberOf, type PageParts } from './parts.ts';
import { timeOf } from './time.ts';

const SEE_OTHER = 303;
const PAGE = '/account/sign-in';

const KINDS = { password: 'Password', passkey: 'Passkey', sso: 'Provider', oidc: 'Provider' } as const;

export function wayOperations({ services, forms }: PageParts): readonly Operation[] {
  const { logins, sso } = services;

  const row = (
    token: Html,
    { id, kind, name, everywhere, createdAt, lastUsed, removable }: OwnLogin,
  ): Html => html`<li>
        <span><strong>${KINDS[kind]}</strong>${name === '' ? '' : ` ${name}`}<br>
          <small class="hint">${everywhere ? 'Good in all your organizations' : 'Good in this organization'}, since ${timeOf(createdAt)}${
            lastUsed === null ? undefined : html`, last used ${timeOf(lastUsed)}`
          }</small></span>
        ${
          removable
            ? html`<form method="post" action="${PAGE}/remove">${token}
          <input type="hidden" name="login" value="${id}">
          <button type="submit" class="quiet">Remove</button></form>`
            : undefined
        }
      </li>`;

  const show = async (
    request: FastifyRequest,
    reply: FastifyReply,
    actor: MemberActor,
  ): Promise<FastifyReply> => {
    const token = forms.tokenField(request, reply);
    const own = await logins.list(actor);
    const connections = await sso.connections(actor.org);
    const body = html`
      <h1>How you sign in</h1>
      <ul class="rows">
        ${own.map((login) => row(token, login))}
      </ul>
      ${connections.map(
        ({ id, name }) => html`<form method="post" action="${PAGE}/provider">${token}
        <input type="hidden" name="connection" value="${id}">
        <p class="actions"><button type="submit" class="quiet">Add ${name}</button></p></form>`,
      )}
      <p><a href="/account">Back</a></p>`;
    return sendPage(reply, { title: 'How you sign in', body });
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
      handle: async ({ request, reply, actor }) => {
        const id = Number(fieldsOf(request).login);
        if (!Number.isSafeInteger(id) || id <= 0) throw invalid('is not a way to sign in', 'login');
        await logins.remove(memberOf(actor), id);
        return reply.redirect(PAGE, SEE_OTHER);
      },
    },
  ];
}
