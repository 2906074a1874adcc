/**
 * Which clients may be asked for flow logs. A client that was once told to keep its logs to itself does so until its process
 * ends; asked for flow logs in that time, it drops off the network (client source: ipnlocal, "tailnet requires logging").
 * So whoever was told is remembered, by the disco key, which every process of a client makes anew; and nobody is told while
 * the organization wants flow logs.
 */
import { SECOND } from '../../kernel/clock.ts';
import type { Setting } from '../model/configuration.ts';
import type { HostFacts } from '../model/devices.ts';

export const FLOW_LOG_SETTING = 'network_flow_logging';

/** By then every process knows of the setting, and tells no client any more to keep its logs. */
const SETTLED_AFTER_MS = 10 * SECOND;

/** Whether a client process that begins now will never have been told. `setting`: the row of the setting, if there is one. */
export const mayLogFlows = (
  setting: Pick<Setting, 'value' | 'updatedAt'> | undefined,
  hostinfo: HostFacts,
  now: number,
): boolean =>
  setting?.value === true &&
  now - setting.updatedAt >= SETTLED_AFTER_MS &&
  // The person at the client said so, or its process was told before.
  hostinfo.NoLogsNoSupport !== true;

/** Clients that this process told. What the database says of a device that was deleted is lost; this is not. */
export interface ToldClients {
  add(discoKey: string): void;
  has(discoKey: string): boolean;
}

const MAX_TOLD = 100_000;

export function createToldClients(): ToldClients {
  const told = new Set<string>();
  return {
    add: (discoKey) => {
      if (discoKey === '' || told.has(discoKey)) return;
      for (const oldest of told) {
        if (told.size < MAX_TOLD) break;
        told.delete(oldest);
      }
      told.add(discoKey);
    },
    has: (discoKey) => told.has(discoKey),
  };
}
