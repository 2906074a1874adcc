import { describe, expect, test } from 'vitest';
import { keyResponse } from './key-response.ts';

const KEY = 'mkey:7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13';

describe('GET /key', () => {
  test('gives the Noise key and a zero legacy key', () => {
    const { status, headers, body } = keyResponse(KEY, '142');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({ legacyPublicKey: `mkey:${'0'.repeat(64)}`, publicKey: KEY });
  });

  test('may be asked by a page of any origin', () => {
    expect(keyResponse(KEY, '142').headers['access-control-allow-origin']).toBe('*');
  });

  test.each([[undefined], [null], ['']])('without a version (%s) is 400', (capver) => {
    expect(keyResponse(KEY, capver)).toMatchObject({ status: 400, body: 'capability version must be set\n' });
  });

  test.each(['abc', '1.5', '142x', ' 142', '0x8e', '99999999999'])(
    'with the version "%s" is 400',
    (capver) => {
      expect(keyResponse(KEY, capver)).toMatchObject({ status: 400, body: 'invalid capability version\n' });
    },
  );

  test('is empty for versions before Noise', () => {
    expect(keyResponse(KEY, '38')).toMatchObject({ status: 200, body: '' });
    expect(keyResponse(KEY, '39').body).not.toBe('');
  });
});
