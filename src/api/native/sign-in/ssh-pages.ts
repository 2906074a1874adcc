/**
 * The page where a person lets an SSH login of their own device in. The session must be younger than the login's question: to
 * prove who one is now is what the rule asks for.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SshCheck } from '../../../domain/model/devices.ts';
import { SSH_CHECK_PATH } from '../../../domain/ssh-checks/ssh-check-service.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText } from '../../shared/parameters.ts';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';
import { fieldsOf } from './forms.ts';
import { signInAgainPath } from './next-page.ts';
import { nothingToDecide } from './nothing-to-decide.ts';
import { type MemberActor, memberOf, type PageParts } from './parts.ts';
import { timeOf } from './time.ts';

const SEE_OTHER = 303;

const idOf = (request: FastifyRequest): string => pathText(request, 'check');

export function sshOperations({ services, forms }: PageParts): readonly Operation[] {
  const { sessions, sshChecks, store } = services;

  const gone = (reply: FastifyReply): FastifyReply =>
    nothingToDecide(
      reply,
      'This link was used already, it is too old, or it is for a device of somebody else. If the login still waits, start it again; it shows a new link.',
    );

  /** Whether the person signed in after the login asked for it. */
  const isFresh = async (actor: MemberActor, check: SshCheck): Promise<boolean> => {
    const session = await sessions.openedWith(actor);
    return session !== undefined && session.provenAt >= check.createdAt;
  };

  const labelOf = async (org: number, device: number): Promise<string> =>
    (await store.get('device', org, device))?.label ?? 'a device that is gone';

  const ask = async (
    request: FastifyRequest,
    reply: FastifyReply,
    actor: MemberActor,
    check: SshCheck,
  ): Promise<FastifyReply> => {
    const [source, target] = [await labelOf(actor.org, check.source), await labelOf(actor.org, check.target)];
    const body = html`
      <h1>Log in to “${target}” as ${check.user}?</h1>
      <p>Your device “${source}” opened an SSH session, and it waits for you.</p>
      <dl class="facts">
        <dt>From</dt><dd>${source}</dd>
        <dt>To</dt><dd>${target}</dd>
        <dt>As</dt><dd>${check.user}</dd>
        <dt>Asked at</dt><dd>${timeOf(check.createdAt)}</dd>
        <dt>You are</dt><dd>${actor.name}</dd>
      </dl>
      <form method="post" action="${SSH_CHECK_PATH}${idOf(request)}">
        ${forms.tokenField(request, reply)}
        <div class="actions">
          <button type="submit" name="decision" value="allow">Let it in</button>
          <button type="submit" name="decision" value="refuse" class="quiet">Refuse</button>
        </div>
      </form>
      <p class="hint">If you did not start this session yourself, refuse, and tell whoever runs the organization.</p>`;
    return sendPage(reply, { title: 'An SSH login waits', body });
  };

  const signInAgain = (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
    reply.redirect(signInAgainPath(`${SSH_CHECK_PATH}${idOf(request)}`), SEE_OTHER);

  return [
    {
      id: 'native.ssh-check.page',
      method: 'GET',
      path: `${SSH_CHECK_PATH}:check`,
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        const member = memberOf(actor);
        const check = await sshChecks.waiting(idOf(request), member);
        if (check === undefined) return gone(reply);
        return (await isFresh(member, check))
          ? ask(request, reply, member, check)
          : signInAgain(request, reply);
      },
    },
    {
      id: 'native.ssh-check.decide',
      method: 'POST',
      path: `${SSH_CHECK_PATH}:check`,
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        const member = memberOf(actor);
        const check = await sshChecks.waiting(idOf(request), member);
        if (check === undefined) return gone(reply);
        if (!(await isFresh(member, check))) return signInAgain(request, reply);
        const allowed = fieldsOf(request).decision === 'allow';
        await sshChecks.decide(idOf(request), member, allowed ? 'allowed' : 'denied');
        const body = allowed
          ? html`
      <h1>The session is open</h1>
      <p>You can close this page and go back to it.</p>`
          : html`
      <h1>Refused</h1>
      <p>The session was not opened. If you did not start it yourself, somebody may be using your device; tell whoever runs
        the organization.</p>`;
        return sendPage(reply, { title: allowed ? 'Let in' : 'Refused', body });
      },
    },
  ];
}
