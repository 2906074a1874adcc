import { describe, expect, it } from 'vitest';
import { createRouter, type MachineRoute } from './router.ts';

const route = (method: MachineRoute['method'], path: string): MachineRoute => ({
  method,
  path,
  handle: async () => undefined,
});
const match = createRouter([
  route('POST', '/machine/map'),
  route('GET', '/machine/ssh/action/{src}/to/{dst}'),
]);

describe('the routes of devices', () => {
  it('are found by method and path', () => {
    expect(match('POST', '/machine/map')?.route.path).toBe('/machine/map');
    expect(match('GET', '/machine/map')).toBeUndefined();
    expect(match('POST', '/machine/map/')).toBeUndefined();
  });

  it('give the open parts of the path, decoded, and the query', () => {
    const found = match('GET', '/machine/ssh/action/7/to/%38?local_user=a%20b');
    expect(found?.params).toEqual({ src: '7', dst: '8' });
    expect(found?.query.get('local_user')).toBe('a b');
  });

  it.each(['/machine/ssh/action/%zz/to/8', `/machine/ssh/action/${'7'.repeat(5_000)}/to/8`, ''])(
    'do not know %s',
    (target) => {
      expect(match('GET', target)).toBeUndefined();
    },
  );
});
