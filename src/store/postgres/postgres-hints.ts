/**
 * Hints between processes by NOTIFY and LISTEN, over one connection that does nothing else. They are sent after the commit
 * and several at once: a NOTIFY inside a transaction makes all commits of the database wait for each other.
 */
import pg from 'pg';

const CHANNEL = 'holdfast_change';
const RETRY_MS = 1_000;
/** PostgreSQL takes payloads below 8,000 bytes; a number with its comma has at most 17. */
const MAX_ORGANIZATIONS = 400;

export interface Hints {
  announce(org: number): void;
  /** One listener; called for what other processes announce. */
  onAnnounced(listener: (org: number) => void): void;
  close(): Promise<void>;
}

export function createHints(options: {
  readonly url: string;
  readonly onError: (error: unknown) => void;
}): Hints {
  let closed = false;
  let listener: ((org: number) => void) | undefined;
  let client: pg.Client | undefined;
  let ready: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  const pending = new Set<number>();
  let sending = false;

  const connect = async (): Promise<void> => {
    if (closed) return;
    const fresh = new pg.Client({
      connectionString: options.url,
      application_name: 'holdfast hints',
      keepAlive: true,
    });
    client = fresh;
    const again = (error?: unknown): void => {
      if (client !== fresh) return;
      client = undefined;
      ready = undefined;
      fresh.end().catch(() => undefined);
      if (closed) return;
      if (error !== undefined) options.onError(error);
      retry = setTimeout(() => void connect(), RETRY_MS).unref();
    };
    fresh.on('error', again);
    fresh.on('end', () => again());
    fresh.on('notification', ({ processId, payload }) => {
      if (processId === processIdOf(fresh)) return;
      for (const part of (payload ?? '').split(',')) {
        const org = Number(part);
        if (part !== '' && Number.isSafeInteger(org)) listener?.(org);
      }
    });
    try {
      await fresh.connect();
      await fresh.query(`LISTEN ${CHANNEL}`);
      if (client === fresh) {
        ready = fresh;
        send();
      }
    } catch (error) {
      again(error);
    }
  };

  const send = (): void => {
    if (sending || ready === undefined || pending.size === 0) return;
    const orgs = [...pending].slice(0, MAX_ORGANIZATIONS);
    for (const org of orgs) pending.delete(org);
    sending = true;
    ready
      .query('SELECT pg_notify($1, $2)', [CHANNEL, orgs.join(',')])
      // What got lost is found by polling.
      .catch(() => undefined)
      .finally(() => {
        sending = false;
        send();
      });
  };

  return {
    announce: (org) => {
      // While there is no connection nothing is kept: by the time there is one, polling has told it.
      if (closed || ready === undefined) return;
      pending.add(org);
      send();
    },
    onAnnounced: (callback) => {
      listener = callback;
      void connect();
    },
    close: async () => {
      closed = true;
      clearTimeout(retry);
      await client?.end().catch(() => undefined);
    },
  };
}

/** The process id of the server's side, which notifications carry; `pg` has it and does not declare it. */
const processIdOf = (client: pg.Client): number | undefined => {
  const id: unknown = 'processID' in client ? client.processID : undefined;
  return typeof id === 'number' ? id : undefined;
};
