import { isDeepStrictEqual } from 'node:util';
import type { Node, PeerChange } from '../../src/control/wire/index.ts';

// What clients do to peers before they take them in (release 1.102; compared with its own code on random messages). The rule
// that surprises: a whole peer in `PeersChanged` that differs from the known one only in fields a patch can carry is turned
// into such a patch, and what it merely lacks is then kept from before.

/** A difference in any of these makes a peer be replaced whole. */
const UNPATCHABLE = [
  'StableID',
  'Name',
  'User',
  'Sharer',
  'Machine',
  'Addresses',
  'AllowedIPs',
  'Hostinfo',
  'Created',
  'Tags',
  'PrimaryRoutes',
  'MachineAuthorized',
  'UnsignedPeerAPIOnly',
  'IsWireGuardOnly',
  'IsJailed',
  'Expired',
  'SelfNodeV4MasqAddrForThisPeer',
  'SelfNodeV6MasqAddrForThisPeer',
  'ExitNodeDNSResolvers',
] as const satisfies readonly (keyof Node)[];

const LEGACY_DERP = /^127\.3\.3\.40:(\d+)$/;
const ZERO_KEY = /:0{64}$/;

/** Old forms of a field become the present ones. */
export function upgradeNode(node: Node): Node {
  const { DERP: legacy, ...rest } = node;
  const region = Number(LEGACY_DERP.exec(legacy ?? '')?.[1] ?? 0);
  return {
    ...rest,
    ...(!node.HomeDERP && region > 0 ? { HomeDERP: region } : {}),
    AllowedIPs: node.AllowedIPs ?? node.Addresses,
  };
}

/** The patch that a whole changed peer amounts to, or undefined where it replaces the known one. */
export function patchFor(before: Node, after: Node): PeerChange | undefined {
  for (const field of UNPATCHABLE) if (!same(before[field], after[field])) return undefined;
  const patch: PeerChange = { NodeID: after.ID };
  if (before.Key !== after.Key) patch.Key = after.Key;
  if (!sameTime(before.KeyExpiry, after.KeyExpiry)) patch.KeyExpiry = after.KeyExpiry ?? '';
  if (after.KeySignature && before.KeySignature !== after.KeySignature)
    patch.KeySignature = after.KeySignature;
  if (!same(before.DiscoKey, after.DiscoKey)) patch.DiscoKey = after.DiscoKey ?? '';
  if (after.Endpoints && !same(before.Endpoints, after.Endpoints)) patch.Endpoints = after.Endpoints;
  if (after.HomeDERP && before.HomeDERP !== after.HomeDERP) patch.DERPRegion = after.HomeDERP;
  if (after.Cap && before.Cap !== after.Cap) patch.Cap = after.Cap;
  if (!same(before.CapMap, after.CapMap)) patch.CapMap = after.CapMap ?? {};
  if (isKnown(before.Online) && isKnown(after.Online) && before.Online !== after.Online)
    patch.Online = after.Online;
  if (before.LastSeen && after.LastSeen && !sameTime(before.LastSeen, after.LastSeen))
    patch.LastSeen = after.LastSeen;
  return patch;
}

/** Applies a patch to the peer it names. */
export function patched(before: Node, change: PeerChange): Node {
  const after: Node = { ...before };
  if (change.DERPRegion) after.HomeDERP = change.DERPRegion;
  if (change.Cap) after.Cap = change.Cap;
  if (change.Endpoints) after.Endpoints = change.Endpoints;
  if (isKnown(change.Key)) after.Key = change.Key;
  if (change.KeySignature) after.KeySignature = change.KeySignature;
  if (isKnown(change.DiscoKey)) after.DiscoKey = change.DiscoKey;
  if (isKnown(change.Online)) after.Online = change.Online;
  if (change.LastSeen) after.LastSeen = change.LastSeen;
  if (isKnown(change.KeyExpiry)) after.KeyExpiry = change.KeyExpiry;
  if (change.CapMap) after.CapMap = change.CapMap;
  return after;
}

/** A disco key that comes with "offline" and with no later sighting than is known is not believed. */
export function isStalePatch(before: Node, change: PeerChange): boolean {
  if (!isKnown(change.DiscoKey) || change.Online !== false || !change.LastSeen || !before.LastSeen)
    return false;
  return Date.parse(change.LastSeen) <= Date.parse(before.LastSeen);
}

/** The same for a peer of a full list: it keeps the disco key and sighting known before. */
export function withKnownDisco(before: Node | undefined, peer: Node): Node {
  if (before?.LastSeen === undefined || isZero(peer.DiscoKey) || same(before.DiscoKey, peer.DiscoKey))
    return peer;
  if (peer.Online || (peer.LastSeen && Date.parse(peer.LastSeen) > Date.parse(before.LastSeen))) return peer;
  const { DiscoKey: _unbelieved, ...rest } = peer;
  return { ...rest, ...(before.DiscoKey ? { DiscoKey: before.DiscoKey } : {}), LastSeen: before.LastSeen };
}

function isKnown<T>(value: T | undefined | null): value is T {
  return value !== undefined && value !== null;
}

function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return !value || (typeof value === 'string' && ZERO_KEY.test(value));
}

/** Equal, where every form of emptiness equals absence. */
function same(before: unknown, after: unknown): boolean {
  return (isZero(before) && isZero(after)) || isDeepStrictEqual(normal(before), normal(after));
}

/** The arguments of a capability: null is no arguments. */
function normal(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inner ?? []]));
}

function sameTime(before: string | undefined, after: string | undefined): boolean {
  return isZero(before)
    ? isZero(after)
    : !isZero(after) && Date.parse(before ?? '') === Date.parse(after ?? '');
}
