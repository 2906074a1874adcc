/** An issuer of workload tokens in a test's own world. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Internet } from './support.ts';

export interface TestIssuer {
  readonly url: string;
  /** Good for five minutes from `now`, milliseconds since 1970. */
  token(claims: { readonly sub: string; readonly aud: string }, now: number): Promise<string>;
}

const URL_OF_ISSUER = 'https://ci.test/tenant';
const KEYS = 'https://keys.test/set';
const LIFE_SECONDS = 300;

export async function createIssuer(internet: Internet): Promise<TestIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const key = { ...(await exportJWK(publicKey)), kid: 'k', use: 'sig', alg: 'ES256' };
  const discovery = { issuer: URL_OF_ISSUER, jwks_uri: KEYS };
  internet.set(`${URL_OF_ISSUER}/.well-known/openid-configuration`, JSON.stringify(discovery));
  internet.set(KEYS, JSON.stringify({ keys: [key] }));
  return {
    url: URL_OF_ISSUER,
    token: ({ sub, aud }, now) => {
      const at = Math.floor(now / 1_000);
      return new SignJWT({ sub, aud })
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .setIssuer(URL_OF_ISSUER)
        .setIssuedAt(at)
        .setExpirationTime(at + LIFE_SECONDS)
        .sign(privateKey);
    },
  };
}
