/** The second step of signing in: a code of the person's factor, or setting one up where the organization wants it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PersonOutcome } from '../../../auth/person-sign-in.ts';
import { proofOf, type SignInStep } from '../../../auth/sign-in-steps.ts';
import type { Identity, Membership } from '../../../domain/model/people.ts';
import { memberState } from '../../../domain/people/member-state.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { type Html, html } from '../html.ts';
import { sendPage } from '../page.ts';
import { codeField, recoveryList, setupSteps, WRONG_CODE } from './factor-forms.ts';
import { fieldsOf } from './forms.ts';
import { nextPage, withNext } from './next-page.ts';
import type { PageParts } from './parts.ts';
import { passkeyPart, relyingParty, scriptFor } from './passkey-forms.ts';
import { browserSession, putSession } from './session-cookie.ts';

type Pending = Extract<PersonOutcome, { readonly kind: 'second-factor' }>;

interface Proven {
  readonly member: Membership;
  readonly identity: Identity;
}

const SEE_OTHER = 303;
const UNAUTHORIZED = 401;
const ISSUER = 'Holdfast';
const WRONG_PASSKEY = 'That passkey is not right here, or it took too long. Try again.';

export function createFactorStep({ services, cookies, forms, originOf }: PageParts): {
  /** Answers a right password that is not enough. */
  readonly ask: (
    request: FastifyRequest,
    reply: FastifyReply,
    pending: Pending,
    next: string,
  ) => Promise<FastifyReply>;
  readonly operations: readonly Operation[];
} {
  const { factors, passkeys, steps, sessions, store } = services;

  const show = async (
    request: FastifyRequest,
    reply: FastifyReply,
    step: SignInStep,
    setup: Html | undefined,
    problem?: string,
  ): Promise<FastifyReply> => {
    const member = await store.get('membership', step.org, step.membership);
    const browser = forms.browserOf(request);
    const rp = relyingParty(originOf(request));
    const prepared =
      member === undefined || rp === undefined
        ? undefined
        : await passkeys.prepareFactor(member, rp, browser);
    const codes = setup !== undefined || (member !== undefined && (await factors.of(member)) !== undefined);
    const fields = html`${forms.tokenField(request, reply)}
        <input type="hidden" name="state" value="${steps.seal(step, browser)}">`;
    const part =
      prepared &&
      passkeyPart({
        ceremony: 'get',
        prepared,
        action: '/login/factor/passkey',
        fields,
        label: 'Use a passkey',
        quiet: codes,
      });
    const code = html`<form method="post" action="/login/factor">
        ${fields}
        ${codeField(setup === undefined ? 'Code of your app, or a recovery code' : 'Code', codes ? problem : undefined)}
        <div class="actions"><button type="submit">Go on</button></div>
      </form>`;
    const body = html`
      <h1>${setup === undefined ? 'Your second factor' : 'Set up a second factor'}</h1>
      ${codes ? undefined : html`<p>Signing in as you takes a passkey as well. Have it ready.</p><p class="error" role="alert">${problem}</p>`}
      ${setup === undefined ? undefined : html`<p>This organization asks for one.</p>${setup}`}
      ${codes ? code : undefined}
      ${codes && part !== undefined ? html`<p class="or" data-needs-passkey hidden>or</p>` : undefined}
      ${part}
      ${
        codes || part !== undefined
          ? undefined
          : html`<p>Passkeys do not work under this address. Open the server by its own name.</p>`
      }`;
    return sendPage(
      reply,
      { title: 'Second factor', body, ...scriptFor(rp) },
      problem === undefined ? undefined : UNAUTHORIZED,
    );
  };

  /** Who gave the password, if that still holds. */
  const proven = async (step: SignInStep): Promise<Proven> => {
    const member = await store.get('membership', step.org, step.membership);
    const identity = await store.get('identity', step.identityOrg, step.identity);
    const holds =
      member !== undefined &&
      memberState(member) === 'active' &&
      identity?.account === member.account &&
      proofOf(identity) === step.proof;
    if (!holds) throw new AppError('unauthenticated', 'sign in again');
    return { member, identity };
  };

  const open = async (
    request: FastifyRequest,
    reply: FastifyReply,
    step: SignInStep,
    { member, identity }: Proven,
    factor: number,
  ): Promise<string> => {
    const session = { ...browserSession(request), factor };
    putSession(cookies, request, reply, await sessions.open({ member, identity }, session));
    const next = nextPage(step.next);
    return step.choice ? withNext('/account/organization', next) : next;
  };

  return {
    ask: async (request, reply, { member, identity, choice, maySetUp }, next) => {
      const proposed = maySetUp ? factors.propose(ISSUER, member) : undefined;
      const step: SignInStep = {
        org: member.org,
        membership: member.id,
        identityOrg: identity.org,
        identity: identity.id,
        proof: proofOf(identity),
        choice,
        next,
        secret: proposed?.secret ?? null,
      };
      return show(request, reply, step, proposed && setupSteps(proposed.uri));
    },
    operations: [
      {
        id: 'native.sign-in.factor',
        method: 'POST',
        path: '/login/factor',
        requires: 'public',
        handle: async ({ request, reply }) => {
          const { state = '', code = '' } = fieldsOf(request);
          const step = steps.open(state, forms.browserOf(request));
          const person = await proven(step);
          const { member } = person;
          if (step.secret !== null) {
            const made = await factors.enroll(member, step.identityOrg, step.secret, code);
            if (made === undefined)
              return show(request, reply, step, html`<p>Type the code that your app shows.</p>`, WRONG_CODE);
            const to = await open(request, reply, step, person, made.factor.id);
            const body = html`
      <h1>Your second factor is set up</h1>
      ${recoveryList(made.recoveryCodes)}
      <p class="actions"><a class="button" href="${to}">Go on</a></p>`;
            return sendPage(reply, { title: 'Recovery codes', body });
          }
          const factor = await factors.of(member);
          // Taken away meanwhile by whoever may: the password is asked for again, and says what holds now.
          if (factor === undefined) throw new AppError('unauthenticated', 'sign in again');
          if (!(await factors.verify(factor, member, code))) {
            return show(request, reply, step, undefined, WRONG_CODE);
          }
          return reply.redirect(await open(request, reply, step, person, factor.id), SEE_OTHER);
        },
      },
      {
        id: 'native.sign-in.factor.passkey',
        method: 'POST',
        path: '/login/factor/passkey',
        requires: 'public',
        handle: async ({ request, reply }) => {
          const { state = '', passkey = '', credential = '' } = fieldsOf(request);
          const browser = forms.browserOf(request);
          const step = steps.open(state, browser);
          const person = await proven(step);
          const rp = relyingParty(originOf(request));
          const shown = rp && (await passkeys.verifyFactor(person.member, rp, browser, passkey, credential));
          if (shown === undefined) {
            const again = step.secret === null ? undefined : html`<p>Type the code that your app shows.</p>`;
            return show(request, reply, step, again, WRONG_PASSKEY);
          }
          return reply.redirect(await open(request, reply, step, person, shown.id), SEE_OTHER);
        },
      },
    ],
  };
}
