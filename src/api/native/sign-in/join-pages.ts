/** Joining by a link that names nobody: as whoever is signed in, or with a new account. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JOIN_PATH } from '../../../domain/people/invite-link.ts';
import type { LinkInvite } from '../../../domain/people/link-invites.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText } from '../../shared/parameters.ts';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';
import { fieldsOf } from './forms.ts';
import { withNext } from './next-page.ts';
import { memberOf, type PageParts } from './parts.ts';

const SEE_OTHER = 303;
const NOT_FOUND = 404;
const BAD_REQUEST = 400;

interface Problem {
  readonly field: string;
  readonly text: string;
  readonly name: string;
}

const linkOf = (request: FastifyRequest): string => pathText(request, 'link');

const sentence = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.`;

export function joinOperations(parts: PageParts): readonly Operation[] {
  const { services, cookies, forms, person } = parts;
  const { linkInvites, sessions } = services;

  const gone = (reply: FastifyReply): FastifyReply =>
    sendPage(
      reply,
      {
        title: 'This invitation is not open any more',
        body: html`
      <h1>This invitation is not open any more</h1>
      <p>It was used, taken back, or it is too old. Ask whoever gave it to you for another.</p>
      <p><a href="/login">Sign in</a></p>`,
      },
      NOT_FOUND,
    );

  const ask = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { invitation, organization, role }: LinkInvite,
    problem?: Problem,
  ): Promise<FastifyReply> => {
    const path = `${JOIN_PATH}${linkOf(request)}`;
    const actor = await person(request);
    const isEverywhere = actor !== undefined && (await sessions.openedWith(actor))?.everywhere === true;
    const takesPasswords = await services.takesLogin({ org: organization.id, role }, 'password');
    const own = isEverywhere
      ? html`<form method="post" action="${path}/account">
        ${forms.tokenField(request, reply)}
        <div class="actions"><button type="submit">Join as ${actor.name}</button></div>
      </form>`
      : html`<p><a href="${withNext('/login', path)}">Sign in</a> to join with the account that you have.</p>`;
    const wrong = (field: string): string | undefined =>
      problem?.field === field ? problem.text : undefined;
    const body = html`
      <h1>Join ${organization.name}</h1>
      <p>${invitation.byName} invites whoever has this link. It can be used once.</p>
      ${own}
      ${
        takesPasswords
          ? html`<p class="or">or with a new account</p>
      <form method="post" action="${path}">
        ${forms.tokenField(request, reply)}
        <div class="field">
          <label for="name">Name to sign in by</label>
          <input id="name" name="name" autocomplete="username" required minlength="4" maxlength="254"
            value="${problem?.name}" aria-describedby="name-error">
          <p class="error" id="name-error" role="alert">${wrong('name')}</p>
        </div>
        <div class="field">
          <label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="new-password" required minlength="8"
            aria-describedby="password-error">
          <p class="error" id="password-error" role="alert">${wrong('password')}</p>
        </div>
        <div class="actions"><button type="submit">Join</button></div>
      </form>`
          : undefined
      }`;
    return sendPage(
      reply,
      { title: `Join ${organization.name}`, body },
      problem === undefined ? undefined : BAD_REQUEST,
    );
  };

  return [
    {
      id: 'native.join.page',
      method: 'GET',
      path: `${JOIN_PATH}:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const open = await linkInvites.find(linkOf(request));
        return open === undefined ? gone(reply) : ask(request, reply, open);
      },
    },
    {
      id: 'native.join.account',
      method: 'POST',
      path: `${JOIN_PATH}:link/account`,
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        try {
          await linkInvites.joinAs(memberOf(actor), linkOf(request), 'native-api');
        } catch (error) {
          if (error instanceof AppError && error.code === 'not_found') return gone(reply);
          throw error;
        }
        return reply.redirect('/account/organization', SEE_OTHER);
      },
    },
    {
      id: 'native.join.accept',
      method: 'POST',
      path: `${JOIN_PATH}:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const open = await linkInvites.find(linkOf(request));
        if (open === undefined) return gone(reply);
        const { name = '', password = '' } = fieldsOf(request);
        try {
          await linkInvites.join(linkOf(request), name, password);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          if (error.code === 'not_found') return gone(reply);
          if (error.code !== 'invalid' && error.code !== 'taken') throw error;
          const problem = { field: error.field ?? 'password', text: sentence(error.message), name };
          return ask(request, reply, open, problem);
        }
        // The sign-in page knows what else the organization asks for: second factors, other ways than passwords.
        cookies.clear(request, reply, 'session');
        return reply.redirect(`/login?organization=${open.organization.label}`, SEE_OTHER);
      },
    },
  ];
}
