/** The second step of signing in: a code of the person's factor, or setting one up where the organization wants it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PersonOutcome } from '../../../auth/person-sign-in.ts';
import type { SignInStep } from '../../../auth/sign-in-steps.ts';
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
import { browserSession, putSession } from './session-cookie.ts';

type Pending = Extract<PersonOutcome, { readonly kind: 'second-factor' }>;

interface Proven {
  readonly member: Membership;
  readonly identity: Identity;
}

const SEE_OTHER = 303;
const UNAUTHORIZED = 401;
const ISSUER = 'Holdfast';

export function createFactorStep({ services, cookies, forms }: PageParts): {
  /** Answers a right password that is not enough. */
  readonly ask: (
    request: FastifyRequest,
    reply: FastifyReply,
    pending: Pending,
    next: string,
  ) => Promise<FastifyReply>;
  readonly operations: readonly Operation[];
} {
  const { factors, steps, sessions, store } = services;

  const show = (
    request: FastifyRequest,
    reply: FastifyReply,
    step: SignInStep,
    setup: Html | undefined,
    problem?: string,
  ): FastifyReply => {
    const body = html`
      <h1>${setup === undefined ? 'Your second factor' : 'Set up a second factor'}</h1>
      ${setup === undefined ? undefined : html`<p>This organization asks for one.</p>${setup}`}
      <form method="post" action="/login/factor">
        ${forms.tokenField(request, reply)}
        <input type="hidden" name="state" value="${steps.seal(step, forms.browserOf(request))}">
        ${codeField(setup === undefined ? 'Code of your app, or a recovery code' : 'Code', problem)}
        <div class="actions"><button type="submit">Go on</button></div>
      </form>`;
    const title = 'Second factor';
    return sendPage(reply, { title, body }, problem === undefined ? undefined : UNAUTHORIZED);
  };

  /** Who gave the password, if that still holds. */
  const proven = async (step: SignInStep): Promise<Proven> => {
    const member = await store.get('membership', step.org, step.membership);
    const identity = await store.get('identity', step.identityOrg, step.identity);
    const holds =
      member !== undefined && memberState(member) === 'active' && identity?.account === member.account;
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
    ask: async (request, reply, { member, identity, choice, factor }, next) => {
      const proposed = factor === undefined ? factors.propose(ISSUER, member) : undefined;
      const step: SignInStep = {
        org: member.org,
        membership: member.id,
        identityOrg: identity.org,
        identity: identity.id,
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
    ],
  };
}
