/** The sending of mails, put together for this process. */
import { createMailSecrets } from '../auth/mail-secrets.ts';
import type { MailConfig } from '../config/config.ts';
import { createMailService } from '../domain/mail/mail-service.ts';
import { createMailWorker } from '../jobs/mail/mail-worker.ts';
import { createSmtpTransport } from '../jobs/mail/smtp.ts';
import { createOutbox } from '../store/outbox.ts';
import type { Installation } from './installation.ts';
import type { Services } from './services.ts';

export interface MailParts {
  readonly installation: Installation;
  readonly services: Services;
  /** Undefined: no mail is sent. */
  readonly config: MailConfig | undefined;
  readonly sealingKey: Uint8Array;
  /** Names the process. */
  readonly holder: string;
  /** The server's own, with a slash at its end. */
  readonly url: string;
  readonly onError: (error: unknown) => void;
}

export function createMail(parts: MailParts): { start(): void; close(): Promise<void> } {
  const { installation, services, config, sealingKey, holder, url, onError } = parts;
  const { engine, store } = installation;
  const { clock, random } = services;
  const transport = config === undefined ? undefined : createSmtpTransport(config);
  const worker = createMailWorker({
    outbox: createOutbox({ engine, clock }),
    mails: createMailService({ store, clock, secrets: createMailSecrets(sealingKey) }),
    transport,
    url,
    holder,
    clock,
    random,
    onError,
  });
  return {
    start: worker.start,
    close: async () => {
      await worker.close();
      transport?.close();
    },
  };
}
