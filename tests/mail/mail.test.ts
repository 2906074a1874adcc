import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMailSecrets } from '../../src/auth/mail-secrets.ts';
import { createContactService } from '../../src/domain/contacts/contact-service.ts';
import { createMailService } from '../../src/domain/mail/mail-service.ts';
import type { Invitation } from '../../src/domain/model/people.ts';
import { createMailWorker } from '../../src/jobs/mail/mail-worker.ts';
import { createSmtpTransport } from '../../src/jobs/mail/smtp.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { createOutbox } from '../../src/store/outbox.ts';
import { ENGINES } from '../support/engines.ts';
import { createMailServer, type MailServer } from '../support/mail-server.ts';
import { until } from '../support/until.ts';
import { createRig, type Rig } from '../webhooks/rig.ts';

const DAY_MS = 86_400_000;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe.each(ENGINES)('mails on %s', (engine) => {
  let rig: Rig;
  let server: MailServer;
  const undo: (() => unknown)[] = [];
  beforeEach(async () => {
    rig = await createRig(engine);
    server = await createMailServer();
  });
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
    await server.close();
    await rig.close();
  });

  /** `url`: of the mail server; null: none is configured. */
  const deliver = (url: string | null = server.url): void => {
    const transport =
      url === null ? undefined : createSmtpTransport({ smtpUrl: url, from: 'Holdfast <net@acme.test>' });
    const worker = createMailWorker({
      outbox: createOutbox({ engine: rig.engine, clock: systemClock }),
      mails: createMailService({
        store: rig.store,
        clock: systemClock,
        secrets: createMailSecrets(Buffer.alloc(32, 7)),
      }),
      transport,
      url: 'https://net.acme.test/',
      holder: 'one',
      clock: systemClock,
      random: systemRandom,
      onError: (error) => rig.errors.push(error),
      pollMs: 20,
    });
    worker.start();
    undo.push(async () => {
      await worker.close();
      transport?.close();
    });
  };
  const outbox = async () => (await rig.rows('outbox')).filter(({ kind }) => kind === 'mail');
  const invite = (email: string): Promise<Invitation> =>
    rig.write(async (tx) => {
      const invitation = await tx.insert('invitation', {
        org: rig.org,
        id: tx.newId(),
        nano: email.padEnd(26, 'x').slice(0, 26),
        email,
        openKey: email,
        membership: null,
        role: 'member',
        groups: [],
        madeBy: 'tailscale',
        tokenHash: null,
        epoch: 1,
        tries: 0,
        status: 'pending',
        createdAt: tx.now,
        expiresAt: tx.now + DAY_MS,
        lastSentAt: null,
        acceptedBy: null,
        byKind: 'membership',
        byId: '1',
        byName: 'owner@acme.test',
      });
      const payload = { template: 'invitation', invitation: invitation.id };
      tx.enqueue(rig.org, { kind: 'mail', target: email, payload });
      return invitation;
    });

  test('an invitation is mailed with a link of which only the hash is kept', async () => {
    const { id } = await invite('bob@acme.test');
    deliver();
    await until(() => server.mails.length === 1);
    const [mail] = server.mails;
    expect(mail).toMatchObject({ to: ['bob@acme.test'], from: 'net@acme.test' });
    const secret = /https:\/\/net\.acme\.test\/login\/invitation\/\d+-([\w-]{43})\n/u.exec(
      mail?.text ?? '',
    )?.[1];
    expect(secret).toBeDefined();
    const stored = await rig.store.get('invitation', rig.org, id);
    expect(stored?.tokenHash).toBe(sha256(secret ?? ''));
    expect(stored?.lastSentAt).not.toBeNull();
    await until(async () => (await outbox()).length === 0);
  });

  test('a contact is asked to confirm its address; an address that was replaced meanwhile is not', async () => {
    const contacts = createContactService({ store: rig.store });
    await contacts.set(rig.actor, 'security', 'old@acme.test', 'tailscale-api');
    await contacts.set(rig.actor, 'security', 'new@acme.test', 'tailscale-api');
    deliver();
    await until(async () => (await outbox()).length === 0);
    expect(server.mails.map(({ to }) => to)).toEqual([['new@acme.test']]);
    expect(server.mails[0]?.text).toContain('https://net.acme.test/verify/contact/');
    expect((await rig.store.get('contact', rig.org, { kind: 'security' }))?.tokenHash).toMatch(
      /^[0-9a-f]{64}$/u,
    );
  });

  test('an invitation that was revoked before its mail went out is not mailed', async () => {
    const { id } = await invite('bob@acme.test');
    await rig.write((tx) => tx.update('invitation', rig.org, id, { status: 'revoked', openKey: null }));
    deliver();
    await until(async () => (await outbox()).length === 0);
    expect(server.mails).toEqual([]);
  });

  test('a mail that the server does not take now is sent again, with the same link', async () => {
    server.refuse = () => 451;
    await invite('bob@acme.test');
    deliver();
    await until(
      async () => Number((await outbox())[0]?.attempt) >= 1 && (await outbox())[0]?.lastError !== null,
    );
    const hash = (await rig.store.find('invitation', rig.org, {}))[0]?.tokenHash;
    server.refuse = () => 0;
    await until(() => server.mails.length === 1);
    const secret = /\d+-([\w-]{43})\n/u.exec(server.mails[0]?.text ?? '')?.[1] ?? '';
    expect(sha256(secret)).toBe(hash);
  });

  test('an address that the server will never take is given up, and holds up no other', async () => {
    server.refuse = (address) => (address === 'nobody@acme.test' ? 550 : 0);
    await invite('nobody@acme.test');
    await invite('bob@acme.test');
    deliver();
    await until(async () => server.mails.length === 1 && (await outbox()).every(({ dead }) => dead !== null));
    const [dead] = await outbox();
    expect(dead).toMatchObject({ target: 'nobody@acme.test', lastError: expect.stringContaining('550') });
  });

  test('without a mail server nothing waits: mails are given up with the reason', async () => {
    await invite('bob@acme.test');
    deliver(null);
    await until(async () => (await outbox()).every(({ dead }) => dead !== null));
    expect((await outbox())[0]?.lastError).toContain('--smtp-url');
  });

  test('a server that is away is tried again', async () => {
    const { url } = server;
    await server.close();
    await invite('bob@acme.test');
    deliver(url);
    await until(async () => (await outbox())[0]?.lastError !== null);
    expect((await outbox())[0]?.dead).toBeNull();
  });
});
