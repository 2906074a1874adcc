/** A device's own node, as its client gets it. */

import { isExpired } from '../../domain/devices/key-expiry.ts';
import type { FlowLogIds } from '../../domain/flow-logs/flow-log-ids.ts';
import type { DeviceFacts } from '../../domain/snapshot/device-facts.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { fixedMembers, patchableFields } from './device-render.ts';
import type { OwnView } from './network-view.ts';

export interface OwnNode {
  /** The whole JSON object. */
  readonly json: string;
  /** The part that is worth a message when it changes: not what the device itself reported. */
  readonly text: string;
}

/** With it a client counts who it talks to and uploads that, under the id that its own node tells. */
const FLOW_LOG_CAPABILITY = 'https://tailscale.com/cap/data-plane-audit-logs';

export interface OwnNodeWorld {
  readonly snapshot: Snapshot;
  readonly flowLogIds: FlowLogIds;
}

export function renderOwnNode(
  { snapshot, flowLogIds }: OwnNodeWorld,
  facts: DeviceFacts,
  own: OwnView,
  now: number,
): OwnNode {
  const { device, live } = facts;
  // Until the client has spoken, it is not known which of its processes this is.
  const logsFlows =
    snapshot.settings().network_flow_logging && live?.flowLogs === true && live.discoKey !== '';
  const capMap = logsFlows ? { ...own.capMap, [FLOW_LOG_CAPABILITY]: [] } : own.capMap;
  const fields = patchableFields(facts);
  const text = [
    fixedMembers(snapshot, facts, now),
    `"Machine":${JSON.stringify(facts.device.machineKey)}`,
    `"Key":${fields.Key}`,
    ...(fields.KeyExpiry === '' ? [] : [`"KeyExpiry":${fields.KeyExpiry}`]),
    `"AllowedIPs":${JSON.stringify(own.allowedIPs)}`,
    ...(own.primaryRoutes.length > 0 ? [`"PrimaryRoutes":${JSON.stringify(own.primaryRoutes)}`] : []),
    `"CapMap":${JSON.stringify(capMap)}`,
    ...(logsFlows ? [`"DataPlaneAuditLogID":"${flowLogIds.ofDevice(device.org, device.id)}"`] : []),
  ].join(',');
  const reported = [
    ...(fields.DiscoKey === '' ? [] : [`"DiscoKey":${fields.DiscoKey}`]),
    ...(fields.HomeDERP === '' ? [] : [`"HomeDERP":${fields.HomeDERP}`]),
    `"Hostinfo":${JSON.stringify(live?.hostinfo ?? {})}`,
    '"Online":true',
  ].join(',');
  return { text, json: `{${text},${reported}}` };
}

/** An instant that is past on every client's clock. */
const LONG_PAST = 1_000;

/** The node of a device that is no more: its client signs in again, instead of going on as if nothing had happened. */
export function renderExpiredNode(
  world: OwnNodeWorld,
  facts: DeviceFacts,
  own: OwnView,
  now: number,
): string {
  if (isExpired(facts.device, now)) return renderOwnNode(world, facts, own, now).json;
  const device = { ...facts.device, keyExpiresAt: LONG_PAST, expiryDisabled: false };
  return renderOwnNode(world, { ...facts, device }, own, now).json;
}
