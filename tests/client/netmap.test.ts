import { describe, expect, test } from 'vitest';
import type { MapResponse, Node } from '../../src/control/wire/index.ts';
import { applyMapResponse, emptyNetmap, type Netmap, packetFilter } from './netmap.ts';

const NOW = '2026-03-01T12:00:00Z';
const node = (ID: number, more: Partial<Node> = {}): Node => ({
  ID,
  StableID: `n${ID}`,
  Name: `host-${ID}.example.`,
  User: 1,
  Key: `nodekey:${String(ID).padStart(64, '0')}`,
  Addresses: [`100.64.0.${ID}/32`],
  AllowedIPs: [`100.64.0.${ID}/32`],
  ...more,
});
const FIRST: MapResponse = { Node: node(1), Peers: [node(2), node(3, { LastSeen: NOW })], Domain: 'example' };

function netmapAfter(...messages: MapResponse[]): Netmap {
  const netmap = emptyNetmap();
  for (const message of [FIRST, ...messages]) applyMapResponse(netmap, message, NOW);
  return netmap;
}

const ids = (netmap: Netmap): number[] => [...netmap.peers.keys()].sort((a, b) => a - b);

describe('the netmap a client keeps', () => {
  test('must begin with the node itself, keep-alives aside', () => {
    const netmap = emptyNetmap();
    applyMapResponse(netmap, { KeepAlive: true }, NOW);
    expect(() => applyMapResponse(netmap, { Peers: [node(2)] }, NOW)).toThrow(
      'initial MapResponse lacked node',
    );
  });

  test('keeps what a message does not mention, or holds as null', () => {
    const nulls = { Node: null, Peers: null, DNSConfig: null, PacketFilters: null } as unknown as MapResponse;
    const netmap = netmapAfter(
      { DNSConfig: { Proxied: true }, PacketFilter: [{ SrcIPs: ['*'] }] },
      {},
      nulls,
    );
    expect(netmap.self?.ID).toBe(1);
    expect(ids(netmap)).toEqual([2, 3]);
    expect(netmap.dns).toEqual({ Proxied: true });
    expect(packetFilter(netmap)).toHaveLength(1);
    expect(netmap.domain).toBe('example');
  });

  test('takes an empty list of peers for no change', () => {
    expect(ids(netmapAfter({ Peers: [] }))).toEqual([2, 3]);
  });

  test('takes a full list for all there are, and then no other change of peers from that message', () => {
    const netmap = netmapAfter({
      Peers: [node(4), node(5)],
      PeersRemoved: [4],
      PeersChanged: [node(6)],
      PeersChangedPatch: [{ NodeID: 5, DERPRegion: 9 }],
    });
    expect(ids(netmap)).toEqual([4, 5]);
    expect(netmap.peers.get(5)?.HomeDERP).toBeUndefined();
  });

  test('removes before it changes: a peer named in both stays only where its change is no mere patch', () => {
    const renamed = node(3, { Name: 'other.example.' });
    expect(ids(netmapAfter({ PeersRemoved: [2, 3, 99], PeersChanged: [renamed, node(7)] }))).toEqual([3, 7]);
    expect(ids(netmapAfter({ PeersRemoved: [2, 3], PeersChanged: [node(3), node(7)] }))).toEqual([7]);
  });

  test('replaces a changed peer whole where more changed than a patch can say', () => {
    const renamed = node(3, { Name: 'other.example.', HomeDERP: 5 });
    expect(netmapAfter({ PeersChanged: [renamed] }).peers.get(3)).toEqual(renamed);
  });

  test('takes a whole peer for a patch where it can, and keeps from before what that peer lacks', () => {
    const Name = 'renamed.example.';
    const known = node(2, { Name, Endpoints: ['192.0.2.1:1'], HomeDERP: 4, Online: true, LastSeen: NOW });
    const bare = node(2, { Name, Key: 'nodekey:new', CapMap: { x: null } });
    const netmap = netmapAfter({ PeersChanged: [known] }, { PeersChanged: [bare] });
    expect(netmap.peers.get(2)).toEqual({ ...known, Key: 'nodekey:new', CapMap: { x: null } });
    const said = node(2, { Name, Endpoints: [], HomeDERP: 5, Online: false });
    applyMapResponse(netmap, { PeersChanged: [said] }, NOW);
    expect(netmap.peers.get(2)).toMatchObject({
      Endpoints: [],
      HomeDERP: 5,
      Online: false,
      LastSeen: NOW,
      CapMap: {},
    });
  });

  test('does not learn from a whole peer, taken for a patch, that it is online or when it was seen, if it knew neither', () => {
    const netmap = netmapAfter({ PeersChanged: [node(2, { Online: true, LastSeen: NOW })] });
    expect(netmap.peers.get(2)).toEqual(node(2));
  });

  test('keeps the disco key it knows of a peer that a full list has offline and not seen since', () => {
    const known = node(4, { DiscoKey: 'discokey:aa', LastSeen: NOW });
    const list = (peer: Node): MapResponse => ({ Peers: [node(2), peer] });
    const offline = node(4, { DiscoKey: 'discokey:bb', Online: false, LastSeen: NOW });
    expect(netmapAfter(list(known), list(offline)).peers.get(4)).toEqual({ ...known, Online: false });
    const online = node(4, { DiscoKey: 'discokey:bb', Online: true });
    expect(netmapAfter(list(known), list(online)).peers.get(4)).toEqual(online);
  });

  test('gives a peer without allowed addresses its own, and reads the old form of its relay', () => {
    const old: Node = { ...node(5), AllowedIPs: null, DERP: '127.3.3.40:12' };
    expect(netmapAfter({ PeersChanged: [old] }).peers.get(5)).toEqual(node(5, { HomeDERP: 12 }));
  });

  test('patches only the fields of a patch, after the other changes of the message', () => {
    const patch = {
      NodeID: 2,
      DERPRegion: 7,
      Cap: 142,
      Endpoints: ['192.0.2.1:1'],
      DiscoKey: 'discokey:aa',
      Online: true,
      KeyExpiry: NOW,
      CapMap: { x: null },
    };
    const netmap = netmapAfter({
      OnlineChange: { 2: false },
      PeersChangedPatch: [patch, { NodeID: 77, Online: true }],
    });
    const { NodeID: _id, DERPRegion: HomeDERP, ...rest } = patch;
    expect(netmap.peers.get(2)).toEqual({ ...node(2), ...rest, HomeDERP });
    expect(ids(netmap)).toEqual([2, 3]);
  });

  test('empties endpoints by a patch with an empty list, but nothing by a zero', () => {
    const netmap = netmapAfter(
      { PeersChanged: [node(2, { Endpoints: ['192.0.2.1:1'], HomeDERP: 4, Cap: 100 })] },
      { PeersChangedPatch: [{ NodeID: 2, Endpoints: [], DERPRegion: 0, Cap: 0 }] },
    );
    expect(netmap.peers.get(2)).toEqual(node(2, { Endpoints: [], HomeDERP: 4, Cap: 100 }));
  });

  test('marks peers seen now, or forgets when they were seen', () => {
    const netmap = netmapAfter({ PeerSeenChange: { 2: true, 3: false, 99: true } });
    expect(netmap.peers.get(2)?.LastSeen).toBe(NOW);
    expect(netmap.peers.get(3)).not.toHaveProperty('LastSeen');
    expect(netmap.peers.has(99)).toBe(false);
  });

  test('does not believe a disco key that comes with "offline" and no later sighting', () => {
    const stale = { NodeID: 3, DiscoKey: 'discokey:bb', Online: false, LastSeen: NOW };
    expect(netmapAfter({ PeersChangedPatch: [stale] }).peers.get(3)).toEqual(node(3, { LastSeen: NOW }));
    const later = { ...stale, LastSeen: '2026-03-01T12:00:01Z' };
    expect(netmapAfter({ PeersChangedPatch: [later] }).peers.get(3)?.DiscoKey).toBe('discokey:bb');
  });

  test('joins named filters by name; null removes one, "*": null all that were', () => {
    const rule = (ip: string): { SrcIPs: string[] } => ({ SrcIPs: [ip] });
    const both = netmapAfter(
      { PacketFilter: [rule('b')] },
      { PacketFilters: { a: [rule('a')], z: [rule('z')] } },
    );
    expect(packetFilter(both).map(({ SrcIPs }) => SrcIPs[0])).toEqual(['a', 'b', 'z']);
    applyMapResponse(both, { PacketFilters: { base: null } }, NOW);
    expect(packetFilter(both).map(({ SrcIPs }) => SrcIPs[0])).toEqual(['a', 'z']);
    applyMapResponse(both, { PacketFilters: { '*': null, new: [rule('n')] } }, NOW);
    expect(packetFilter(both).map(({ SrcIPs }) => SrcIPs[0])).toEqual(['n']);
    applyMapResponse(both, { PacketFilter: [] }, NOW);
    expect(both.packetFilters.get('base')).toEqual([]);
  });

  test('keeps its relays when a later map of them has no regions, and drops null ones', () => {
    const region = { RegionID: 900, RegionCode: 'a', RegionName: 'A', Nodes: [] };
    const netmap = netmapAfter(
      { DERPMap: { Regions: { 900: region } } },
      { DERPMap: { HomeParams: { RegionScore: { 900: 0.5 } } } },
    );
    expect(netmap.derpMap).toMatchObject({
      Regions: { 900: region },
      HomeParams: { RegionScore: { 900: 0.5 } },
    });
    const gone = { DERPMap: { Regions: { 900: null, 901: region } } } as unknown as MapResponse;
    applyMapResponse(netmap, gone, NOW);
    expect(Object.keys(netmap.derpMap?.Regions ?? {})).toEqual(['901']);
  });

  test('reads pings and times beside a keep-alive, and nothing else', () => {
    const netmap = netmapAfter({
      KeepAlive: true,
      PingRequest: { URL: 'u' },
      ControlTime: NOW,
      PeersRemoved: [2],
      Domain: 'other',
    });
    expect(netmap.pings).toEqual([{ URL: 'u' }]);
    expect(netmap.controlTime).toBe(NOW);
    expect(ids(netmap)).toEqual([2, 3]);
    expect(netmap.domain).toBe('example');
  });

  test('merges profiles and messages by id', () => {
    const ada = { ID: 1, LoginName: 'ada@example.com', DisplayName: 'Ada' };
    const netmap = netmapAfter(
      { UserProfiles: [ada, { ...ada, ID: 2 }] },
      { UserProfiles: [{ ...ada, DisplayName: 'Ada L.' }] },
      { DisplayMessages: { w: { Title: 't', Text: 'x', Severity: 'low' } } },
    );
    expect([...netmap.users.values()].map(({ DisplayName }) => DisplayName)).toEqual(['Ada L.', 'Ada']);
    expect([...netmap.displayMessages.keys()]).toEqual(['w']);
    applyMapResponse(netmap, { DisplayMessages: { w: null } }, NOW);
    expect(netmap.displayMessages.size).toBe(0);
  });
});
