/** Accepting an invitation. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type FoundInvitation, INVITATION_PATH } from '../../../domain/people/invitation-acceptance.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText } from '../../shared/parameters.ts';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';
import { fieldsOf } from './forms.ts';
import { memberOf, type PageParts } from './parts.ts';
import { passkeyPart, relyingParty, scriptFor } from './passkey-forms.ts';

const SEE_OTHER = 303;
const NOT_FOUND = 404;
const BAD_REQUEST = 400;

const linkOf = (request: FastifyRequest): string => pathText(request, 'link');

export function invitationOperations({
  services,
  cookies,
  forms,
  originOf,
  person,
}: PageParts): readonly Operation[] {
  const { invitations, store } = services;

  const gone = (reply: FastifyReply): FastifyReply =>
    sendPage(
      reply,
      {
        title: 'This invitation is not open any more',
        body: html`
      <h1>This invitation is not open any more</h1>
      <p>It was accepted, taken back, or it is too old. Ask whoever invited you for another.</p>
      <p><a href="/login">Sign in</a></p>`,
      },
      NOT_FOUND,
    );

  const ask = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { invitation, member, everywhere }: FoundInvitation,
    problem?: string,
  ): Promise<FastifyReply> => {
    const organization = await store.get('organization', INSTALLATION, member.org);
    const name = organization?.name ?? '';
    const connections = await services.sso.connections(member.org);
    const path = `${INVITATION_PATH}${linkOf(request)}`;
    const takesPasswords = await services.takesLogin(member, 'password');
    const rp = relyingParty(originOf(request));
    const offersPasskey = rp !== undefined && (await services.takesLogin(member, 'passkey'));
    const passkey = offersPasskey
      ? html`<p class="or" data-needs-passkey hidden>or</p>
      ${passkeyPart({
        ceremony: 'create',
        prepared: await services.passkeys.prepareRegistration(
          member,
          everywhere ? INSTALLATION : member.org,
          rp,
          forms.ensureBrowser(request, reply),
        ),
        action: `${path}/passkey`,
        fields: forms.tokenField(request, reply),
        label: 'Join with a passkey',
        quiet: takesPasswords,
      })}`
      : undefined;
    const actor = await person(request);
    const own =
      actor !== undefined && (await services.sessions.openedWith(actor))?.everywhere === true
        ? html`<form method="post" action="${path}/account">
        ${forms.tokenField(request, reply)}
        <div class="actions"><button type="submit">Join as ${actor.name}</button></div>
      </form>
      <p class="or">or as somebody else</p>`
        : undefined;
    const body = html`
      <h1>Join ${name}</h1>
      <p>${invitation.byName} invited ${invitation.email ?? ''}.</p>
      ${own}
      ${
        connections.length === 0
          ? undefined
          : html`<div class="actions">${connections.map(
              (connection) =>
                html`<a class="button" href="${path}/sso?connection=${connection.id}">Join with ${connection.name}</a>`,
            )}</div>
      ${takesPasswords ? html`<p class="or">or with a password</p>` : undefined}`
      }
      ${
        takesPasswords
          ? html`<p>Choose a password. ${everywhere ? 'It is yours, also in other organizations.' : 'It is good for this organization.'}</p>
      <form method="post" action="${path}">
        ${forms.tokenField(request, reply)}
        <input type="hidden" name="username" autocomplete="username" value="${invitation.email ?? ''}">
        <div class="field">
          <label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="new-password" required minlength="8"
            aria-describedby="password-error">
          <p class="error" id="password-error" role="alert">${problem}</p>
        </div>
        <div class="actions"><button type="submit">Accept and join</button></div>
      </form>`
          : undefined
      }
      ${passkey}`;
    return sendPage(
      reply,
      { title: `Join ${name}`, body, ...scriptFor(rp) },
      problem === undefined ? undefined : BAD_REQUEST,
    );
  };

  return [
    {
      id: 'native.invitation.page',
      method: 'GET',
      path: `${INVITATION_PATH}:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const open = await invitations.find(linkOf(request));
        return open === undefined ? gone(reply) : ask(request, reply, open);
      },
    },
    {
      id: 'native.invitation.account',
      method: 'POST',
      path: `${INVITATION_PATH}:link/account`,
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        await services.invitationsByAccount.accept(memberOf(actor), linkOf(request), 'native-api');
        return reply.redirect('/account/organization', SEE_OTHER);
      },
    },
    {
      id: 'native.invitation.accept',
      method: 'POST',
      path: `${INVITATION_PATH}:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const open = await invitations.find(linkOf(request));
        if (open === undefined) return gone(reply);
        // The form is not shown then, and a way in that is not taken would lock the person out of those that are.
        if (!(await services.takesLogin(open.member, 'password'))) {
          throw new AppError('forbidden', 'this organization does not let people sign in with a password');
        }
        const organization = await store.get('organization', INSTALLATION, open.member.org);
        try {
          await invitations.accept(linkOf(request), fieldsOf(request).password ?? '');
        } catch (error) {
          if (error instanceof AppError && error.code === 'invalid')
            return ask(request, reply, open, `${error.message[0]?.toUpperCase()}${error.message.slice(1)}.`);
          if (error instanceof AppError && error.code === 'not_found') return gone(reply);
          throw error;
        }
        // The sign-in page knows what else the organization asks for: second factors, other ways than passwords.
        cookies.clear(request, reply, 'session');
        return reply.redirect(`/login?organization=${organization?.label ?? ''}`, SEE_OTHER);
      },
    },
  ];
}
