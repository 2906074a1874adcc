/**
 * Proof of who one is that is fresh: asked for where somebody who found an open session could make it theirs for good, by
 * adding a way to sign in or taking away what stands in theirs.
 */
import { MINUTE } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { INSTALLATION, type Reader } from '../ports/store.ts';
import type { Actor } from './actor.ts';

/** How long a sign-in counts as fresh, wherever that is asked for. */
export const RECENT_SIGN_IN_MS = 10 * MINUTE;

/** Identities that open a session by themselves. */
const LOGINS = ['password', 'passkey', 'oidc', 'sso'] as const;

const signInAgain = (): AppError =>
  new AppError('sign_in_again', 'for this, prove once more who you are: sign in again');

type Rows = Pick<Reader, 'get' | 'find'>;

/** Whether the person behind a session proved who they are within the window. False for anything but a session. */
export async function isRecentSignIn(reader: Rows, actor: Actor, now: number): Promise<boolean> {
  if (actor.kind !== 'member' || actor.credential?.kind !== 'session') return false;
  const session = await reader.get('session', actor.org, { credential: actor.credential.id });
  return session !== undefined && session.provenAt + RECENT_SIGN_IN_MS > now;
}

/** Errors: `sign_in_again`; `forbidden` for a token, which no sign-in makes fresh. */
export async function requireRecentSignIn(reader: Rows, actor: Actor, now: number): Promise<void> {
  if (actor.kind !== 'member' || actor.credential?.kind !== 'session') {
    throw new AppError('forbidden', 'a token does not change how its owner signs in: sign in for that');
  }
  if (!(await isRecentSignIn(reader, actor, now))) throw signInAgain();
}

/** As `requireRecentSignIn`; but whoever has no way to sign in yet has nothing to prove themselves with. */
export async function requireRecentIfPossible(reader: Rows, actor: Actor, now: number): Promise<void> {
  if (actor.kind !== 'member') return;
  const member = await reader.get('membership', actor.org, actor.membership);
  if (member === undefined) return;
  for (const org of [actor.org, INSTALLATION]) {
    const found = await reader.find('identity', org, { account: member.account, kind: LOGINS });
    if (found.length > 0) return requireRecentSignIn(reader, actor, now);
  }
}
