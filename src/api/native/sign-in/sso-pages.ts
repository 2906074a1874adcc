/**
 * Signing in by an organization's own identity provider. The way there is a link and not a form: browsers do not let a
 * form's answer lead to another site. The way back names the organization, so that no provider's answer reaches another's.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ShownConnection, SsoOutcome } from '../../../auth/sso/sso-sign-in.ts';
import type { Organization } from '../../../domain/model/people.ts';
import { AppError } from '../../../kernel/errors.ts';
import { normalizeKey } from '../../../kernel/text.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText, queryText } from '../../shared/parameters.ts';
import { type Html, html } from '../html.ts';
import { sendPage } from '../page.ts';
import { AGAIN_FIELD, DEFAULT_PAGE, nextPage } from './next-page.ts';
import { memberOf, type PageParts } from './parts.ts';
import { browserSession, putSession } from './session-cookie.ts';
import { createSsoStart } from './sso-start.ts';
import { ssoWords } from './sso-words.ts';

const SEE_OTHER = 303;
const FORBIDDEN = 403;
const NOT_FOUND = 404;
const MAX_LABEL = 63;

/** The page where a sign-in by an organization's provider begins. */
const ssoPath = (label: string, connection: number, next: string, again: boolean): string =>
  `/login/sso?${new URLSearchParams({
    organization: label,
    connection: String(connection),
    ...(next === DEFAULT_PAGE ? {} : { next }),
    ...(again ? { again: 'yes' } : {}),
  })}`;

/** Links to the providers of an organization. */
export const ssoLinks = (
  { label }: Pick<Organization, 'label'>,
  connections: readonly ShownConnection[],
  next: string,
  /** Whether the person is to prove who they are anew. */
  again: boolean,
): Html =>
  html`<div class="actions">${connections.map(
    ({ id, name }) =>
      html`<a class="button" href="${ssoPath(label, id, next, again)}">Sign in with ${name}</a>`,
  )}</div>`;

export function ssoOperations(parts: PageParts): readonly Operation[] {
  const { services, cookies, forms, originOf, person } = parts;
  const { sso, sessions, store } = services;
  const { begin, callbackOf } = createSsoStart(parts);

  const organizationOf = async (label: string): Promise<Organization | undefined> => {
    const key = normalizeKey(label);
    return key === '' || key.length > MAX_LABEL ? undefined : store.organizationBy('label', key);
  };

  const askName = (request: FastifyRequest, reply: FastifyReply, problem?: string): FastifyReply => {
    const next = nextPage(queryText(request, 'next'));
    const again = queryText(request, 'again') === '' ? undefined : AGAIN_FIELD;
    const body = html`
      <h1>Sign in with your organization</h1>
      <p>Many organizations have a sign-in of their own. Say which is yours.</p>
      <form method="get" action="/login/sso">
        <input type="hidden" name="next" value="${next}">${again}
        <div class="field">
          <label for="organization">Organization</label>
          <input id="organization" name="organization" type="text" autocomplete="organization" autocapitalize="none"
            spellcheck="false" required maxlength="${MAX_LABEL}" value="${queryText(request, 'organization').slice(0, MAX_LABEL)}"
            aria-describedby="organization-hint organization-error">
          <p class="hint" id="organization-hint">Its short name.</p>
          <p class="error" id="organization-error" role="alert">${problem}</p>
        </div>
        <div class="actions"><button type="submit">Go on</button></div>
      </form>
      <p><a href="/login">Sign in another way</a></p>`;
    const title = 'Sign in with your organization';
    return sendPage(reply, { title, body }, problem === undefined ? undefined : NOT_FOUND);
  };

  const refusedPage = (
    reply: FastifyReply,
    outcome: Extract<SsoOutcome, { kind: 'refused' }>,
    label: string,
  ): FastifyReply => {
    const { reason, began } = outcome;
    const waits = reason === 'not-approved';
    const title = waits ? 'Waiting for approval' : 'You are not signed in';
    const linking = began?.purpose.kind === 'link';
    const body = html`
      <h1>${title}</h1>
      <p>${ssoWords(reason)}</p>
      <p class="actions">${
        linking
          ? html`<a class="button" href="/account/sign-in">Back to your account</a>`
          : html`<a class="button" href="/login?organization=${encodeURIComponent(label)}">Sign in</a>`
      }</p>`;
    return sendPage(reply, { title, body }, FORBIDDEN);
  };

  const finish = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const label = pathText(request, 'organization');
    const redirectUri = callbackOf(request, label);
    const url = `${redirectUri}?${request.url.split('?')[1] ?? ''}`;
    const browser = forms.ensureBrowser(request, reply);
    const outcome = await sso.finish({ url, browser, redirectUri, signedIn: await person(request) });
    if (outcome.kind === 'refused') return refusedPage(reply, outcome, label);
    const { member, purpose, identity, provenAt } = outcome;
    if (purpose.kind === 'link') {
      const body = html`
      <h1>Added</h1>
      <p>From now on you can also sign in${identity.email === null ? '' : ` as ${identity.email}`} with your organization’s provider.</p>
      <p class="actions"><a class="button" href="/account/sign-in">Back to your account</a></p>`;
      return sendPage(reply, { title: 'Added', body });
    }
    // Always a new session: one that somebody else put into this browser must not become this person's.
    putSession(
      cookies,
      request,
      reply,
      await sessions.open({ member, identity, provenAt }, browserSession(request)),
    );
    return reply.redirect(nextPage(outcome.returnTo), SEE_OTHER);
  };

  return [
    {
      id: 'native.sso.start',
      method: 'GET',
      path: '/login/sso',
      requires: 'public',
      handle: async ({ request, reply }) => {
        const label = queryText(request, 'organization');
        if (label === '') return askName(request, reply);
        const organization = await organizationOf(label);
        const connections = organization === undefined ? [] : await sso.connections(organization.id);
        if (organization === undefined || connections.length === 0) {
          return askName(
            request,
            reply,
            'There is no organization of this name that has a sign-in of its own.',
          );
        }
        const next = nextPage(queryText(request, 'next'));
        const again = queryText(request, 'again') !== '';
        // What a form leads to may not lead on to another site: there is a link in between.
        if (queryText(request, 'connection') === '') {
          const body = html`
      <h1>Sign in to ${organization.name}</h1>
      ${ssoLinks(organization, connections, next, again)}`;
          return sendPage(reply, { title: 'Sign in', body });
        }
        return reply.redirect(
          await begin(request, reply, organization, { kind: 'sign-in' }, next, again),
          SEE_OTHER,
        );
      },
    },
    {
      id: 'native.sso.link',
      method: 'POST',
      path: '/account/sign-in/provider',
      requires: 'self:write',
      recent: true,
      handle: async ({ request, reply, actor }) => {
        const { org, membership } = memberOf(actor);
        const organization = await store.get('organization', 0, org);
        if (organization === undefined) throw new AppError('unauthenticated', 'sign in again');
        const purpose = { kind: 'link', membership } as const;
        const url = await begin(request, reply, organization, purpose, '/account/sign-in');
        // A page in between: a form's answer may not lead to another site, and its sender is to see where it leads.
        const body = html`
      <h1>Add this provider?</h1>
      <p>Whoever is signed in at ${new URL(url).host} will be able to sign in as you here. Go on if that is you.</p>
      <p class="actions"><a class="button" href="${url}">Go to ${new URL(url).host}</a></p>
      <p><a href="/account/sign-in">Back</a></p>`;
        return sendPage(reply, { title: 'Add a provider', body });
      },
    },
    {
      id: 'native.sso.callback',
      method: 'GET',
      path: '/login/sso/:organization/callback',
      requires: 'public',
      handle: ({ request, reply }) => finish(request, reply),
    },
    {
      // OpenID Connect Core §4: sign-in that begins at the provider, or anywhere else.
      id: 'native.sso.initiate',
      method: 'GET',
      path: '/openid/connect/login',
      requires: 'public',
      handle: async ({ request, reply }) => {
        const tenant = queryText(request, 'tenant');
        const organization = (await store.organizationBy('nano', tenant)) ?? (await organizationOf(tenant));
        const issuer = queryText(request, 'iss');
        const [connection] =
          organization === undefined
            ? []
            : await store.find('ssoConnection', organization.id, { identifier: issuer }, 1);
        if (organization === undefined || connection === undefined) return askName(request, reply);
        const target = queryText(request, 'target_link_uri');
        const origin = originOf(request);
        const next = target.startsWith(`${origin}/`) ? target.slice(origin.length) : DEFAULT_PAGE;
        return reply.redirect(ssoPath(organization.label, connection.id, nextPage(next), false), SEE_OTHER);
      },
    },
  ];
}
