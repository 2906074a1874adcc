/** What a person sees of themselves: the organization, the sessions, the way out. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ShownSession } from '../../../auth/sessions.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import { invalid, notFound } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { type Html, html } from '../html.ts';
import { sendPage } from '../page.ts';
import { agentName } from './agent-name.ts';
import { fieldsOf } from './forms.ts';
import { nextPage } from './next-page.ts';
import { type MemberActor, memberOf, type PageParts } from './parts.ts';
import { browserSession, putSession } from './session-cookie.ts';
import { timeOf } from './time.ts';

const SEE_OTHER = 303;

export function accountOperations({ services, cookies, forms }: PageParts): readonly Operation[] {
  const { sessions, store } = services;

  /** The organizations to choose from; none for a session that is bound to its own. */
  const choices = async (actor: MemberActor) => {
    const opened = await sessions.openedWith(actor);
    if (opened === undefined || !opened.everywhere) return [];
    return store.queries.accountMemberships(opened.account);
  };

  const sessionRow = (
    token: Html,
    { id, name, address, agent, openedAt, current }: ShownSession,
  ): Html => html`<li>
        <span><strong>${current ? 'This browser' : agentName(agent) || name}</strong><br>
          <small class="hint">${current ? `${agentName(agent)}, ` : ''}${address === '' ? '' : `from ${address}, `}since ${timeOf(openedAt)}</small></span>
        ${
          current
            ? undefined
            : html`<form method="post" action="/account/sessions/revoke">${token}
          <input type="hidden" name="session" value="${id}">
          <button type="submit" class="quiet">End</button></form>`
        }
      </li>`;

  const account = async (request: FastifyRequest, reply: FastifyReply, actor: MemberActor) => {
    const organization = await store.get('organization', INSTALLATION, actor.org);
    const token = forms.tokenField(request, reply);
    const own = await sessions.list(actor);
    const others = await choices(actor);
    const body = html`
      <h1>${actor.name}</h1>
      <dl class="facts">
        <dt>Organization</dt><dd>${organization?.name ?? ''}</dd>
        <dt>Role</dt><dd>${actor.role}</dd>
      </dl>
      <ul class="links">
        ${others.length > 1 ? html`<li><a href="/account/organization">Choose another organization</a></li>` : undefined}
        <li><a href="/account/sign-in">How you sign in</a></li>
        <li><a href="/account/second-factor">Second factor</a></li>
      </ul>
      <form method="post" action="/logout">${token}<button type="submit">Sign out</button></form>
      <h2>Sessions</h2>
      <p>Where you are signed in to this organization. End what you do not know.</p>
      <ul class="rows">
        ${own.map((session) => sessionRow(token, session))}
      </ul>`;
    return sendPage(reply, { title: 'Your account', body });
  };

  return [
    {
      id: 'native.account.page',
      method: 'GET',
      path: '/account',
      requires: 'self:read',
      handle: ({ request, reply, actor }) => account(request, reply, memberOf(actor)),
    },
    {
      id: 'native.account.session.revoke',
      method: 'POST',
      path: '/account/sessions/revoke',
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        const id = Number(fieldsOf(request).session);
        if (!Number.isSafeInteger(id) || id <= 0) throw invalid('is not a session', 'session');
        await sessions.revoke(memberOf(actor), id, 'native-api');
        return reply.redirect('/account', SEE_OTHER);
      },
    },
    {
      id: 'native.account.organization.page',
      method: 'GET',
      path: '/account/organization',
      requires: 'self:read',
      handle: async ({ request, reply, actor }) => {
        const { next } = request.query as Readonly<Record<string, unknown>>;
        const token = forms.tokenField(request, reply);
        const all = await choices(memberOf(actor));
        const body = html`
      <h1>Choose an organization</h1>
      ${
        all.length === 0
          ? html`<p>This sign-in is good for its own organization alone. <a href="/account">Back</a></p>`
          : undefined
      }
      <ul class="rows">
        ${all.map(
          ({ org, name, label }) => html`<li><span>${name} <small class="hint">${label}</small></span>
          <form method="post" action="/account/organization">${token}
            <input type="hidden" name="next" value="${nextPage(next)}">
            <input type="hidden" name="organization" value="${org}">
            <button type="submit" class="quiet">${org === actor.org ? 'Stay here' : 'Choose'}</button></form></li>`,
        )}
      </ul>`;
        return sendPage(reply, { title: 'Choose an organization', body });
      },
    },
    {
      id: 'native.account.organization.change',
      method: 'POST',
      path: '/account/organization',
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        const { organization, next } = fieldsOf(request);
        const org = Number(organization);
        if (!Number.isSafeInteger(org) || org <= 0) throw notFound('organization');
        if (org !== actor.org) {
          const opened = await sessions.change(memberOf(actor), org, browserSession(request));
          putSession(cookies, request, reply, opened);
        }
        return reply.redirect(nextPage(next), SEE_OTHER);
      },
    },
  ];
}
