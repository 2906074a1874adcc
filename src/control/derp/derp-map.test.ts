import { describe, expect, test } from 'vitest';
import { derpMapOf } from './derp-map.ts';

const PIN = `sha256-raw:${'ab'.repeat(32)}`;
const nodeOf = (place: Parameters<typeof derpMapOf>[0]) => derpMapOf(place).Regions?.['999']?.Nodes[0];

describe('the map of the embedded relay', () => {
  test('is one region of the self-hosted ids, without the public ones', () => {
    expect(derpMapOf({ host: '10.0.0.5', port: 8485, stunPort: 3478, pin: PIN })).toEqual({
      omitDefaultRegions: true,
      Regions: {
        '999': {
          RegionID: 999,
          RegionCode: 'holdfast',
          RegionName: 'Holdfast',
          Nodes: [
            {
              Name: '999a',
              RegionID: 999,
              HostName: 'relay.holdfast.internal',
              IPv4: '10.0.0.5',
              IPv6: 'none',
              DERPPort: 8485,
              STUNPort: 3478,
              CertName: PIN,
            },
          ],
        },
      },
    });
  });

  test('turns off the family that an address is not of', () => {
    expect(nodeOf({ host: 'fd00::5', port: 1, stunPort: 1, pin: PIN })).toMatchObject({
      IPv4: 'none',
      IPv6: 'fd00::5',
    });
  });

  test('leaves a name to be looked up, and a trusted certificate unpinned', () => {
    const node = nodeOf({ host: 'net.example.com', port: 443, stunPort: undefined, pin: undefined });
    expect(node).toEqual({
      Name: '999a',
      RegionID: 999,
      HostName: 'net.example.com',
      DERPPort: 443,
      STUNPort: -1,
    });
  });
});
