import { describe, expect, it } from 'vitest';
import { EMPTY_CONTEXT, PolicyError, parsePolicy, relaysOf, validatePolicy, withRelays } from './index.ts';

const policyOf = (derpMap: unknown) => parsePolicy(JSON.stringify({ derpMap }));
const node = { name: '900a', regionID: 900, hostName: 'relay.a.test' };
const region = (nodes: unknown = [node], more = {}) => ({
  regionID: 900,
  regionCode: 'a',
  regionName: 'A',
  nodes,
  ...more,
});
const regions = (value: unknown) => ({ regions: { 900: value } });

function refusal(derpMap: unknown): string | undefined {
  try {
    validatePolicy(policyOf(derpMap), EMPTY_CONTEXT);
    return undefined;
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
}

describe('the relays of a policy', () => {
  const ours = { 1: { RegionID: 1 }, 2: { RegionID: 2 } };
  const merged = (derpMap: unknown) => withRelays<object>(ours, relaysOf(policyOf(derpMap)));

  it('are added to the others, replace one, and take one away', () => {
    const more = {
      ...{ certName: 'x', ipv4: '192.0.2.1', ipv6: 'none', stunPort: -1, stunOnly: false, derpPort: 8443 },
    };
    const made = merged({ regions: { 900: region([{ ...node, ...more }], { avoid: true }), 2: null } });
    expect(made).toEqual({
      1: { RegionID: 1 },
      900: {
        ...{ RegionID: 900, RegionCode: 'a', RegionName: 'A', Avoid: true },
        Nodes: [
          {
            ...{ Name: '900a', RegionID: 900, HostName: 'relay.a.test', CertName: 'x', IPv4: '192.0.2.1' },
            ...{ IPv6: 'none', STUNPort: -1, STUNOnly: false, DERPPort: 8443 },
          },
        ],
      },
    });
  });

  it('are the only ones where the others are left out', () => {
    expect(Object.keys(merged({ OmitDefaultRegions: true, Regions: { 900: region() } }))).toEqual(['900']);
  });

  it('are nothing where the file says nothing, or what cannot be read', () => {
    expect(withRelays(ours, relaysOf(parsePolicy('{}')))).toEqual(ours);
    expect(merged('elsewhere')).toEqual(ours);
    expect(merged(null)).toEqual(ours);
  });

  it.each([
    ['derpMap must be an object', []],
    ['unknown field: "relays"', { relays: {} }],
    ['omitDefaultRegions must be true or false', { omitDefaultRegions: 1 }],
    ['regions must be an object', { regions: [] }],
    ['a region must be named by its number', { regions: { paris: null } }],
    ['regionID must be 900, as the region is named', regions({ ...region(), regionID: 901 })],
    ['regionID must be 900, as the region is named', regions({ nodes: [] })],
    ['nodes must be an array', regions(region({}))],
    ['name must be specified', regions(region([{ hostName: 'x' }]))],
    ['hostName must be specified', regions(region([{ name: 'x' }]))],
    ['regionID must be 900, that of the region', regions(region([{ ...node, regionID: 7 }]))],
    ['"::1" is neither "none" nor an address', regions(region([{ ...node, ipv4: '::1' }]))],
    ['derpPort must be a whole number from 0 to 65535', regions(region([{ ...node, derpPort: 65_536 }]))],
    [
      'regionName must be a text of at most 255 characters',
      regions(region([], { regionName: 'x'.repeat(256) })),
    ],
    ['more than 50 nodes', regions(region(Array(51).fill(node)))],
    [
      'more than 100 regions',
      { regions: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [i + 1, null])) },
    ],
  ])('are refused when a file is saved: %s', (problem, derpMap) => {
    expect(refusal(derpMap)).toBe(`derpMap: ${problem}`);
    expect(refusal(regions(region()))).toBeUndefined();
  });
});
