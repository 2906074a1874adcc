/**
 * Accepting an invitation, by either kind of link: the one that came by mail or was handed over, and the one that whoever
 * invites is shown. Both lead to one page with the ways in that the organization takes.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  type FoundInvitation,
  INVITATION_PATH,
  type InvitationDoor,
} from '../../../domain/people/invitation-acceptance.ts';
import { JOIN_PATH } from '../../../domain/people/invite-link.ts';
import { INSTALLATION } from '../../../domain/ports/store.ts';
import { AppError, notFound } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText } from '../../shared/parameters.ts';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';
import { fieldsOf } from './forms.ts';
import { type InvitationProblem, invitationForm } from './invitation-form.ts';
import { DEFAULT_PAGE } from './next-page.ts';
import { memberOf, type PageParts } from './parts.ts';
import { relyingParty, requireParty, scriptFor } from './passkey-forms.ts';
import { createSsoStart } from './sso-start.ts';

const SEE_OTHER = 303;
const NOT_FOUND = 404;
const BAD_REQUEST = 400;

const linkOf = (request: FastifyRequest): string => pathText(request, 'link');

const sentence = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.`;

const gone = (reply: FastifyReply): FastifyReply =>
  sendPage(
    reply,
    {
      title: 'This invitation is not open any more',
      body: html`
      <h1>This invitation is not open any more</h1>
      <p>It was used, taken back, or it is too old. Ask whoever invited you for another.</p>
      <p><a href="/login">Sign in</a></p>`,
    },
    NOT_FOUND,
  );

export const invitationOperations = (parts: PageParts): readonly Operation[] => [
  ...doorOperations(parts, 'invitation', INVITATION_PATH, parts.services.invitations),
  ...doorOperations(parts, 'join', JOIN_PATH, parts.services.linkInvites),
];

function doorOperations(
  parts: PageParts,
  id: string,
  base: string,
  door: InvitationDoor,
): readonly Operation[] {
  const { services, cookies, forms, originOf, person } = parts;
  const { passkeys, sessions, sso } = services;
  const { begin } = createSsoStart(parts);

  const takes = ({ organization, role }: FoundInvitation, kind: 'password' | 'passkey'): Promise<boolean> =>
    services.takesLogin({ org: organization.id, role }, kind);
  /** The form is not shown then, and a way in that is not taken would lock the person out of those that are. */
  const requireTaken = async (found: FoundInvitation, kind: 'password' | 'passkey'): Promise<void> => {
    if (await takes(found, kind)) return;
    throw new AppError('forbidden', `this organization does not let people sign in with a ${kind}`);
  };

  const ask = async (
    request: FastifyRequest,
    reply: FastifyReply,
    found: FoundInvitation,
    problem?: InvitationProblem,
  ): Promise<FastifyReply> => {
    const { organization, member, everywhere } = found;
    const rp = relyingParty(originOf(request));
    const prepare = async (party: NonNullable<typeof rp>) => {
      const browser = forms.ensureBrowser(request, reply);
      const place = everywhere ? INSTALLATION : organization.id;
      return member === undefined
        ? passkeys.prepareNewcomer(organization, party, browser)
        : passkeys.prepareRegistration(member, place, party, browser);
    };
    const actor = await person(request);
    const isEverywhere = actor !== undefined && (await sessions.openedWith(actor))?.everywhere === true;
    const body = invitationForm({
      found,
      path: `${base}${linkOf(request)}`,
      token: () => forms.tokenField(request, reply),
      self: isEverywhere ? actor.name : undefined,
      connections: await sso.connections(organization.id),
      takesPasswords: await takes(found, 'password'),
      passkey: rp !== undefined && (await takes(found, 'passkey')) ? await prepare(rp) : undefined,
      problem,
    });
    return sendPage(
      reply,
      { title: `Join ${organization.name}`, body, ...scriptFor(rp) },
      problem === undefined ? undefined : BAD_REQUEST,
    );
  };

  /** Runs what lets the person in, and sends them to sign in; or says what was wrong with what they gave. */
  const enter = async (
    request: FastifyRequest,
    reply: FastifyReply,
    kind: 'password' | 'passkey',
    name: string,
    join: (found: FoundInvitation) => Promise<unknown>,
  ): Promise<FastifyReply> => {
    const found = await door.find(linkOf(request));
    if (found === undefined) return gone(reply);
    await requireTaken(found, kind);
    try {
      await join(found);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === 'not_found') return gone(reply);
      // What is wrong with a passkey itself is no field's fault.
      const isFields = error.code === 'taken' || (error.code === 'invalid' && error.field !== 'passkey');
      if (!isFields) throw error;
      const passkey = kind === 'passkey';
      const problem = { field: error.field ?? kind, text: sentence(error.message), name, passkey };
      return ask(request, reply, found, problem);
    }
    // The sign-in page knows what else the organization asks for: second factors, other ways than passwords.
    cookies.clear(request, reply, 'session');
    return reply.redirect(`/login?organization=${found.organization.label}`, SEE_OTHER);
  };

  return [
    {
      id: `native.${id}.page`,
      method: 'GET',
      path: `${base}:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const found = await door.find(linkOf(request));
        return found === undefined ? gone(reply) : ask(request, reply, found);
      },
    },
    {
      id: `native.${id}.account`,
      method: 'POST',
      path: `${base}:link/account`,
      requires: 'self:write',
      handle: async ({ request, reply, actor }) => {
        try {
          await door.acceptAs(memberOf(actor), linkOf(request), 'native-api');
        } catch (error) {
          if (error instanceof AppError && error.code === 'not_found') return gone(reply);
          throw error;
        }
        return reply.redirect('/account/organization', SEE_OTHER);
      },
    },
    {
      id: `native.${id}.accept`,
      method: 'POST',
      path: `${base}:link`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const { name = '', password = '' } = fieldsOf(request);
        return enter(request, reply, 'password', name, () =>
          door.accept(linkOf(request), { name, password }),
        );
      },
    },
    {
      id: `native.${id}.passkey`,
      method: 'POST',
      path: `${base}:link/passkey`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const { passkey: state = '', credential: answer = '', login: name = '' } = fieldsOf(request);
        const link = linkOf(request);
        return enter(request, reply, 'passkey', name, ({ member, everywhere }) => {
          const shown = {
            rp: requireParty(originOf(request)),
            browser: forms.browserOf(request),
            state,
            answer,
          };
          if (member === undefined) return passkeys.join({ link, name, ...shown });
          const org = everywhere ? INSTALLATION : member.org;
          return passkeys.register({
            ...shown,
            member,
            org,
            name: '',
            afterPassword: false,
            invitation: link,
          });
        });
      },
    },
    {
      id: `native.${id}.sso`,
      method: 'GET',
      path: `${base}:link/sso`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const link = linkOf(request);
        const found = await door.find(link);
        if (found === undefined) throw notFound('invitation');
        const purpose = { kind: 'invitation', link } as const;
        const url = await begin(request, reply, found.organization, purpose, DEFAULT_PAGE);
        return reply.redirect(url, SEE_OTHER);
      },
    },
  ];
}
