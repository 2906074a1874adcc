/** The services behind the pages for people. */
import type { SignInServices } from '../api/native/sign-in/parts.ts';
import { takesLogin } from '../auth/login-rules.ts';
import { createOwnLogins } from '../auth/own-logins.ts';
import { createPasskeys } from '../auth/passkeys/passkeys.ts';
import { memberByLogin } from '../auth/password-sign-in.ts';
import { createPersonSignIn } from '../auth/person-sign-in.ts';
import { createSecondFactors } from '../auth/second-factor.ts';
import { createSessions } from '../auth/sessions.ts';
import { createSignInSteps } from '../auth/sign-in-steps.ts';
import { createSsoSignIn } from '../auth/sso/sso-sign-in.ts';
import { createContactService } from '../domain/contacts/contact-service.ts';
import { createDeviceLogins, type DeviceLogins } from '../domain/device-logins/device-login-service.ts';
import { createJoinService } from '../domain/devices/join-service.ts';
import type { MailSecrets } from '../domain/mail/mail-secrets.ts';
import {
  createInvitationAcceptance,
  type InvitationAcceptance,
  type InvitationDoor,
} from '../domain/people/invitation-acceptance.ts';
import { createInvitationsByAccount } from '../domain/people/invitation-by-account.ts';
import { createLinkInvites } from '../domain/people/link-invites.ts';
import { createPasswordLinks, type PasswordLinks } from '../domain/people/password-links.ts';
import type { KeyedTexts } from '../domain/ports/keyed-texts.ts';
import type { Sealer } from '../domain/ports/sealer.ts';
import { createShareAcceptance } from '../domain/shares/share-acceptance.ts';
import { createSshChecks, type SshChecks } from '../domain/ssh-checks/ssh-check-service.ts';
import type { Services } from './services.ts';

export interface SignIn extends SignInServices {
  readonly passwordLinks: PasswordLinks;
  readonly invitations: InvitationAcceptance & InvitationDoor;
  readonly deviceLogins: DeviceLogins;
  readonly sshChecks: SshChecks;
}

type SignInParts = Pick<
  Services,
  'store' | 'clock' | 'random' | 'passwords' | 'passwordSignIn' | 'attemptLimiter' | 'joinPolicy'
> & {
  readonly sealer: Sealer;
  readonly ssoAllowPrivate: boolean;
  readonly keyedTexts: KeyedTexts;
  readonly mailSecrets: Pick<MailSecrets, 'invitation' | 'share'>;
  /** Told why an identity provider could not be used. */
  readonly onSsoProblem?: (connection: number, error: unknown) => void;
};

export function createSignIn(parts: SignInParts): SignIn {
  const { store, clock, random, passwords, passwordSignIn, sealer, attemptLimiter: limiter } = parts;
  const { ssoAllowPrivate: allowPrivate, onSsoProblem: onProblem } = parts;
  const byAccount = createInvitationsByAccount({ store });
  const joins = createJoinService({ store, clock, random, policy: parts.joinPolicy });
  return {
    store,
    signIn: createPersonSignIn({ store, passwords, limiter, passwordSignIn }),
    factors: createSecondFactors({ store, clock, random, sealer, limiter }),
    steps: createSignInSteps({ sealer, clock }),
    sso: createSsoSignIn({
      store,
      clock,
      random,
      sealer,
      keyedTexts: parts.keyedTexts,
      allowPrivate,
      ...(onProblem === undefined ? {} : { onProblem }),
    }),
    logins: createOwnLogins({ store, passwords, limiter }),
    passkeys: createPasskeys({
      ...{ store, clock, random, sealer, limiter, keyedTexts: parts.keyedTexts },
      findMember: (org, login) => memberByLogin(store, org, login),
    }),
    takesLogin: (member, kind) => takesLogin(store, member, kind),
    sessions: createSessions({ store, clock, random }),
    deviceLogins: createDeviceLogins({ store, clock, random, joins }),
    sshChecks: createSshChecks({ store, clock, random }),
    invitations: {
      ...createInvitationAcceptance({
        ...{ store, clock, random, hashPassword: passwords.hash, mailSecrets: parts.mailSecrets },
      }),
      acceptAs: async (actor, link, origin) => (await byAccount.accept(actor, link, origin)).member,
    },
    linkInvites: createLinkInvites({
      ...{ store, clock, random, keyedTexts: parts.keyedTexts, hashPassword: passwords.hash },
    }),
    shareAcceptance: createShareAcceptance({ store, clock, secrets: parts.mailSecrets }),
    contacts: createContactService({ store }),
    passwordLinks: createPasswordLinks({ store, clock, random, hashPassword: passwords.hash }),
  };
}
