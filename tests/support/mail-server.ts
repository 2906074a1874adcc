// A mail server on this machine that keeps what it is sent.
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  readonly to: readonly string[];
  readonly from: string;
  /** Headers and body as they came. */
  readonly raw: string;
  /** The body in plain text, its quoted-printable undone. */
  readonly text: string;
}

export interface MailServer {
  readonly url: string;
  readonly mails: ReceivedMail[];
  /** What it says to a recipient: a status, or 0 for yes. */
  refuse: (address: string) => number;
  close(): Promise<void>;
}

const unquoted = (body: string): string =>
  Buffer.from(
    body
      .replace(/=\r\n/gu, '')
      .replace(/=([0-9A-F]{2})/gu, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString();

export async function createMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const made = { refuse: (_address: string): number => 0 };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: (address, _session, callback) => {
      const status = made.refuse(address.address);
      callback(status === 0 ? undefined : Object.assign(new Error('refused'), { responseCode: status }));
    },
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString();
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          to: rcptTo.map(({ address }) => address),
          from: mailFrom === false || mailFrom === undefined ? '' : mailFrom.address,
          raw,
          text: unquoted(raw.slice(raw.indexOf('\r\n\r\n') + 4)).replaceAll('\r\n', '\n'),
        });
        callback();
      });
    },
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const { port } = server.server.address() as AddressInfo;
  return Object.assign(made, {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  });
}
