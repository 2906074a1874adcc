import { describe, expect, it } from 'vitest';
import type { NamedPlace } from '../effective-policy/named-places.ts';
import { flowTexts } from './flow-texts.ts';

const BARE = {
  ...{ kind: 'address', name: null, resourceAddress: null, part: false, except: [] },
  ...{ network: null, route: null, carrier: null },
} as const satisfies Omit<NamedPlace, 'addresses'>;
const ALL = { first: 0, last: 65_535 };
const flow = (
  protocol: number,
  ports: { first: number; last: number },
  own: boolean,
  ...behind: string[]
) => ({
  ...{ protocol, ...ports, own, behind, ownFamily: null },
  places: behind.map((text) => ({ ...BARE, addresses: [text] })),
});
const port = (number: number) => ({ first: number, last: number });

describe('traffic in lines', () => {
  it('says what is at the destination itself by itself', () => {
    expect(flowTexts([flow(6, port(22), true), flow(1, ALL, true)])).toEqual(['tcp 22', 'icmp']);
  });

  it('says which of its two addresses is meant where one is', () => {
    const only = (family: 4 | 6) => ({ ...flow(6, port(22), true), ownFamily: family });
    expect(flowTexts([only(4)])).toEqual(['tcp 22 at its own IPv4 address']);
    expect(flowTexts([only(6), flow(6, port(443), true)])).toEqual([
      'tcp 22 at its own IPv6 address',
      'tcp 443',
    ]);
  });

  it('names the places of equal traffic in one line', () => {
    expect(flowTexts([flow(6, port(25), true, '100.80.0.1')])).toEqual([
      'tcp 25 at its own address, 100.80.0.1',
    ]);
  });

  it('joins what other places cut, and calls everything so', () => {
    const rest = ['10.88.0.4', '10.88.0.6'];
    const flows = [
      flow(6, { first: 0, last: 79 }, false, ...rest),
      flow(6, port(80), false, '10.88.0.2', ...rest),
      flow(6, { first: 81, last: 65_535 }, false, ...rest),
      ...[17, 1, 58].map((protocol) => flow(protocol, ALL, false, ...rest)),
    ];
    expect(flowTexts(flows)).toEqual(['everything at 10.88.0.4, 10.88.0.6', 'tcp 80 at 10.88.0.2']);
  });

  it('says what everything lacks where that is shorter', () => {
    const rest = [17, 1, 58].map((protocol) => flow(protocol, ALL, true));
    const tcp = (first: number, last: number) => flow(6, { first, last }, true);
    expect(flowTexts([tcp(0, 79), tcp(81, 442), tcp(444, 65_535), ...rest])).toEqual([
      'everything but tcp 80, tcp 443',
    ]);
    expect(flowTexts([tcp(1, 65_535), ...rest, flow(47, ALL, true)])).toEqual([
      'everything but tcp 0',
      'protocol 47 any port',
    ]);
    expect(flowTexts([tcp(80, 80), ...rest])).toEqual(['tcp 80', 'udp any port', 'icmp', 'icmpv6']);
  });

  it('leaves apart what is not everything', () => {
    const flows = [6, 17, 1, 47].map((protocol) => flow(protocol, ALL, true));
    expect(flowTexts(flows)).toEqual(['tcp any port', 'udp any port', 'icmp', 'protocol 47 any port']);
  });
});
