import { z } from 'zod';
import { CONTACT_KINDS, type Contact, type ContactKind } from '../../domain/contacts/contact-service.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody } from './body.ts';
import { type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';

const body = z.object({ email: z.string() });

const contactWire = ({ email, fallbackEmail, verified }: Contact) => ({
  email,
  ...(fallbackEmail === null ? {} : { fallbackEmail }),
  needsVerification: !verified,
});

function kindOf({ request }: GuardedCall): ContactKind {
  const text = pathText(request, 'contactType');
  const kind = CONTACT_KINDS.find((each) => each === text);
  if (kind === undefined) throw notFound('contact');
  return kind;
}

export function contactOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, contacts } = services;
  const path = `${TAILNET}/contacts`;
  return [
    {
      id: 'tailscale.contacts.get',
      method: 'GET',
      path,
      requires: 'contacts:read',
      handle: inTailnet(organizations, async ({ actor }) =>
        Object.fromEntries(
          (await contacts.read(actor)).map((contact) => [contact.kind, contactWire(contact)]),
        ),
      ),
    },
    {
      id: 'tailscale.contacts.update',
      method: 'PATCH',
      path: `${path}/:contactType`,
      requires: 'contacts:write',
      handle: inTailnet(organizations, async (call) => {
        const { email } = jsonBody(call.request, body);
        await contacts.set(call.actor, kindOf(call), email, ORIGIN);
        return {};
      }),
    },
    {
      id: 'tailscale.contacts.resend',
      method: 'POST',
      path: `${path}/:contactType/resend-verification-email`,
      requires: 'contacts:write',
      handle: inTailnet(organizations, async (call) => {
        await contacts.resendVerification(call.actor, kindOf(call), ORIGIN);
        return {};
      }),
    },
  ];
}
