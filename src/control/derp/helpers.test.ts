import { describe, expect, test } from 'vitest';
import { relayAnswer } from './helpers.ts';

const ask = (method: string, url: string, headers = {}) => relayAnswer({ method, url, headers });

describe('the helpers of a relay', () => {
  test.each(['/derp/probe', '/derp/latency-check', '/derp/probe?x=1'])(
    '%s may be read from anywhere',
    (url) => {
      for (const method of ['GET', 'HEAD']) {
        expect(ask(method, url)).toEqual({ status: 200, headers: { 'Access-Control-Allow-Origin': '*' } });
      }
      expect(ask('POST', url)?.status).toBe(405);
    },
  );

  test('the portal check is never kept, and repeats a challenge that is one', () => {
    const cacheControl = 'no-cache, no-store, must-revalidate, no-transform, max-age=0';
    expect(ask('GET', '/generate_204')).toEqual({ status: 204, headers: { 'Cache-Control': cacheControl } });
    expect(ask('GET', '/generate_204', { 'x-tailscale-challenge': 'ts_a.b-c:1' })?.headers).toEqual({
      'Cache-Control': cacheControl,
      'X-Tailscale-Response': 'response ts_a.b-c:1',
    });
    for (const bad of ['a b', 'x'.repeat(65), '<script>', '']) {
      expect(ask('GET', '/generate_204', { 'x-tailscale-challenge': bad })?.headers).toEqual({
        'Cache-Control': cacheControl,
      });
    }
  });

  test('/derp without an upgrade asks for one', () => {
    expect(ask('GET', '/derp')).toMatchObject({ status: 426, headers: { Upgrade: 'DERP' } });
  });

  test('other paths are not theirs', () => {
    expect(ask('GET', '/')).toBeUndefined();
    expect(ask('GET', '/derp/')).toBeUndefined();
  });
});
