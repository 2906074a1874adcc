/** The pages that links in mails of devices and contacts lead to: accepting a shared device, confirming an address. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CONTACT_PATH } from '../../../domain/contacts/contact-service.ts';
import { SHARE_PATH } from '../../../domain/shares/share-code.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText } from '../../shared/parameters.ts';
import { type Html, html } from '../html.ts';
import { sendPage } from '../page.ts';
import { memberOf, type PageParts } from './parts.ts';

const NOT_FOUND = 404;

const linkOf = (request: FastifyRequest): string => pathText(request, 'link');

const say = (reply: FastifyReply, title: string, text: Html, status?: number): FastifyReply =>
  sendPage(reply, { title, body: html`<h1>${title}</h1>${text}<p><a href="/account">Go on</a></p>` }, status);

export function shareOperations({ services, forms }: PageParts): readonly Operation[] {
  const { shareAcceptance, contacts } = services;
  const gone = (reply: FastifyReply): FastifyReply =>
    say(
      reply,
      'This link is not good any more',
      html`<p>It was used, taken back, or it is too old.</p>`,
      NOT_FOUND,
    );
  /** What is to be done is done on a yes alone: mail programs open links by themselves. */
  const ask = (
    request: FastifyRequest,
    reply: FastifyReply,
    title: string,
    text: string,
    label: string,
  ): FastifyReply =>
    say(
      reply,
      title,
      html`<p>${text}</p>
      <form method="post" action="${request.url.split('?')[0]}">
        ${forms.tokenField(request, reply)}
        <div class="actions"><button type="submit">${label}</button></div>
      </form>`,
    );

  return [
    {
      id: 'native.share.page',
      method: 'GET',
      path: `${SHARE_PATH}:link`,
      requires: 'shares:write',
      handle: async ({ request, reply, actor }) => {
        const found = await shareAcceptance.find(linkOf(request));
        if (found === undefined || found.home.id === actor.org) return gone(reply);
        const text = `Your own devices will reach ${found.device.label} of ${found.home.name}. It cannot reach them.`;
        return ask(request, reply, `Add ${found.device.label}?`, text, 'Accept');
      },
    },
    {
      id: 'native.share.accept',
      method: 'POST',
      path: `${SHARE_PATH}:link`,
      requires: 'shares:write',
      handle: async ({ request, reply, actor }) => {
        try {
          const member = memberOf(actor);
          const { device } = await shareAcceptance.accept(member, linkOf(request), 'native-api');
          return say(reply, `${device.label} is shared with you`, html`<p>Your devices reach it now.</p>`);
        } catch (error) {
          if (error instanceof AppError && error.code === 'invalid') return gone(reply);
          throw error;
        }
      },
    },
    {
      id: 'native.contact.page',
      method: 'GET',
      path: `${CONTACT_PATH}:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const contact = await contacts.waiting(linkOf(request));
        if (contact === undefined) return gone(reply);
        const text = `${contact.email} was given as the ${contact.kind} contact.`;
        return ask(request, reply, 'Is this address yours?', text, 'Confirm');
      },
    },
    {
      id: 'native.contact.verify',
      method: 'POST',
      path: `${CONTACT_PATH}:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        if ((await contacts.verify(linkOf(request))) === undefined) return gone(reply);
        return say(reply, 'The address is confirmed', html`<p>Nothing more is to be done.</p>`);
      },
    },
  ];
}
