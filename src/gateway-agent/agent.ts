/**
 * The agent of a gateway: keeps its WireGuard interface and firewall as the server says. While the server is away things stay
 * as they were told last; when the server has ended the gateway's token, everything goes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Clients, Welcome } from './messages.ts';
import { DismissedError, type Hello, type ServerLink } from './server-link.ts';
import type { Tunnel } from './tunnel.ts';

export type AgentEvent =
  | {
      readonly event: 'ready';
      readonly gateway: string;
      readonly network: string;
      readonly tunnel: string;
      readonly endpoint: string;
      readonly addresses: readonly string[];
    }
  | {
      readonly event: 'clients';
      readonly connected: number;
      readonly set: readonly string[];
      readonly removed: number;
    }
  | { readonly event: 'disconnected'; readonly reason: string; readonly retry_ms: number };

export interface AgentParts {
  readonly link: ServerLink;
  readonly tunnel: Tunnel;
  readonly hello: Hello;
  readonly onEvent: (event: AgentEvent) => void;
  readonly signal: AbortSignal;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
const REPORT_MS = 5_000;

/** Runs until the signal; rejects with `DismissedError` when the server does not want it any more. */
export async function runAgent({ link, tunnel, hello, onEvent, signal }: AgentParts): Promise<void> {
  const clients = new Map<number, Client>();
  let retry = FIRST_RETRY_MS;

  const take = async ({ kind, addresses, clients: set, removed }: Clients): Promise<void> => {
    if (kind === 'state') clients.clear();
    for (const id of removed) clients.delete(id);
    for (const client of set) clients.set(client.id, client);
    await tunnel.apply({ addresses, clients });
    onEvent({
      event: 'clients',
      connected: clients.size,
      set: set.map(({ name }) => name),
      removed: removed.length,
    });
  };

  const ready = ({ gateway, network, endpoint, addresses }: Welcome): void =>
    onEvent({
      event: 'ready',
      gateway: gateway.name,
      network: network.slug,
      tunnel: tunnel.kind,
      endpoint,
      addresses,
    });

  const report = async (): Promise<void> => {
    const ids = new Map([...clients.values()].map(({ id, public_key }) => [public_key, id]));
    const samples = await tunnel.samples();
    await link.report(
      hello.version,
      samples.flatMap(({ publicKey, endpoint, lastHandshake, receivedBytes, sentBytes }) => {
        const id = ids.get(publicKey);
        return id === undefined
          ? []
          : [
              {
                id,
                last_handshake: lastHandshake,
                received_bytes: receivedBytes,
                sent_bytes: sentBytes,
                endpoint,
              },
            ];
      }),
    );
  };

  /** Reports as long as the connection stands; what goes wrong with them the connection tells as well. */
  const reporting = (connection: AbortSignal): NodeJS.Timeout => {
    let busy = false;
    return setInterval(() => {
      if (busy || connection.aborted) return;
      busy = true;
      report()
        .catch(() => undefined)
        .finally(() => {
          busy = false;
        });
    }, REPORT_MS);
  };

  while (!signal.aborted) {
    let reports: NodeJS.Timeout | undefined;
    try {
      ready(await link.hello(hello));
      reports = reporting(signal);
      for await (const message of link.clients(signal)) {
        await take(message);
        retry = FIRST_RETRY_MS;
      }
      throw new Error('the server ended the connection');
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof DismissedError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      onEvent({ event: 'disconnected', reason, retry_ms: retry });
      await sleep(retry, undefined, { signal }).catch(() => undefined);
      retry = Math.min(retry * 2, LAST_RETRY_MS);
    } finally {
      clearInterval(reports);
    }
  }
}
