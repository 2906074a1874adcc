import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { bodyOf, type EncodedEvent, signatureHeader } from './message.ts';

const event = (message: string, json = JSON.stringify({ message })): EncodedEvent => ({
  type: 'test',
  message,
  json,
});

test('the signature is of the time and the body, with the whole secret as key', () => {
  const mac = createHmac('sha256', 'tskey-webhook-x').update('1700000000.[]').digest('hex');
  expect(signatureHeader('tskey-webhook-x', '[]', 1_700_000_000_999)).toEqual({
    'tailscale-webhook-signature': `t=1700000000,v1=${mac}`,
  });
});

test('events of several entries are one array', () => {
  const body = bodyOf('', [[event('a'), event('b')], [event('c')]]);
  expect(JSON.parse(body.text)).toEqual([{ message: 'a' }, { message: 'b' }, { message: 'c' }]);
  expect(body.entries).toBe(3 - 1);
});

test('what is too long for one request waits for the next, and one entry always goes', () => {
  const long = event('x', JSON.stringify('x'.repeat(600_000)));
  expect(bodyOf('', [[long], [long]]).entries).toBe(1);
  expect(bodyOf('', [[long, long, long]]).entries).toBe(1);
});

test('a chat gets as many messages as it takes, and a longer one cut', () => {
  const many = Array.from({ length: 50 }, (_, i) => [event(`${i}`.padEnd(99, 'x'))]);
  const { text, entries } = bodyOf('discord', many);
  expect(entries).toBe(20);
  expect((JSON.parse(text) as { content: string }).content.length).toBe(1_999);
  const cut = JSON.parse(bodyOf('discord', [[event('y'.repeat(5_000))]]).text) as { content: string };
  expect(cut.content).toHaveLength(2_000);
  expect(cut.content.endsWith('…')).toBe(true);
});

test.each([
  ['slack', '<!channel> & <@U1>', '&lt;!channel&gt; &amp; &lt;@U1&gt;'],
  ['googlechat', '<users/all>', '‹users/all›'],
  ['mattermost', '@channel bob@acme.test', '@\u200bchannel bob@acme.test'],
])('on %s a name calls nobody', (chat, message, expected) => {
  expect(JSON.parse(bodyOf(chat, [[event(message)]]).text)).toEqual({ text: expected });
});
