// A real OpenID provider on loopback (oidc-provider), with its own pages for signing in.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
// The package has no types of its own.
// @ts-expect-error
import Provider from 'oidc-provider';
import { PATIENT } from './patient.ts';

export interface OpenIdServer {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  close(): Promise<void>;
}

/**
 * @param redirectUri where it may send people back to
 * @param groupsOf the groups of whoever signs in under a name
 */
export async function createOpenIdServer(
  redirectUri: string,
  domain: string,
  groupsOf: (login: string) => readonly string[] = () => [],
): Promise<OpenIdServer> {
  const clientId = 'holdfast';
  const clientSecret = 'the secret of a provider in a test';
  const server = createServer(PATIENT);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [redirectUri],
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
    ],
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    findAccount: (_context: unknown, login: string) => ({
      accountId: login,
      claims: () => ({
        sub: `person-${login}`,
        email: `${login}@${domain}`,
        email_verified: true,
        name: login,
        groups: groupsOf(login),
      }),
    }),
    cookies: { keys: ['a key of a test'] },
  });
  server.on('request', provider.callback());
  return {
    issuer,
    clientId,
    clientSecret,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
