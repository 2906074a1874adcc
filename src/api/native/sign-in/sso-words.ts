/** What a person is told when a provider's answer lets them in nowhere. */
import type { SsoRefusal } from '../../../auth/sso/sso-sign-in.ts';

export function ssoWords(reason: SsoRefusal): string {
  switch (reason) {
    case 'state':
      return 'This took too long, or it was begun in another browser. Sign in again.';
    case 'used':
      return 'This sign-in was used already. Sign in again.';
    case 'gone':
      return 'The organization does not sign people in by this provider any more.';
    case 'provider-unavailable':
      return 'The identity provider does not answer. Try again in a moment.';
    case 'provider-refused':
      return 'The identity provider did not let you in, or you went back.';
    case 'not-fresh':
      return 'This asks you to prove once more who you are, and the identity provider did not ask you, or does not say that it did. Sign in another way; whoever runs the organization can give you a link to set a password.';
    case 'untrusted':
      return 'What the identity provider answered cannot be trusted, so nobody was signed in. Try again; if it stays so, tell whoever runs the organization.';
    case 'no-email':
      return 'The identity provider did not say your e-mail address, and without one nobody can be found. Ask whoever runs the organization.';
    case 'unverified-email':
      return 'The identity provider has not verified your e-mail address. Verify it there, then sign in again.';
    case 'not-a-member':
      return 'You are not a member of this organization, and it lets nobody in who was not invited. Ask whoever runs it.';
    case 'address-taken':
      return 'Somebody with your e-mail address is a member already and signs in another way. If that is you, sign in that way; on your account page you can then add this provider.';
    case 'needs-invitation':
      return 'You are invited as an administrator. Open the link of your invitation and accept it there.';
    case 'not-vouched':
      return 'Somebody with less power than you have set where this provider is asked, so its word is not enough for you. The owner may confirm these endpoints by setting them again.';
    case 'invitation-gone':
      return 'The invitation is not open any more. Ask whoever invited you for another.';
    case 'other-address':
      return 'The invitation is for another e-mail address than the one you have at the identity provider.';
    case 'other-person':
      return 'Another member signs in by this account of the identity provider already.';
    case 'not-approved':
      return 'You have arrived. An administrator has to approve you before you can sign in.';
    case 'suspended':
      return 'This account is suspended. Ask whoever runs the organization.';
  }
}
