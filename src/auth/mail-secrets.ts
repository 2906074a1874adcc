import { createHmac } from 'node:crypto';
import type { MailSecrets } from '../domain/mail/mail-secrets.ts';

/** 256 bits in 43 characters of [A-Za-z0-9_-]. `key`: the installation's, 32 bytes. */
export function createMailSecrets(key: Uint8Array): MailSecrets {
  const secret = (...parts: readonly (string | number)[]): string =>
    createHmac('sha256', key)
      .update(`holdfast mail\0${JSON.stringify(parts)}`)
      .digest('base64url');
  return {
    invitation: ({ org, id, epoch }) => secret('invitation', org, id, epoch),
    share: (org, id) => secret('device-share', org, id),
    contact: (org, kind, email) => secret('contact', org, kind, email),
  };
}
