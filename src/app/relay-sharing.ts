/**
 * One relay for processes that share a database. Packets are not passed on between relays, so devices meet only if all
 * processes tell them of the same one: the process that runs it leaves its map in the database, and the others hand that out.
 */
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { certificatePin } from '../control/derp/index.ts';
import type { DerpMap, DerpNode } from '../control/wire/index.ts';
import type { InstallationFacts } from '../domain/ports/installation-facts.ts';
import { SECOND } from '../kernel/clock.ts';
import { parseDerpMap } from './derp-map-file.ts';

const MAP_FACT = 'relay-map';
const REFRESH_MS = 5 * SECOND;
const PROBE_TIMEOUT_MS = 2 * SECOND;

export interface RelaySharing {
  /** Whether the relay in the database answers. */
  isServed(): Promise<boolean>;
  /** The map that stands in the database, as last read. */
  map(): DerpMap | undefined;
  /** Puts this process's relay there, in place of any other. */
  publish(map: DerpMap): Promise<void>;
  /** Reads the map now and then every 5 s; `onChanged` hears of another one than was there. */
  start(onChanged?: () => void): Promise<void>;
  close(): void;
}

export function createRelaySharing(
  facts: Pick<InstallationFacts, 'get' | 'set'>,
  onError: (error: unknown) => void,
  isAnswering: (node: DerpNode) => Promise<boolean> = probe,
  refreshMs = REFRESH_MS,
): RelaySharing {
  let current: DerpMap | undefined;
  let timer: NodeJS.Timeout | undefined;
  let known: string | undefined;

  /** Says whether it is another. */
  const read = async (): Promise<boolean> => {
    const text = await facts.get(MAP_FACT);
    if (text === known) return false;
    current = text === undefined ? undefined : parseDerpMap(JSON.parse(text));
    known = text;
    return true;
  };

  return {
    isServed: async () => {
      await read();
      const nodes = Object.values(current?.Regions ?? {}).flatMap((region) => region.Nodes);
      const answers = await Promise.all(nodes.map(isAnswering));
      return answers.includes(true);
    },
    map: () => current,
    publish: async (map) => {
      const text = JSON.stringify(map);
      await facts.set(MAP_FACT, text);
      known = text;
      current = map;
    },
    start: async (onChanged = () => undefined) => {
      await read();
      const look = async (): Promise<void> => {
        if (await read()) onChanged();
      };
      timer = setInterval(() => void look().catch(onError), refreshMs).unref();
    },
    close: () => clearInterval(timer),
  };
}

/** Whether a relay answers as devices would have it: at its address, with its certificate. */
async function probe(node: DerpNode): Promise<boolean> {
  const addresses = [node.IPv4, node.IPv6].filter((one) => one !== undefined && one !== '' && one !== 'none');
  const asked = new Promise<boolean>((resolve) => {
    const asking = request(
      {
        host: addresses[0] ?? node.HostName,
        port: node.DERPPort ?? 443,
        path: '/derp/probe',
        servername: node.HostName,
        agent: false,
        // A pinned certificate is known by its hash, which is looked at below.
        rejectUnauthorized: node.CertName === undefined,
      },
      (response) => {
        response.resume();
        const { socket } = response;
        const raw = 'getPeerX509Certificate' in socket ? peerCertificate(socket) : undefined;
        const trusted =
          node.CertName === undefined ||
          (raw !== undefined && certificatePin({ certPem: raw }) === node.CertName);
        resolve(trusted && response.statusCode === 200);
        asking.destroy();
      },
    );
    asking.on('error', () => resolve(false));
    asking.end();
    void sleep(PROBE_TIMEOUT_MS, undefined, { ref: false }).then(() => {
      asking.destroy();
      resolve(false);
    });
  });
  return asked;
}

function peerCertificate(socket: unknown): string | undefined {
  const { getPeerX509Certificate } = socket as {
    getPeerX509Certificate: () => { toString(): string } | undefined;
  };
  return getPeerX509Certificate.call(socket)?.toString();
}
