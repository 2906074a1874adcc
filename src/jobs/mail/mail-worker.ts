/**
 * Sends the mails of the outbox. Without a mail server they are given up at once, with the reason, so that nothing waits:
 * what they would have said can be had in other ways, and sent again when there is one.
 */
import type { MailService } from '../../domain/mail/mail-service.ts';
import type { Outbox } from '../../domain/ports/outbox.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { createWorker, PermanentFailure, type Worker } from '../worker.ts';
import type { MailTransport } from './smtp.ts';
import { mailText } from './templates.ts';

export interface MailWorkerParts {
  readonly outbox: Outbox;
  readonly mails: MailService;
  /** Undefined: no mail server is configured. */
  readonly transport: Pick<MailTransport, 'send'> | undefined;
  /** The server's own, with a slash at its end. */
  readonly url: string;
  readonly holder: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  readonly pollMs?: number;
}

/** With doubling waits of at most an hour: for about twelve hours. */
const MAX_ATTEMPTS = 24;

export function createMailWorker(parts: MailWorkerParts): Worker {
  const { mails, transport, url, ...rest } = parts;
  const host = new URL(url).hostname.replaceAll(/[[\]]/gu, '');
  return createWorker({
    ...rest,
    kind: 'mail',
    maxAttempts: MAX_ATTEMPTS,
    handle: async (row) => {
      if (transport === undefined) throw new PermanentFailure('no mail server is configured (--smtp-url)');
      const mail = await mails.prepare(row);
      if (mail === undefined) return;
      const messageId = `<${row.org}.${row.id}@${host}>`;
      await transport.send({ to: row.target, messageId, ...mailText(mail, url) });
    },
  });
}
