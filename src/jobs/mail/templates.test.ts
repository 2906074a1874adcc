import { expect, test } from 'vitest';
import type { Mail } from '../../domain/mail/mail-service.ts';
import { mailText } from './templates.ts';

const organization = {
  org: 0,
  id: 7,
  nano: 'n',
  label: 'acme',
  name: 'Acme',
  tailnetName: 'acme.test',
  domains: ['acme.test'],
  zoneNano: 'z',
  dnsBase: 'holdfast.internal',
  parent: 0,
  createdAt: 0,
  updatedAt: 0,
  byKind: '',
  byId: '',
  byName: '',
};
const invitation: Mail = {
  kind: 'invitation',
  organization,
  secret: 'secret',
  expiresAt: Date.UTC(2030, 0, 2, 3, 4),
  inviter: 'alice@acme.test',
};

test('an invitation names who invites, to what, until when, and where to accept', () => {
  const { subject, text } = mailText(invitation, 'https://net.acme.test/');
  expect(subject).toBe('You are invited to Acme');
  expect(text).toContain('alice@acme.test invites you');
  expect(text).toContain('\nhttps://net.acme.test/login/invitation/7-secret\n');
  expect(text).toContain('2030-01-02 03:04 UTC');
});

test('a name of several lines stays on one, and within bounds', () => {
  const name = `Acme\r\nBcc: all@acme.test\u2028${'x'.repeat(500)}`;
  const { subject, text } = mailText(
    { ...invitation, organization: { ...organization, name } },
    'https://a/',
  );
  expect(subject).toMatch(/^You are invited to Acme Bcc: all@acme\.test x+$/u);
  expect(subject.length).toBeLessThan(150);
  expect(text.split('\n')[0]).toContain('Acme Bcc');
});
