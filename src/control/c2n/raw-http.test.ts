import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCall, parseAnswer } from './raw-http.ts';

const parsed = (text: string) => {
  const answer = parseAnswer(Buffer.from(text, 'latin1'));
  return answer === undefined ? undefined : [answer.status, answer.body.toString('utf8')];
};

describe('questions to clients', () => {
  it('are plain requests', () => {
    expect(formatCall({ method: 'GET', path: '/vip-services' }).toString()).toBe(
      'GET /vip-services HTTP/1.1\r\nHost: client.invalid\r\n\r\n',
    );
  });

  it('say how many bytes their body has', () => {
    expect(formatCall({ method: 'POST', path: '/echo', body: '"é"' }).toString()).toContain(
      'Content-Length: 4\r\n\r\n"é"',
    );
  });
});

describe('answers of clients', () => {
  it.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', [200, '{}']],
    ['to the end', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"a":1}', [200, '{"a":1}']],
    [
      'in chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n',
      [200, '{"a":1}'],
    ],
    ['without a body', 'HTTP/1.0 404 Not Found\r\n\r\n', [404, '']],
  ])('are read %s', (_, text, expected) => {
    expect(parsed(text)).toEqual(expected);
  });

  it.each([
    ['not HTTP', 'hello\r\n\r\n'],
    ['cut before the end of the headers', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'],
    ['shorter than they say', 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}'],
    ['of a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}'],
    ['cut within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}'],
    ['without a last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'],
  ])('are refused when they are %s', (_, text) => {
    expect(parsed(text)).toBeUndefined();
  });

  it('of any bytes end in an answer or in none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const head = Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'latin1');
        expect(() => parseAnswer(Buffer.concat([head, bytes]))).not.toThrow();
        expect(() => parseAnswer(Buffer.from(bytes))).not.toThrow();
      }),
    );
  });
});
