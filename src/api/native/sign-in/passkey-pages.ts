/** Signing in by a passkey, setting one up, and the script that browsers need for it. */
import { join } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RelyingParty } from '../../../auth/passkeys/ceremony.ts';
import type { PasskeyOutcome } from '../../../auth/passkeys/passkeys.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import { AppError, invalid } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { html } from '../html.ts';
import { sendPage, staticFile } from '../page.ts';
import { fieldsOf } from './forms.ts';
import { nextPage, withNext } from './next-page.ts';
import { memberOf, type PageParts } from './parts.ts';
import { PASSKEY_SCRIPT, requireParty } from './passkey-forms.ts';
import { browserSession, putSession } from './session-cookie.ts';

const SEE_OTHER = 303;
const UNAUTHORIZED = 401;
const WAYS = '/account/sign-in';

type Refused = Extract<PasskeyOutcome, { kind: 'refused' }>;

function words(reason: Refused['reason']): string {
  switch (reason) {
    case 'passkey':
      return 'That passkey did not open anything here, or it took too long. Try again, or sign in another way.';
    case 'suspended':
      return 'This account is suspended. Ask whoever runs the organization.';
    case 'not-approved':
      return 'This account waits for an administrator to approve it.';
    case 'passwords-off':
      return 'This organization lets people sign in by its own provider only.';
  }
}

export function passkeyOperations(parts: PageParts): readonly Operation[] {
  const { services, cookies, forms, originOf } = parts;
  const { passkeys, sessions, store } = services;
  const script = staticFile(join(import.meta.dirname, 'page'), 'passkey.js');

  const partyOf = (request: FastifyRequest): RelyingParty => requireParty(originOf(request));

  const refused = (reply: FastifyReply, reason: Refused['reason'], next: string): FastifyReply =>
    sendPage(
      reply,
      {
        title: 'You are not signed in',
        body: html`
      <h1>You are not signed in</h1>
      <p>${words(reason)}</p>
      <p class="actions"><a class="button" href="${withNext('/login', next)}">Sign in</a></p>`,
      },
      UNAUTHORIZED,
    );

  return [
    {
      id: 'native.passkey.script',
      method: 'GET',
      path: PASSKEY_SCRIPT,
      requires: 'public',
      handle: async ({ request, reply }) => script.send(request, reply),
    },
    {
      id: 'native.passkey.sign-in',
      method: 'POST',
      path: '/login/passkey',
      requires: 'public',
      handle: async ({ request, reply }) => {
        const { passkey = '', credential = '', next: wanted } = fieldsOf(request);
        const next = nextPage(wanted);
        const outcome = await passkeys.signIn({
          rp: partyOf(request),
          browser: forms.browserOf(request),
          state: passkey,
          answer: credential,
          address: request.ip,
        });
        if (outcome.kind === 'refused') return refused(reply, outcome.reason, next);
        // A passkey that asked for a finger or a number is both factors at once.
        const session = { ...browserSession(request), factor: outcome.identity.id };
        putSession(cookies, request, reply, await sessions.open(outcome, session));
        return reply.redirect(outcome.choice ? withNext('/account/organization', next) : next, SEE_OTHER);
      },
    },
    {
      id: 'native.passkey.register',
      method: 'POST',
      path: `${WAYS}/passkey`,
      requires: 'self:write',
      recent: true,
      handle: async ({ request, reply, actor }) => {
        const own = memberOf(actor);
        const member = await store.get('membership', own.org, own.membership);
        if (member === undefined) throw new AppError('unauthenticated', 'sign in again');
        const opened = await sessions.openedWith(own);
        const { passkey = '', credential = '', name = '', after } = fieldsOf(request);
        await passkeys.register({
          member,
          org: opened?.everywhere === true ? INSTALLATION : member.org,
          rp: partyOf(request),
          browser: forms.browserOf(request),
          state: passkey,
          answer: credential,
          name,
          afterPassword: after === 'yes',
        });
        return reply.redirect(WAYS, SEE_OTHER);
      },
    },
    {
      id: 'native.passkey.change',
      method: 'POST',
      path: `${WAYS}/passkey/change`,
      requires: 'self:write',
      recent: true,
      handle: async ({ request, reply, actor }) => {
        const { login, name, after } = fieldsOf(request);
        const id = Number(login);
        if (!Number.isSafeInteger(id) || id <= 0) throw invalid('is not a passkey', 'login');
        await passkeys.change(memberOf(actor), id, {
          ...(name === undefined ? {} : { name }),
          ...(after === undefined ? {} : { afterPassword: after === 'yes' }),
        });
        return reply.redirect(WAYS, SEE_OTHER);
      },
    },
  ];
}
