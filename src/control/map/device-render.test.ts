import { describe, expect, it } from 'vitest';
import { type DeviceRender, type PatchableFields, patchBetween } from './device-render.ts';

const FIELDS: PatchableFields = {
  Key: '"nodekey:aa"',
  KeyExpiry: '"2030-01-01T00:00:00.000Z"',
  DiscoKey: '"discokey:aa"',
  Endpoints: '["192.0.2.1:1"]',
  HomeDERP: '1',
  Online: 'true',
  LastSeen: '',
  Cap: '142',
};
const render = (patchable: Partial<PatchableFields> = {}, fixed = '"ID":7'): DeviceRender => ({
  id: 7,
  users: [1],
  fixed,
  patchable: { ...FIELDS, ...patchable },
  peer: () => '',
});
const patch = (after: DeviceRender, before = render()): unknown => {
  const text = patchBetween(before, after);
  return text === undefined || text === '' ? text : JSON.parse(text);
};

describe('the patch between two states of a device', () => {
  it('is empty when nothing differs', () => {
    expect(patch(render())).toBe('');
  });

  it('names only what differs, the home relay by its name in patches', () => {
    expect(patch(render({ HomeDERP: '9', Endpoints: '["192.0.2.2:1"]' }))).toEqual({
      NodeID: 7,
      DERPRegion: 9,
      Endpoints: ['192.0.2.2:1'],
    });
  });

  it('clears endpoints by an empty list', () => {
    expect(patch(render({ Endpoints: '' }))).toEqual({ NodeID: 7, Endpoints: [] });
  });

  it.each(['Key', 'KeyExpiry', 'DiscoKey', 'HomeDERP', 'Cap'] as const)(
    'cannot clear %s, which a client would read as unchanged',
    (name) => {
      expect(patch(render({ [name]: '' }))).toBeUndefined();
    },
  );

  it('lets the time of the last sighting go without a word when a device comes back', () => {
    const away = render({ Online: 'false', LastSeen: '"2026-01-01T00:00:00.000Z"' });
    expect(patch(render(), away)).toEqual({ NodeID: 7, Online: true });
    expect(patch(away)).toEqual({ NodeID: 7, Online: false, LastSeen: '2026-01-01T00:00:00.000Z' });
  });

  it('cannot say what is outside of patches', () => {
    expect(patch(render({}, '"ID":7,"Name":"other."'))).toBeUndefined();
  });
});
