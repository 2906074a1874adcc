/**
 * How the command line signs in by a browser: it opens a WebSocket, is told a link to show, and waits for its token.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PasswordSignIn } from '../../auth/password-sign-in.ts';
import { PROGRAM_LOGIN_LIFETIME, type ProgramLogins } from '../../auth/program-logins.ts';
import type { SsoSignIn } from '../../auth/sso/sso-sign-in.ts';
import type { Tenancy } from '../../domain/directory/tenancy.ts';
import { AppError } from '../../kernel/errors.ts';
import { jwtOf } from './authentication.ts';
import { ORIGIN } from './envelope.ts';
import { acceptWebSocket, type WebSocketSide } from './web-socket.ts';

export const HEADLESS_PATH = '/api/oauth/headless';
export const REGISTER_PATH = '/api/oauth/register';

const POLL_MS = 300;
const MAX_CONNECTIONS = 500;
const SESSION_NAME = 'nmctl';

export interface HeadlessParts {
  readonly programLogins: ProgramLogins;
  readonly passwordSignIn: Pick<PasswordSignIn, 'open'>;
  readonly sso: Pick<SsoSignIn, 'connections'>;
  readonly tenancy: Pick<Tenancy, 'resolve'>;
  /** The origin that clients know; undefined: the one that each came by. */
  readonly publicUrl: string | undefined;
  readonly onError: (error: unknown) => void;
}

export interface Headless {
  handleUpgrade(request: IncomingMessage, socket: Duplex): void;
  close(): void;
}

const HOST = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/u;

export function createHeadless(parts: HeadlessParts): Headless {
  const { programLogins, passwordSignIn, sso, tenancy, publicUrl, onError } = parts;
  const open = new Set<WebSocketSide>();

  const originOf = (request: IncomingMessage): string | undefined => {
    if (publicUrl !== undefined) return publicUrl;
    const host = request.headers.host ?? '';
    const scheme = 'encrypted' in request.socket ? 'https' : 'http';
    return HOST.test(host) ? `${scheme}://${host}` : undefined;
  };

  const serve = async (request: IncomingMessage, side: WebSocketSide): Promise<void> => {
    const tenant = request.headers['x-tenant-id'];
    const organization = await tenancy.resolve({
      tenantId: typeof tenant === 'string' ? tenant : undefined,
      host: request.headers.host,
    });
    const origin = originOf(request);
    if (
      origin === undefined ||
      organization === undefined ||
      (await sso.connections(organization.id)).length === 0
    ) {
      side.send('This organization signs nobody in by a provider.');
      return;
    }
    const address = request.socket.remoteAddress ?? '';
    const link = await programLogins.begin(organization.id, address);
    side.send(`${origin}${REGISTER_PATH}/${link}`);
    try {
      const gone = side.ended.then(() => true);
      for (let waited = 0; waited < PROGRAM_LOGIN_LIFETIME; waited += POLL_MS) {
        const verified = await programLogins.take(link);
        if (verified !== null) {
          const session = await passwordSignIn.open(verified, {
            name: SESSION_NAME,
            origin: ORIGIN,
            address,
          });
          side.send(`JWT: ${jwtOf(session, verified.member)}`);
          return;
        }
        if (await Promise.race([gone, sleep(POLL_MS, false)])) return;
      }
    } finally {
      await programLogins.cancel(link);
    }
  };

  return {
    handleUpgrade: (request, socket) => {
      const side = acceptWebSocket(request, socket);
      if (side === undefined) return;
      if (open.size >= MAX_CONNECTIONS) {
        side.close();
        return;
      }
      open.add(side);
      serve(request, side)
        .catch((error: unknown) => {
          if (!(error instanceof AppError)) onError(error);
        })
        .finally(() => {
          open.delete(side);
          side.close();
        });
    },
    close: () => {
      for (const side of open) side.close();
    },
  };
}
