/** Access tokens as JSON web tokens of RFC 9068. Nothing else is signed with their keys. */
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import type { SignedTokens } from '../domain/ports/signed-tokens.ts';
import { type Clock, SECOND } from '../kernel/clock.ts';
import { type Random, randomNanoId } from '../kernel/random.ts';
import { SIGNING_ALGORITHM, type SigningKeys } from './signing-keys.ts';

const TYPE = 'at+jwt';
/** The same whatever origin clients come by, so that a token of one process is good at another. */
const AUDIENCE = 'holdfast';
/** Early clients of the Keycard API read the organization from here. */
const ORGANIZATION_CLAIM = 'https://api.keycard.sh/organization_id';
const SHAPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/u;
const MAX_LENGTH = 4_096;

export function createSignedTokens(parts: {
  readonly keys: SigningKeys;
  readonly clock: Clock;
  readonly random: Random;
}): SignedTokens {
  const { keys, clock, random } = parts;
  return {
    sign: async ({ credential, subject, organization }, { issuer, expiresAt }) => {
      const { kid, key } = await keys.current();
      return new SignJWT({ client_id: credential, [ORGANIZATION_CLAIM]: organization })
        .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: TYPE, kid })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience(AUDIENCE)
        .setIssuedAt(Math.floor(clock.now() / SECOND))
        .setExpirationTime(Math.floor(expiresAt / SECOND))
        .setJti(randomNanoId(random))
        .sign(key);
    },
    verify: async (token) => {
      if (token.length > MAX_LENGTH || !SHAPE.test(token)) return undefined;
      const kid = keyNameOf(token);
      const key = kid === undefined ? undefined : await keys.find(kid);
      if (key === undefined) return undefined;
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [SIGNING_ALGORITHM],
          typ: TYPE,
          audience: AUDIENCE,
          requiredClaims: ['exp', 'client_id'],
          currentDate: new Date(clock.now()),
        });
        const { client_id: credential, exp } = payload;
        if (typeof credential !== 'string' || exp === undefined) return undefined;
        return { credential, expiresAt: exp * SECOND };
      } catch {
        // Whatever is wrong with it, it opens nothing.
        return undefined;
      }
    },
  };
}

function keyNameOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}
