/**
 * The page where a person says whether a device may join as theirs. Anybody can send such a link to anybody, so the page
 * says what asks, from where, and whither it would go, and takes no yes that was not ticked.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DeviceLogin } from '../../../domain/model/devices.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText } from '../../shared/parameters.ts';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';
import { fieldsOf } from './forms.ts';
import { withNext } from './next-page.ts';
import { nothingToDecide } from './nothing-to-decide.ts';
import { type MemberActor, memberOf, type PageParts } from './parts.ts';
import { timeOf } from './time.ts';

const CONFLICT = 409;
const SHORT_KEY = 5;

/** As clients show keys: the first digits of their base64. */
const shortKey = (key: string): string =>
  `[${Buffer.from(key.slice(key.indexOf(':') + 1), 'hex')
    .toString('base64')
    .slice(0, SHORT_KEY)}]`;

/** Loopback and mapped addresses are one machine's, however they are written. */
const plainAddress = (address: string): string =>
  address.replace(/^::ffff:/u, '').replace(/^::1$/u, '127.0.0.1');

const idOf = (request: FastifyRequest): string => pathText(request, 'login');

export function deviceOperations({ services, forms }: PageParts): readonly Operation[] {
  const { deviceLogins, sessions, store } = services;

  const gone = (reply: FastifyReply): FastifyReply =>
    nothingToDecide(
      reply,
      'This link was used already, or it is too old. If a device still asks you to sign in, start again on it; it shows a new link.',
    );

  const ask = async (
    request: FastifyRequest,
    reply: FastifyReply,
    actor: MemberActor,
    login: DeviceLogin,
    problem?: string,
  ): Promise<FastifyReply> => {
    const { facts, address, createdAt } = login;
    const path = `/login/device/${idOf(request)}`;
    const organization = await store.get('organization', INSTALLATION, actor.org);
    const elsewhere = plainAddress(address) !== plainAddress(request.ip);
    const movable = (await sessions.openedWith(actor))?.everywhere === true;
    const body = html`
      <h1>Connect “${facts.hostname}” to ${organization?.name ?? ''}?</h1>
      <p>A device asks to join the network as yours. It could then reach whatever you may reach.</p>
      <dl class="facts">
        <dt>Device</dt><dd>${facts.hostname}</dd>
        <dt>System</dt><dd>${facts.os || 'not told'}</dd>
        <dt>Machine key</dt><dd><code>${shortKey(login.machineKey)}</code></dd>
        ${facts.requestTags.length > 0 ? html`<dt>Tags</dt><dd>${facts.requestTags.join(', ')}</dd>` : undefined}
        ${facts.advertised.length > 0 ? html`<dt>Routes</dt><dd>${facts.advertised.join(', ')}</dd>` : undefined}
        <dt>Asked from</dt><dd>${address}</dd>
        <dt>Asked at</dt><dd>${timeOf(createdAt)}</dd>
        <dt>Organization</dt><dd>${organization?.name ?? ''} (${organization?.label ?? ''})</dd>
        <dt>You are</dt><dd>${actor.name}</dd>
      </dl>
      ${
        elsewhere
          ? html`<p class="notice"><strong>The device asked from ${address}, and you are at ${request.ip}.</strong>
        That is so when it is in another place, or behind another address. If somebody sent you this link, refuse.</p>`
          : undefined
      }
      <form method="post" action="${path}">
        ${forms.tokenField(request, reply)}
        <input type="hidden" name="organization" value="${actor.org}">
        <div class="choice">
          <input type="checkbox" id="mine" name="mine" value="yes" aria-describedby="problem">
          <label for="mine">I started this on that device just now, and I got the link from there</label>
        </div>
        <p class="error" id="problem" role="alert">${problem}</p>
        <div class="actions">
          <button type="submit" name="decision" value="connect">Connect</button>
          <button type="submit" name="decision" value="refuse" class="quiet">Refuse</button>
        </div>
      </form>
      ${movable ? html`<p class="hint"><a href="${withNext('/account/organization', path)}">Choose another organization</a></p>` : undefined}`;
    return sendPage(
      reply,
      { title: 'Connect a device?', body },
      problem === undefined ? undefined : CONFLICT,
    );
  };

  const connect = async (
    request: FastifyRequest,
    reply: FastifyReply,
    actor: MemberActor,
    login: DeviceLogin,
  ): Promise<FastifyReply> => {
    const { organization, mine } = fieldsOf(request);
    if (organization !== String(actor.org)) {
      // Changed in another tab since the page was shown: the person said yes to something else.
      return ask(request, reply, actor, login, 'You are in another organization by now. Look again.');
    }
    if (mine !== 'yes') return ask(request, reply, actor, login, 'Tick the box if it was you; else refuse.');
    const outcome = await deviceLogins.approve(idOf(request), actor);
    if (outcome.kind !== 'joined') {
      const reason = outcome.kind === 'refused' ? outcome.reason : 'the device cannot join now';
      return ask(request, reply, actor, login, `It did not work: ${reason}.`);
    }
    const { device } = outcome;
    const body = html`
      <h1>“${device.label}” is connected</h1>
      ${
        device.authorizedAt === null
          ? html`<p class="notice">An administrator has to approve it before it reaches anything.</p>`
          : undefined
      }
      <p>You can close this page and go back to the device.</p>`;
    return sendPage(reply, { title: 'Connected', body });
  };

  return [
    {
      id: 'native.device-login.page',
      method: 'GET',
      path: '/login/device/:login',
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        const login = await deviceLogins.waiting(idOf(request));
        return login === undefined ? gone(reply) : ask(request, reply, memberOf(actor), login);
      },
    },
    {
      id: 'native.device-login.decide',
      method: 'POST',
      path: '/login/device/:login',
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        const member = memberOf(actor);
        const login = await deviceLogins.waiting(idOf(request));
        if (login === undefined) return gone(reply);
        const { decision } = fieldsOf(request);
        if (decision === 'connect') return connect(request, reply, member, login);
        if (decision !== 'refuse') return ask(request, reply, member, login, 'Connect or refuse.');
        await deviceLogins.deny(idOf(request), member);
        const body = html`
      <h1>Refused</h1>
      <p>The device was not connected. If you did not start this yourself, somebody may have tried to join a device as
        yours; tell whoever runs the organization.</p>`;
        return sendPage(reply, { title: 'Refused', body });
      },
    },
  ];
}
