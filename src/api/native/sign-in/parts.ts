/** What the pages for people are made of. */
import type { FastifyRequest } from 'fastify';
import type { OwnLogins } from '../../../auth/own-logins.ts';
import type { Passkeys } from '../../../auth/passkeys/passkeys.ts';
import type { PersonSignIn } from '../../../auth/person-sign-in.ts';
import type { SecondFactors } from '../../../auth/second-factor.ts';
import type { Sessions } from '../../../auth/sessions.ts';
import type { SignInSteps } from '../../../auth/sign-in-steps.ts';
import type { SsoSignIn } from '../../../auth/sso/sso-sign-in.ts';
import type { Actor } from '../../../domain/access/actor.ts';
import type { ContactService } from '../../../domain/contacts/contact-service.ts';
import type { DeviceLogins } from '../../../domain/device-logins/device-login-service.ts';
import type { Identity, Membership } from '../../../domain/model/people.ts';
import type { InvitationDoor } from '../../../domain/people/invitation-acceptance.ts';
import type { PasswordLinks } from '../../../domain/people/password-links.ts';
import type { Store } from '../../../domain/ports/store.ts';
import type { ShareAcceptance } from '../../../domain/shares/share-acceptance.ts';
import type { SshChecks } from '../../../domain/ssh-checks/ssh-check-service.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Cookies } from './cookies.ts';
import type { Forms } from './forms.ts';

export type MemberActor = Extract<Actor, { readonly kind: 'member' }>;

export interface SignInServices {
  readonly store: Pick<Store, 'get' | 'list' | 'find' | 'queries' | 'organizationBy'>;
  readonly signIn: PersonSignIn;
  readonly factors: SecondFactors;
  readonly steps: SignInSteps;
  readonly sessions: Sessions;
  readonly sso: SsoSignIn;
  readonly logins: OwnLogins;
  readonly passkeys: Passkeys;
  /** Whether a member's organization takes a way to sign in. */
  readonly takesLogin: (member: Pick<Membership, 'org' | 'role'>, kind: Identity['kind']) => Promise<boolean>;
  readonly deviceLogins: Pick<DeviceLogins, 'waiting' | 'approve' | 'deny'>;
  readonly sshChecks: Pick<SshChecks, 'waiting' | 'decide'>;
  /** Links that came by mail, or that an administrator handed over. */
  readonly invitations: InvitationDoor;
  /** Links that whoever invites is shown. */
  readonly linkInvites: InvitationDoor;
  readonly shareAcceptance: ShareAcceptance;
  readonly contacts: Pick<ContactService, 'waiting' | 'verify'>;
  readonly passwordLinks: Pick<PasswordLinks, 'memberOf' | 'use'>;
}

export interface PageParts {
  readonly services: SignInServices;
  readonly cookies: Cookies;
  readonly forms: Forms;
  /** The origin under which the caller reached us. */
  readonly originOf: (request: FastifyRequest) => string;
  /** The person whose session the request's cookie holds; undefined when there is none. */
  readonly person: (request: FastifyRequest) => Promise<MemberActor | undefined>;
}

/** Pages are for people with a session: what else may be an actor never gets here. */
export function memberOf(actor: Actor): MemberActor {
  if (actor.kind !== 'member') throw new AppError('forbidden', 'this page is for people');
  return actor;
}
