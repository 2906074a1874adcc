/** Setting a password by a link that works once. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Membership } from '../../../domain/model/people.ts';
import { loginName } from '../../../domain/organizations/names.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText } from '../../shared/parameters.ts';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';
import { fieldsOf } from './forms.ts';
import type { PageParts } from './parts.ts';
import { newPasswordField } from './password-field.ts';

const NOT_FOUND = 404;
const BAD_REQUEST = 400;

const linkOf = (request: FastifyRequest): string => pathText(request, 'link');

export function passwordOperations({ services, cookies, forms }: PageParts): readonly Operation[] {
  const { passwordLinks, store } = services;

  const gone = (reply: FastifyReply): FastifyReply =>
    sendPage(
      reply,
      {
        title: 'This link is not good any more',
        body: html`
      <h1>This link is not good any more</h1>
      <p>It was used, or it is too old. Ask whoever gave it to you for another.</p>`,
      },
      NOT_FOUND,
    );

  const ask = async (
    request: FastifyRequest,
    reply: FastifyReply,
    member: Membership,
    problem?: string,
  ): Promise<FastifyReply> => {
    const organization = await store.get('organization', INSTALLATION, member.org);
    const body = html`
      <h1>Set your password</h1>
      <p>For ${loginName(member)} in ${organization?.name ?? ''}. It is good for this organization.</p>
      <form method="post" action="/login/password/${linkOf(request)}">
        ${forms.tokenField(request, reply)}
        <input type="hidden" name="username" autocomplete="username" value="${loginName(member)}">
        ${newPasswordField('New password', problem)}
        <div class="actions"><button type="submit">Set password</button></div>
      </form>`;
    return sendPage(
      reply,
      { title: 'Set your password', body },
      problem === undefined ? undefined : BAD_REQUEST,
    );
  };

  return [
    {
      id: 'native.password-link.page',
      method: 'GET',
      path: '/login/password/:link',
      requires: 'public',
      handle: async ({ request, reply }) => {
        const member = await passwordLinks.memberOf(linkOf(request));
        return member === undefined ? gone(reply) : ask(request, reply, member);
      },
    },
    {
      id: 'native.password-link.use',
      method: 'POST',
      path: '/login/password/:link',
      requires: 'public',
      handle: async ({ request, reply }) => {
        const member = await passwordLinks.memberOf(linkOf(request));
        if (member === undefined) return gone(reply);
        try {
          await passwordLinks.use(linkOf(request), fieldsOf(request).password ?? '');
        } catch (error) {
          if (error instanceof AppError && error.code === 'invalid')
            return ask(
              request,
              reply,
              member,
              `${error.message[0]?.toUpperCase()}${error.message.slice(1)}.`,
            );
          if (error instanceof AppError && error.code === 'not_found') return gone(reply);
          throw error;
        }
        cookies.clear(request, reply, 'session');
        const organization = await store.get('organization', INSTALLATION, member.org);
        const body = html`
      <h1>Your password is set</h1>
      <p class="actions"><a class="button" href="/login?organization=${organization?.label ?? ''}">Sign in</a></p>`;
        return sendPage(reply, { title: 'Your password is set', body });
      },
    },
  ];
}
