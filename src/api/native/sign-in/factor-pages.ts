/** A person's own second factor: set up, and removed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SignInStep } from '../../../auth/sign-in-steps.ts';
import type { Membership } from '../../../domain/model/people.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { type Html, html } from '../html.ts';
import { sendPage } from '../page.ts';
import { codeField, recoveryList, setupSteps, WRONG_CODE } from './factor-forms.ts';
import { fieldsOf } from './forms.ts';
import { DEFAULT_PAGE } from './next-page.ts';
import { type MemberActor, memberOf, type PageParts } from './parts.ts';

const SEE_OTHER = 303;
const BAD_REQUEST = 400;
const ISSUER = 'Holdfast';
const PAGE = '/account/second-factor';

export function factorOperations({ services, forms }: PageParts): readonly Operation[] {
  const { factors, steps, sessions, store } = services;

  const membershipOf = async (actor: MemberActor): Promise<Membership> => {
    const member = await store.get('membership', actor.org, actor.membership);
    if (member === undefined) throw new AppError('unauthenticated', 'sign in again');
    return member;
  };

  const page = (reply: FastifyReply, body: Html, problem: string | undefined): FastifyReply =>
    sendPage(reply, { title: 'Second factor', body }, problem === undefined ? undefined : BAD_REQUEST);

  const showRemoval = (request: FastifyRequest, reply: FastifyReply, problem?: string): FastifyReply =>
    page(
      reply,
      html`
      <h1>Your second factor is on</h1>
      <p>Signing in asks for a code of your authenticator app.</p>
      <form method="post" action="${PAGE}/remove">
        ${forms.tokenField(request, reply)}
        ${codeField('To remove it, a code of the app or a recovery code', problem)}
        <div class="actions"><button type="submit" class="quiet">Remove</button></div>
      </form>
      <p><a href="/account">Back</a></p>`,
      problem,
    );

  const showSetup = (
    request: FastifyRequest,
    reply: FastifyReply,
    step: SignInStep,
    how: Html,
    problem?: string,
  ): FastifyReply =>
    page(
      reply,
      html`
      <h1>Set up a second factor</h1>
      ${how}
      <form method="post" action="${PAGE}">
        ${forms.tokenField(request, reply)}
        <input type="hidden" name="state" value="${steps.seal(step, forms.browserOf(request))}">
        ${codeField('Code', problem)}
        <div class="actions"><button type="submit">Turn on</button></div>
      </form>
      <p><a href="/account">Back</a></p>`,
      problem,
    );

  return [
    {
      id: 'native.account.factor.page',
      method: 'GET',
      path: PAGE,
      requires: 'self:write',
      recent: true,
      handle: async ({ request, reply, actor }) => {
        const own = memberOf(actor);
        const member = await membershipOf(own);
        if ((await factors.of(member)) !== undefined) return showRemoval(request, reply);
        const opened = await sessions.openedWith(own);
        const { secret, uri } = factors.propose(ISSUER, member);
        const step: SignInStep = {
          org: member.org,
          membership: member.id,
          // A session of one organization sets up a factor for that organization, like everything it does.
          identityOrg: opened?.everywhere === true ? INSTALLATION : member.org,
          identity: 0,
          proof: '',
          choice: false,
          next: DEFAULT_PAGE,
          secret,
        };
        return showSetup(request, reply, step, setupSteps(uri));
      },
    },
    {
      id: 'native.account.factor.enroll',
      method: 'POST',
      path: PAGE,
      requires: 'self:write',
      recent: true,
      handle: async ({ request, reply, actor }) => {
        const { state = '', code = '' } = fieldsOf(request);
        const own = memberOf(actor);
        const step = steps.open(state, forms.browserOf(request));
        if (step.org !== own.org || step.membership !== own.membership || step.secret === null) {
          throw new AppError('forbidden', 'This was begun by another session. Load the page again.');
        }
        const made = await factors.enroll(await membershipOf(own), step.identityOrg, step.secret, code);
        if (made === undefined) {
          const how = html`<p>Type the code that your app shows.</p>`;
          return showSetup(request, reply, step, how, WRONG_CODE);
        }
        const body = html`
      <h1>Your second factor is on</h1>
      ${recoveryList(made.recoveryCodes)}
      <p class="actions"><a class="button" href="/account">Done</a></p>`;
        return sendPage(reply, { title: 'Recovery codes', body });
      },
    },
    {
      id: 'native.account.factor.remove',
      method: 'POST',
      path: `${PAGE}/remove`,
      requires: 'self:write',
      recent: true,
      handle: async ({ request, reply, actor }) => {
        const member = await membershipOf(memberOf(actor));
        const factor = await factors.of(member);
        if (factor === undefined) return reply.redirect(PAGE, SEE_OTHER);
        const removed = await factors.remove(factor, member, fieldsOf(request).code ?? '');
        return removed ? reply.redirect('/account', SEE_OTHER) : showRemoval(request, reply, WRONG_CODE);
      },
    },
  ];
}
