/** The texts of mails. Plain text: nothing in them is fetched, and no name in them is markup. */

import { CONTACT_PATH } from '../../domain/contacts/contact-service.ts';
import type { Mail } from '../../domain/mail/mail-service.ts';
import { SHARE_PATH } from '../../domain/shares/share-code.ts';

export interface MailText {
  readonly subject: string;
  readonly text: string;
}

const INVITATION_PATH = 'login/invitation/';
const MAX_NAME = 100;

/** Names come from people: one line of bounded length. */
const line = (name: string): string =>
  name
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .slice(0, MAX_NAME)
    .toWellFormed()
    .trim();

/** `url`: the server's own, with a slash at its end. */
export function mailText(mail: Mail, url: string): MailText {
  const organization = line(mail.organization.name || mail.organization.label);
  switch (mail.kind) {
    case 'invitation': {
      const until = new Date(mail.expiresAt).toISOString().slice(0, 16).replace('T', ' ');
      return {
        subject: `You are invited to ${organization}`,
        text: [
          `${line(mail.inviter) || 'An administrator'} invites you to the network of ${organization}.`,
          '',
          'To accept, open this link:',
          '',
          `${url}${INVITATION_PATH}${mail.organization.id}-${mail.secret}`,
          '',
          `The link is good until ${until} UTC, and only for you: do not pass it on.`,
          'If you do not know what this is about, ignore this mail.',
          '',
        ].join('\n'),
      };
    }
    case 'device-share': {
      const until = new Date(mail.expiresAt).toISOString().slice(0, 16).replace('T', ' ');
      return {
        subject: `${line(mail.device)} of ${organization} is shared with you`,
        text: [
          `${line(mail.sharer) || 'An administrator'} of ${organization} shares the device ${line(mail.device)} with you.`,
          '',
          'To accept it into your own network, open this link:',
          '',
          `${url}${SHARE_PATH.slice(1)}${mail.code}`,
          '',
          `The link is good until ${until} UTC. Whoever has it can accept: do not pass it on.`,
          'If you do not know what this is about, ignore this mail.',
          '',
        ].join('\n'),
      };
    }
    case 'verify-contact':
      return {
        subject: `Confirm this address for ${organization}`,
        text: [
          `This address was given as the ${mail.contact} contact of ${organization}.`,
          '',
          'To confirm that it is yours, open this link:',
          '',
          `${url}${CONTACT_PATH.slice(1)}${mail.organization.id}-${mail.contact}-${mail.secret}`,
          '',
          'If you do not know what this is about, ignore this mail.',
          '',
        ].join('\n'),
      };
  }
}
