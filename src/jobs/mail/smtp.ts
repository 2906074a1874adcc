/** Mails over SMTP, a few connections at a time. */
import { createTransport } from 'nodemailer';
import { SECOND } from '../../kernel/clock.ts';
import { PermanentFailure } from '../worker.ts';
import type { MailText } from './templates.ts';

interface OutgoingMail extends MailText {
  readonly to: string;
  /** The same for each try, so that a mailbox can tell a repeated mail. */
  readonly messageId: string;
}

export interface MailTransport {
  /** Resolves when the server took it. Throws `PermanentFailure` when it never will. */
  send(mail: OutgoingMail): Promise<void>;
  close(): void;
}

const TIMEOUT_MS = 15 * SECOND;
const MAX_CONNECTIONS = 2;
const PERMANENT = 500;

export function createSmtpTransport({
  smtpUrl,
  from,
  timeoutMs = TIMEOUT_MS,
}: {
  readonly smtpUrl: string;
  readonly from: string;
  readonly timeoutMs?: number;
}): MailTransport {
  const transport = createTransport({
    url: smtpUrl,
    pool: true,
    maxConnections: MAX_CONNECTIONS,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    send: async ({ to, subject, text, messageId }) => {
      try {
        // As an object: a text would be read as a list of addresses.
        await transport.sendMail({ from, to: { name: '', address: to }, subject, text, messageId });
      } catch (error) {
        if (!isPermanent(error)) throw error;
        throw new PermanentFailure((error as Error).message, { cause: error });
      }
    },
    close: () => transport.close(),
  };
}

/** The server will never take a mail for this address. A refused sign-in is the operator's to mend, so it is not. */
function isPermanent(error: unknown): boolean {
  const { code, responseCode } = error as { readonly code?: unknown; readonly responseCode?: unknown };
  return code === 'EENVELOPE' && (typeof responseCode !== 'number' || responseCode >= PERMANENT);
}
