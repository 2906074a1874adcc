/** The services behind the pages for people. */
import type { SignInServices } from '../api/native/sign-in/parts.ts';
import { createPersonSignIn } from '../auth/person-sign-in.ts';
import { createSessions } from '../auth/sessions.ts';
import { createDeviceLogins } from '../domain/device-logins/device-login-service.ts';
import { createJoinService } from '../domain/devices/join-service.ts';
import { createPasswordLinks, type PasswordLinks } from '../domain/people/password-links.ts';
import { createJoinPolicy } from '../effective-policy/join-policy.ts';
import type { Services } from './services.ts';

export interface SignIn extends SignInServices {
  readonly passwordLinks: PasswordLinks;
}

type SignInParts = Pick<
  Services,
  'store' | 'clock' | 'random' | 'passwords' | 'passwordSignIn' | 'attemptLimiter'
>;

export function createSignIn(parts: SignInParts): SignIn {
  const { store, clock, random, passwords, passwordSignIn, attemptLimiter: limiter } = parts;
  const joins = createJoinService({ store, clock, random, policy: createJoinPolicy({ store }) });
  return {
    store,
    signIn: createPersonSignIn({ store, passwords, limiter, passwordSignIn }),
    sessions: createSessions({ store, clock, random }),
    deviceLogins: createDeviceLogins({ store, clock, random, joins }),
    passwordLinks: createPasswordLinks({ store, clock, random, hashPassword: passwords.hash }),
  };
}
